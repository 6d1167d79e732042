# shellcheck shell=dash disable=SC2086,SC2016
# Edits to /etc between a switch and the restart: brought into the deployment that starts next, without Node.
#
# The switch wrote what it saw: ostree/opkg-ostree/etc-seen, `from` and `to` (deployments), then a line for each path of the old
# /etc, `<key> TAB ./<path>`. Needs boot.sh; LIB, SYSROOT and BB are set. docs/formats/etc-merge.md has the keys and the rules.

. "$LIB/etc-late-apply.sh"
. "$LIB/etc-late-content.sh"

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
		format) [ "$value" = 2 ] || return 1 ;;
		*) break ;;
		esac
	done <"$SEEN"
	has_deployment "$FROM" && has_deployment "$TO" || return 1
	OLD=$SYSROOT/ostree/deploy/$FROM/etc NEW=$SYSROOT/ostree/deploy/$TO/etc
	[ -d "$OLD" ] && [ -d "$NEW" ]
}

# A name with anything but printable ASCII, or with a backslash: ls shows a question mark, a line of a list would break.
LATE_ODD='.*[^] -[^-~].*'

# Prints $1 as the record has it.
late_escape() {
	case "$1" in
	*[\\$TAB]* | *'
'*) printf '%s_' "$1" | $BB awk 'BEGIN { RS = "\001" } { sub(/_$/, ""); gsub(/\\/, "\\\\"); gsub(/\t/, "\\t"); gsub(/\n/, "\\n"); printf "%s", $0 }' ;;
	*) printf '%s' "$1" ;;
	esac
}

# Sets NAME to what late_escape was given.
late_unescape() {
	NAME=$1
	case "$1" in *\\*) NAME=$(printf '%b_' "$1") NAME=${NAME%_} ;; esac
}

# A line for each path of /etc at $1: the usual names in three passes, the odd ones and the links one by one.
late_list() {
	local path
	(
		cd "$1" || exit 1
		{
			LC_ALL=C $BB find . ! -regex "$LATE_ODD" -type f -print0 | $BB xargs -0 -r sha256sum
			LC_ALL=C $BB find . ! -regex "$LATE_ODD" \( -type f -o -type d \) -print0 | $BB xargs -0 -r ls -lnd
		} | $BB awk '
			/^[0-9a-f]+  \.\// { sum[substr($0, 67)] = substr($0, 1, 64); next }
			{
				at = index($0, " ./")
				if (at == 0) next
				path = substr($0, at + 1)
				attributes = substr($1, 2, 9) " " $3 " " $4
				if (substr($1, 1, 1) == "d") print "d " attributes "\t" path
				else if (path in sum) print "f " sum[path] " " attributes "\t" path
			}
		'
		LC_ALL=C $BB find . ! -regex "$LATE_ODD" -type l | while IFS= read -r path; do late_line "$path"; done
		# Odd names have no line of their own here: they come escaped from a shell of their own.
		LC_ALL=C $BB find . -regex "$LATE_ODD" \( -type f -o -type d -o -type l \) -exec sh -c "$LATE_PRINT" _ {} \; | while IFS= read -r path; do
			late_unescape "$path"
			late_line "$NAME"
		done
	)
}

LATE_PRINT='printf "%s_" "$1" | awk '\''BEGIN { RS = "\001" } { sub(/_$/, ""); gsub(/\\/, "\\\\"); gsub(/\t/, "\\t"); gsub(/\n/, "\\n"); print }'\'''

# The line of one path of the working directory.
late_line() {
	late_node . "${1#./}"
	[ "$KEY" = - ] || printf '%s\t./%s\n' "$KEY" "$(late_escape "${1#./}")"
}

# What changed in the old /etc since it was seen, $1 being the list of now, in the order in which it can be done again: what
# went, folders from the inside out; what came, folders from the outside in. `<order> TAB <key then or -> TAB <key now or -> TAB <path>`
late_changes() {
	$BB awk -F '\t' '
		function depth(path) { return gsub("/", "/", path) }
		function order(was, is, path) {
			if (is == "-") return was ~ /^d / ? "1" 999 - depth(path) : "0"
			return is ~ /^d / ? "2" 100 + depth(path) : "3"
		}
		function change(was, is, path) {
			if (was != is) print order(was, is, path) "\t" was "\t" is "\t" substr(path, 3)
		}
		FNR == NR { if (NF == 2) seen[$2] = $1; next }
		{ now[$2] = 1; change($2 in seen ? seen[$2] : "-", $1, $2) }
		END { for (path in seen) if (!(path in now)) change(seen[path], "-", path) }
	' "$SEEN" "$1" | LC_ALL=C $BB sort
}

# What belongs to one deployment, or is being written.
late_is_own() {
	case "$1" in opkg-ostree/conflicts.json | .late | .late.text | .late.mine | .updated) return 0 ;; esac
	return 1
}

# Brings the edits over, then remembers them as seen, so that a second run does nothing.
late_merge() {
	local now="$SYSROOT/$STATE_DIR/etc-now" order was is path
	late_read || return 0
	[ "$(first_deployment)" = "$TO" ] || return 0
	late_list "$OLD" >"$now" || return 1
	late_changes "$now" | while IFS="$TAB" read -r order was is path; do
		late_unescape "$path"
		late_is_own "$NAME" || late_path "$was" "$is" "$NAME"
	done
	# The edits first: a record that knows them is no use without them.
	$BB sync
	{
		echo "format 2"
		echo "from $FROM"
		echo "to $TO"
		$BB cat "$now"
	} >"$SEEN.new" && publish "$SEEN"
	for path in "$SEEN.d"/* "$SEEN.d/config"/*; do
		is=${path#"$SEEN.d/"}
		if [ -f "$path" ] && [ ! -L "$OLD/$is" ] && [ -f "$OLD/$is" ]; then $BB cat "$OLD/$is" >"$path"; fi
	done
	$BB rm -f "$now"
	$BB sync
}

# For `health`: edits that a power cut left behind in the deployment that ran before. $1 is the one that runs.
late_check() {
	local now=/tmp/opkg-ostree-etc-now left order was is path
	late_read && [ "$TO" = "$1" ] || return 77
	late_list "$OLD" >"$now" || return 77
	left=$(late_changes "$now" | while IFS="$TAB" read -r order was is path; do
		late_unescape "$path"
		if late_is_own "$NAME"; then continue; fi
		late_node "$NEW" "$NAME"
		[ "$KEY" = "$is" ] || printf '/etc/%s\n' "$path"
	done | $BB sort | $BB tr '\n' ' ')
	$BB rm -f "$now"
	[ -n "$left" ] || { echo 'every edit is here'; return 0; }
	echo "edits that were not merged, in $OLD: $left"
	return 1
}
