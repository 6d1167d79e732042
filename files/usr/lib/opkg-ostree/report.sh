# shellcheck shell=dash disable=SC2016,SC2034,SC2015
# What `opkg-ostree` shows and switches without Node. Needs boot.sh and switch.sh, and `die` of the caller.

require_sysroot() {
	[ -d "$SYSROOT/ostree/repo" ] || die 1 SYSROOT_INVALID "no repository below ${SYSROOT:-/}" "start the system from a deployment, or name a sysroot with --sysroot DIR"
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
	local index=0 version file link deployment
	state_read
	BOOTED=$(booted_deployment)
	FIRST=$(first_deployment)
	if [ -z "$FIRST" ]; then
		echo 'No deployments.'
		echo "Make one with 'opkg-ostree deploy REF'."
		return 0
	fi
	entries | while read -r version file link deployment; do
		[ "$index" = 0 ] || echo
		status_block "$index" "$file" "$deployment"
		index=$((index + 1))
	done
	if [ -n "$BOOTED" ] && [ "$FIRST" != "$BOOTED" ]; then
		echo
		echo 'Reboot to start the first deployment.'
	fi
}

# $1 the place in the boot order, $2 the entry, $3 the deployment.
status_block() {
	local origin="$SYSROOT/ostree/deploy/$3.origin" commit base marks='' health mark=' '
	if [ "$3" = - ]; then
		echo "  $1  $(entry_value "$2" title)  (damaged: the deployment is gone)"
		return 0
	fi
	commit=${3##*/}
	commit=${commit%.*}
	base=$(commit_string "$commit" opkgostree.base)
	health=$(health_of "$3")
	if [ "$3" = "$BOOTED" ]; then
		marks=', booted' mark='*'
	elif [ "$1" = 0 ]; then
		marks=', next boot'
	else
		marks=', rollback'
	fi
	[ "$(key_file_value "$origin" libostree-transient pinned)" != true ] || marks="$marks, pinned"
	[ "$health" != bad ] || marks="$marks, bad"
	echo "$mark $1  $(followed "$origin")  (${marks#, })"
	show_row Version "$(commit_string "$commit" version) ($(commit_time "$commit"))"
	if [ -n "$base" ]; then show_row Base "$base"; fi
	show_row Commit "$commit"
	show_row Layered "$(key_file_value "$origin" packages requested | $BB tr ';' ' ')"
	case "$health" in
	trying) show_row Health "on trial, $TRIES more tries" ;;
	*) show_row Health "$health" ;;
	esac
	if [ "$3" = "$BAD" ]; then
		show_row Reason "$REASON"
	elif [ "$health" = bad ]; then
		show_row Reason "$(verdict_reason "$3")"
	fi
}

show_row() {
	[ -z "$2" ] || printf '%15s %s\n' "$1:" "$2"
}

