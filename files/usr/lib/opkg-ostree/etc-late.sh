# shellcheck shell=dash disable=SC2086
# Edits to /etc between a switch and the restart: brought into the deployment that starts next. Without Node, whole files.
#
# The switch wrote what it saw: ostree/opkg-ostree/etc-seen, `from` and `to` (deployments), then for each file and link of the
# old /etc a line `<SHA-256 or -> target> TAB ./path`. Needs boot.sh; SYSROOT and BB are set. docs/formats/etc-merge.md

TAB=$(printf '\t')

# FROM, TO, OLD, NEW and SEEN of the record; status 1 where there is none that can be used.
late_read() {
	local key value
	FROM='' TO='' SEEN="$SYSROOT/$STATE_DIR/etc-seen"
	[ -r "$SEEN" ] || return 1
	while read -r key value; do
		case "$key" in
		from) FROM=$value ;;
		to) TO=$value ;;
		format) [ "$value" = 1 ] || return 1 ;;
		*) break ;;
		esac
	done <"$SEEN"
	has_deployment "$FROM" && has_deployment "$TO" || return 1
	OLD=$SYSROOT/ostree/deploy/$FROM/etc NEW=$SYSROOT/ostree/deploy/$TO/etc
	[ -d "$OLD" ] && [ -d "$NEW" ]
}

# A line for each file and link of /etc at $1.
late_list() {
	local path
	(
		cd "$1" || exit 1
		$BB find . -type f -print0 | $BB xargs -0 -r sha256sum | $BB sed "s/^\(.\{64\}\)  /\1$TAB/"
		$BB find . -type l | while IFS= read -r path; do
			echo "-> $($BB readlink "$path")$TAB$path"
		done
	)
}

# What changed in the old /etc since it was seen: `C ./path` or `D ./path`. $1 is the list of now.
late_changes() {
	$BB awk -F '\t' '
		FNR == NR { if (NF == 2) seen[$2] = $1; next }
		{ now[$2] = 1; if (!($2 in seen) || seen[$2] != $1) print "C " $2 }
		END { for (path in seen) if (!(path in now)) print "D " path }
	' "$SEEN" "$1"
}

# Brings the edits over, then remembers them as seen, so that a second run does nothing.
late_merge() {
	local now="$SYSROOT/$STATE_DIR/etc-now" change path
	late_read || return 0
	[ "$(first_deployment)" = "$TO" ] || return 0
	late_list "$OLD" >"$now" || return 1
	late_changes "$now" | while read -r change path; do
		path=${path#./}
		case "$path" in
		opkg-ostree/conflicts.json | *.opkg-ostree-late) continue ;;
		rc.d/*) late_service "$change" "$path" ;;
		passwd | group | shadow | gshadow) late_accounts "$change" "$path" ;;
		*) late_file "$change" "$path" ;;
		esac && echo "late edit of /etc/$path is in $TO"
	done
	{
		echo "format 1"
		echo "from $FROM"
		echo "to $TO"
		$BB cat "$now"
	} >"$SEEN.new" && publish "$SEEN"
	$BB rm -f "$now"
	$BB sync
}

# What line the record has for $1.
late_seen() {
	$BB awk -F '\t' -v path="./$1" '$2 == path { print $1; exit }' "$SEEN"
}

# The same of a file or link at $1/$2 now.
late_key() {
	if [ -L "$1/$2" ]; then
		echo "-> $($BB readlink "$1/$2")"
	elif [ -f "$1/$2" ]; then
		$BB sha256sum "$1/$2" | $BB sed 's/^\(.\{64\}\).*/\1/'
	fi
}

# Puts the old deployment's $1 in the place of the new one's, by a rename.
late_copy() {
	local folder="$NEW/$1"
	folder=${folder%/*}
	[ -d "$folder" ] || $BB mkdir -p "$folder" || return 1
	$BB rm -f "$NEW/.late" && $BB cp -a "$OLD/$1" "$NEW/.late" && $BB mv -f "$NEW/.late" "$NEW/$1"
}

late_file() {
	local there keep
	[ -d "$NEW/$2" ] && [ ! -L "$NEW/$2" ] && return 1
	there=$(late_key "$NEW" "$2")
	if [ "$1" = D ]; then
		# A file that the merge changed is not the one that was deleted.
		[ "$there" = "$(late_seen "$2")" ] && $BB rm -f "$NEW/$2"
		return
	fi
	[ "$there" = "$(late_key "$OLD" "$2")" ] && return 1
	if [ -n "$there" ] && [ "$there" != "$(late_seen "$2")" ]; then
		keep="$NEW/opkg-ostree/new/$2.opkg-ostree-new"
		$BB mkdir -p "${keep%/*}" && $BB chmod 700 "$NEW/opkg-ostree/new" && $BB cp -a "$NEW/$2" "$keep"
	fi
	late_copy "$2"
}

# Enabled or disabled: the number in the link's name is the new deployment's own.
late_service() {
	local name=${2#rc.d/} kind service link found=
	kind=${name%"${name#?}"}
	service=${name#?}
	service=${service#"${service%%[!0-9]*}"}
	[ -n "$service" ] || return 1
	for link in "$OLD/rc.d/$kind"[0-9]*"$service"; do
		late_is_link "$link" && found=1
	done
	if [ "$1" = D ]; then
		[ -z "$found" ] || return 1
		for link in "$NEW/rc.d/$kind"[0-9]*"$service"; do
			late_is_link "$link" && $BB rm -f "$link"
		done
		return 0
	fi
	for link in "$NEW/rc.d/$kind"[0-9]*"$service"; do
		late_is_link "$link" && return 1
	done
	[ -f "$NEW/init.d/$service" ] && late_copy "$2"
}

# Whether $1 is a link of `service`: its kind, a number, and that name. Of the caller: kind, service.
late_is_link() {
	local rest=${1##*/$kind}
	[ -L "$1" ] && [ "${rest#"${rest%%[!0-9]*}"}" = "$service" ]
}

# The lines of today, with those of names that only the new deployment has.
late_accounts() {
	[ "$1" = C ] && [ -f "$NEW/$2" ] || return 1
	$BB rm -f "$NEW/.late" && $BB cp -a "$OLD/$2" "$NEW/.late" || return 1
	$BB awk -F : 'FNR == NR { have[$1] = 1; print; next } !($1 in have)' "$OLD/$2" "$NEW/$2" >"$NEW/.late.text" &&
		$BB cat "$NEW/.late.text" >"$NEW/.late" && $BB rm -f "$NEW/.late.text" && $BB mv -f "$NEW/.late" "$NEW/$2"
}

# For `health`: edits that a power cut left behind in the deployment that ran before. $1 is the one that runs.
late_check() {
	local now=/tmp/opkg-ostree-etc-now left
	late_read && [ "$TO" = "$1" ] || return 77
	late_list "$OLD" >"$now" || return 77
	left=$(late_changes "$now" | $BB sed 's/^. \.\//\/etc\//' | $BB sort | $BB tr '\n' ' ')
	$BB rm -f "$now"
	[ -n "$left" ] || { echo 'every edit is here'; return 0; }
	echo "edits that were not merged, in $OLD: $left"
	return 1
}
