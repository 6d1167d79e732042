# shellcheck shell=dash disable=SC2016,SC2034,SC2015
# What `opkg-ostree` shows and switches without Node. Needs boot.sh and switch.sh, and `die` of the caller.

require_sysroot() {
	[ -d "$SYSROOT/ostree/repo" ] || die 1 SYSROOT_MISSING "no repository below ${SYSROOT:-/}" "start the system from a deployment, or name a sysroot with --sysroot DIR"
}

# The deployment that is running: the one whose directory is the root directory.
booted_deployment() {
	local root inode path
	root=$($BB ls -di / 2>/dev/null) || return 1
	root=${root% /}
	$BB ls -di "$SYSROOT"/ostree/deploy/*/deploy/*.[0-9]*/ 2>/dev/null | while read -r inode path; do
		[ "$inode" = "${root##* }" ] || continue
		path=${path#"$SYSROOT"/ostree/deploy/}
		echo "${path%/}"
		break
	done
}

# Value of key $3 in group $2 of key file $1.
key_file_value() {
	[ -r "$1" ] || return 0
	$BB awk -v group="[$2]" -v key="$3" '
		/^\[/ { inside = $0 == group; next }
		inside && index($0, key "=") == 1 { print substr($0, length(key) + 2); exit }
	' "$1"
}

# Value of key $3 in the boot entry $2 of the current loader.
entry_value() {
	$BB sed -n "s/^$2  *//p" "$SYSROOT/boot/loader/entries/$1" | $BB head -n 1
}

# The health of deployment $1 as json.md names it. Needs state_read.
health_of() {
	if [ "$1" = "$PENDING" ]; then
		if [ "$1" = "$BOOTED" ]; then echo trying; else echo untried; fi
	elif [ "$1" = "$BAD" ]; then
		echo bad
	elif [ "$1" = "$GOOD" ]; then
		echo good
	else
		verdict_of "$1" || echo untried
	fi
}

status_text() {
	local index=0 version file link deployment origin marks health list
	state_read
	BOOTED=$(booted_deployment)
	list=$(entries)
	[ -n "$list" ] || die 1 NO_DEPLOYMENT "${SYSROOT:-/} has no deployment" "make one with 'opkg-ostree deploy REF'"
	echo "$list" | while read -r version file link deployment; do
		origin=$SYSROOT/ostree/deploy/$deployment.origin
		health=$(health_of "$deployment")
		marks=
		[ "$deployment" != "$BOOTED" ] || marks=booted
		if [ "$index" = 0 ] && [ "$deployment" != "$BOOTED" ]; then marks='starts at the next boot'; fi
		if [ "$index" -gt 0 ] && [ "$deployment" != "$BOOTED" ]; then marks=rollback; fi
		[ "$(key_file_value "$origin" libostree-transient pinned)" != true ] || marks="${marks:+$marks, }pinned"
		[ "$health" != trying ] || health="on trial, $TRIES more tries"
		[ "$deployment" = "$BOOTED" ] && printf '* ' || printf '  '
		echo "$index  $(entry_value "$file" title) ($marks)"
		[ "$deployment" != - ] || echo '     damaged: its directory is gone'
		echo "     deployment  $deployment"
		show_line follows "$(key_file_value "$origin" origin refspec)$(key_file_value "$origin" origin baserefspec)"
		show_line packages "$(key_file_value "$origin" packages requested | $BB tr ';' ' ')"
		show_line health "$health"
		if [ "$deployment" = "$BAD" ]; then show_line reason "$REASON"; fi
		index=$((index + 1))
	done
}

show_line() {
	[ -z "$2" ] || printf '     %-10s  %s\n' "$1" "$2"
}

# $1 as a JSON string. Control characters have no place in what is shown; a tab becomes a space.
json_string() {
	printf '"%s"' "$(printf '%s' "$1" | $BB tr '\t\n' '  ' | $BB tr -d '\000-\037\177' | $BB sed 's/\\/\\\\/g; s/"/\\"/g')"
}

# A `;` list or words as a JSON array of strings.
json_list() {
	local word separator='' words
	words=$(printf '%s' "$1" | $BB tr ';' ' ')
	set -f
	printf '['
	for word in $words; do
		printf '%s%s' "$separator" "$(json_string "$word")"
		separator=,
	done
	printf ']'
	set +f
}

json_id() {
	local stateroot=${1%%/*}
	if [ -z "$1" ] || [ "$1" = - ]; then printf null; else json_string "$stateroot-${1##*/}"; fi
}

# When commit $1 was made, ISO 8601. The commit is a GVariant tuple that ends in an 8-byte big-endian time, two checksums of 32 bytes
# and six framing offsets, as wide as the length of the whole demands.
commit_time() {
	local file size width seconds
	file=$SYSROOT/ostree/repo/objects/$(echo "$1" | $BB sed 's,^..,&/,').commit
	size=$($BB wc -c <"$file" 2>/dev/null) || size=0
	size=$((size)) width=4
	[ "$size" -gt 65535 ] || width=2
	[ "$size" -gt 255 ] || width=1
	seconds=0
	if [ "$size" -gt 100 ]; then
		seconds=$((0x0$($BB hexdump -v -s $((size - 6 * width - 72)) -n 8 -e '1/1 "%02x"' "$file")))
	fi
	$BB date -u -d "@$seconds" +%Y-%m-%dT%H:%M:%SZ
}

free_bytes() {
	$BB df -k "$1" 2>/dev/null | $BB awk 'END { printf "%.0f", $(NF - 2) * 1024 }'
}

status_json() {
	local list first reboot=false
	state_read
	BOOTED=$(booted_deployment)
	list=$(entries)
	first=$(first_deployment)
	[ "$first" = "$BOOTED" ] || reboot=true
	[ -n "$BOOTED" ] || reboot=false
	printf '{"api":1,"booted":%s,"next":%s,"deployments":[' "$(json_id "$BOOTED")" "$(json_id "$first")"
	echo "$list" | status_json_deployments
	printf '],"job":null,"free-bytes":%s,"boot-free-bytes":%s,"reboot-required":%s}\n' \
		"$(free_bytes "$SYSROOT/")" "$(free_bytes "$SYSROOT/boot")" "$reboot"
}

status_json_deployments() {
	local index=0 separator='' version file link deployment origin commit serial release word kargs
	while read -r version file link deployment; do
		[ "$deployment" != - ] || continue
		[ -n "$deployment" ] || continue
		origin=$SYSROOT/ostree/deploy/$deployment.origin
		commit=${deployment##*/} serial=${deployment##*.} commit=${commit%.*}
		release=
		for word in "$SYSROOT/ostree/deploy/$deployment"/usr/lib/modules/*/; do
			[ -d "$word" ] && release=${word%/} && release=${release##*/}
		done
		kargs=$(entry_value "$file" options)
		printf '%s{"id":%s,"index":%s,' "$separator" "$(json_id "$deployment")" "$index"
		printf '"stateroot":%s,"serial":%s,"checksum":"%s","base-checksum":"%s",' "$(json_string "${deployment%%/*}")" "$serial" "$commit" "$commit"
		printf '"origin":%s,' "$(json_string "$(key_file_value "$origin" origin refspec)$(key_file_value "$origin" origin baserefspec)")"
		printf '"version":%s,"timestamp":"%s",' "$(json_string "$(entry_value "$file" title | $BB sed 's/ (ostree:[^)]*)$//')")" "$(commit_time "$commit")"
		printf '"booted":%s,"staged":false,' "$([ "$deployment" = "$BOOTED" ] && echo true || echo false)"
		printf '"pinned":%s,' "$([ "$(key_file_value "$origin" libostree-transient pinned)" = true ] && echo true || echo false)"
		printf '"rollback":%s,' "$([ "$index" -gt 0 ] && [ "$deployment" != "$BOOTED" ] && echo true || echo false)"
		printf '"packages":%s,"requested-packages":%s,' "$(json_list "$(key_file_value "$origin" packages requested)")" "$(json_list "$(key_file_value "$origin" packages requested)")"
		printf '"requested-local-packages":%s,"inactive-packages":[],"suspended-packages":[],' "$(json_list "$(key_file_value "$origin" packages requested-local)")"
		printf '"base-removals":%s,"base-replacements":%s,' "$(json_list "$(key_file_value "$origin" overrides remove)")" "$(json_list "$(key_file_value "$origin" overrides replace)")"
		printf '"kernel-release":%s,"kargs":%s,"signatures":[],' "$([ -n "$release" ] && json_string "$release" || echo null)" "$(json_list "$kargs")"
		printf '"health":{"state":"%s","tries-left":%s,"checks":%s},' "$(health_of "$deployment")" \
			"$([ "$deployment" = "$PENDING" ] && echo "$TRIES" || echo null)" "$([ "$deployment" = "$BOOTED" ] && json_checks || echo '[]')"
		printf '"etc-conflicts":0,"script-warnings":0,"unique-bytes":null,"path":%s}' "$(json_string "$SYSROOT/ostree/deploy/$deployment")"
		separator=, index=$((index + 1))
	done
}

# The results of the last health check: lines of `<ok|failed> <name> <detail>`.
json_checks() {
	local word name detail separator=''
	printf '['
	if [ -r /run/opkg-ostree/checks ]; then
		while read -r word name detail; do
			printf '%s{"name":%s,"ok":%s,"detail":%s}' "$separator" "$(json_string "$name")" \
				"$([ "$word" = ok ] && echo true || echo false)" "$(json_string "$detail")"
			separator=,
		done </run/opkg-ostree/checks
	fi
	printf ']'
}

# The lock that the tool and libostree take; without a flock command the rewrite itself is still atomic.
lock_sysroot() {
	exec 9>>"$SYSROOT/ostree/lock" || die 1 LOCK_FAILED "cannot open $SYSROOT/ostree/lock"
	if $BB flock -n 9 2>/dev/null; then return 0; fi
	$BB flock -n 8 8>/dev/null 2>/dev/null || return 0
	die 6 LOCK_HELD "another operation is at work on ${SYSROOT:-/}" "wait for it to end; 'opkg-ostree jobs' lists what runs"
}

# The deployment to go back to becomes the first boot entry: the next one in boot order if the running one is first, else the
# running one (which takes back a change that has not been started).
rollback() {
	local target first word
	lock_sysroot
	state_read
	BOOTED=$(booted_deployment)
	first=$(first_deployment)
	if [ -n "$BOOTED" ] && [ "$first" != "$BOOTED" ]; then
		target=$BOOTED
	else
		target=$(entries | while read -r word word word word; do
			if [ "$word" = - ] || [ "$word" = "$first" ]; then continue; fi
			echo "$word"
			break
		done)
	fi
	[ -n "$target" ] || die 1 NO_ROLLBACK "there is no other deployment to go back to"
	rollback_state "$target" "$first"
	switch_to "$target" || die 1 SWITCH_FAILED "cannot rewrite the boot entries" "look at the space on ${SYSROOT:-/}: df"
	if [ -n "$JSON" ]; then
		printf '{"next":%s}\n' "$(json_id "$target")"
	elif [ "$target" = "$BOOTED" ]; then
		echo "$target stays: it starts at the next boot too"
	else
		echo "$target starts at the next boot: run 'reboot'"
	fi
}

# What early boot has to know of it: a deployment that was good before is not tried again, another one is on trial. $1 the deployment
# that is gone back to, $2 the one that it is put before.
rollback_state() {
	local known
	known=$(verdict_of "$1")
	[ "$1" != "$GOOD" ] || known=good
	if [ "$known" = good ] || [ "$1" = "$BOOTED" ]; then
		GOOD=$1 PENDING='' TRIES=''
	else
		PENDING=$1 TRIES=3 GOOD=$2
	fi
	CONFIRM='' BAD='' REASON=''
	$BB mkdir -p "$SYSROOT/$STATE_DIR" && state_write || die 1 STATE_FAILED "cannot write the boot state" "look at the space on ${SYSROOT:-/}: df"
}