# The branch that the deployment of origin file $1 follows.
followed() {
	local refspec
	refspec=$(key_file_value "$1" origin refspec)
	[ -n "$refspec" ] || refspec=$(key_file_value "$1" origin baserefspec)
	echo "$refspec"
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

commit_object() {
	echo "$SYSROOT/ostree/repo/objects/$(echo "$1" | $BB sed 's,^..,&/,').commit"
}

# String $2 of the metadata of commit $1. In a GVariant dictionary the key ends in NUL, then come padding, the value, which ends in NUL
# too, another NUL, the type `s` and one byte of framing, behind which the next key may stand at once.
commit_string() {
	$BB tr '\000' '\n' 2>/dev/null <"$(commit_object "$1")" | $BB awk -v key="$2" '
		found && $0 != "" { print; exit }
		{
			before = length($0) - length(key)
			if (before < 0 || substr($0, before + 1) != key) next
			if (before == 0 || substr($0, 1, before) ~ /s.$/) found = 1
		}
	'
}

# When commit $1 was made, ISO 8601. The commit is a GVariant tuple that ends in an 8-byte big-endian time, two checksums of 32 bytes
# and six framing offsets, as wide as the length of the whole demands.
commit_time() {
	local file size width seconds=0
	file=$(commit_object "$1")
	size=$($BB wc -c 2>/dev/null <"$file") || size=0
	size=$((size)) width=4
	[ "$size" -gt 65535 ] || width=2
	[ "$size" -gt 255 ] || width=1
	if [ "$size" -gt 100 ]; then
		seconds=$((0x0$($BB hexdump -v -s $((size - 6 * width - 72)) -n 8 -e '1/1 "%02x"' "$file")))
	fi
	$BB date -u -d "@$seconds" +%Y-%m-%dT%H:%M:%S.000Z
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
	local index=0 separator='' version file link deployment origin commit serial release word kargs base value
	while read -r version file link deployment; do
		[ "$deployment" != - ] || continue
		[ -n "$deployment" ] || continue
		origin=$SYSROOT/ostree/deploy/$deployment.origin
		commit=${deployment##*/} serial=${deployment##*.} commit=${commit%.*}
		release=
		for word in "$SYSROOT/ostree/deploy/$deployment"/usr/lib/modules/*/; do
			[ -d "$word" ] && release=${word%/} && release=${release##*/}
		done
		kargs=
		set -f
		for word in $(entry_value "$file" options); do
			case "$word" in ostree=* | init=/ostree/*) ;; *) kargs="$kargs $word" ;; esac
		done
		set +f
		printf '%s{"id":%s,"index":%s,' "$separator" "$(json_id "$deployment")" "$index"
		base=$(commit_string "$commit" opkgostree.base)
		value=$(commit_string "$commit" version)
		printf '"stateroot":%s,"serial":%s,"checksum":"%s","base-checksum":"%s",' "$(json_string "${deployment%%/*}")" "$serial" "$commit" "${base:-$commit}"
		printf '"origin":%s,' "$(json_string "$(followed "$origin")")"
		printf '"version":%s,"timestamp":"%s",' "$([ -n "$value" ] && json_string "$value" || echo null)" "$(commit_time "$commit")"
		printf '"booted":%s,"staged":false,' "$([ "$deployment" = "$BOOTED" ] && echo true || echo false)"
		printf '"pinned":%s,' "$([ "$(key_file_value "$origin" libostree-transient pinned)" = true ] && echo true || echo false)"
		printf '"rollback":%s,' "$([ "$index" -gt 0 ] && [ "$deployment" != "$BOOTED" ] && echo true || echo false)"
		printf '"packages":%s,"requested-packages":%s,' "$(json_list "$(key_file_value "$origin" packages requested)")" "$(json_list "$(key_file_value "$origin" packages requested)")"
		printf '"requested-local-packages":%s,"inactive-packages":%s,"suspended-packages":%s,' "$(json_list "$(key_file_value "$origin" packages requested-local)")" \
			"$(json_list "$(key_file_value "$origin" packages inactive)")" "$(json_list "$(key_file_value "$origin" packages suspended)")"
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
	exec 9>>"$SYSROOT/ostree/lock" || die 1 SYSTEM "cannot open $SYSROOT/ostree/lock"
	if $BB flock -n 9 2>/dev/null; then return 0; fi
	$BB flock -n 8 8>/dev/null 2>/dev/null || return 0
	die 6 LOCK_HELD "another operation is at work on ${SYSROOT:-/}" "wait for it to end; 'opkg-ostree jobs' lists what runs"
}

# The deployment to go back to becomes the first boot entry: the next one of its stateroot if the running one is first, else the
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
			if [ "$word" = - ] || [ "$word" = "$first" ] || [ "${word%%/*}" != "${first%%/*}" ]; then continue; fi
			echo "$word"
			break
		done)
	fi
	[ -n "$target" ] || die 3 DEPLOYMENT_NOT_FOUND "there is no other deployment to go back to" "'opkg-ostree status' lists what is deployed"
	rollback_state "$target" "$first"
	switch_to "$target" || die 1 SYSTEM "cannot rewrite the boot entries" "look at the space on ${SYSROOT:-/}: df"
	if [ -n "$JSON" ]; then
		status_json
		return 0
	fi
	if [ "$target" = "$BOOTED" ]; then
		echo "$target stays: it starts at the next boot too"
	else
		echo "$target starts at the next boot: run 'reboot'"
	fi
	status_text
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
	state_write || die 1 SYSTEM "cannot write the boot state" "look at the space on ${SYSROOT:-/}: df"
}
