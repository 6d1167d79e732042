# shellcheck shell=dash disable=SC2086
# The content of one late edit of /etc, where both the admin and the new deployment changed it. Of etc-late.sh and etc-late-apply.sh:
# OLD, NEW, SEEN, LIB, BB. What the files were when the switch saw them is in a folder beside the record.

# A UCI file that both changed: by section and option, where that leaves no doubt. Status 1 where it does, or where the file of then is
# not known. $1 then, $2 now, $3 new, $4 path.
late_uci() {
	local then="$SEEN.d/$4" file status=0
	case "$1" in
	-) then=/dev/null ;;
	'f '*)
		[ -f "$then" ] && file=${1#f } || return 1
		[ "$(late_sum "$then")" = "${file%% *}" ] || return 1
		;;
	*) return 1 ;;
	esac
	for file in "$then" "$OLD/$4" "$NEW/$4"; do
		[ "$($BB tr -d '\000' <"$file" | $BB wc -c)" = "$($BB wc -c <"$file")" ] || return 1
	done
	$BB rm -rf "$NEW/.late" && $BB cp -a "$OLD/$4" "$NEW/.late" || return 1
	(
		umask 077
		LC_ALL=C $BB awk -v "package=${4##*/}" -f "$LIB/etc-late-uci.awk" "$then" "$OLD/$4" "$NEW/$4" >"$NEW/.late.text"
	) || status=$?
	case "$status" in
	0) ;;
	3)
		$BB mv "$NEW/.late" "$NEW/.late.mine" && late_beside "$NEW" "$4" uci "$2" && $BB mv "$NEW/.late.mine" "$NEW/.late" || return 1
		;;
	*) $BB rm -f "$NEW/.late" "$NEW/.late.text"; return 1 ;;
	esac
	$BB cat "$NEW/.late.text" >"$NEW/.late" && $BB rm -f "$NEW/.late.text" && $BB mv -f "$NEW/.late" "$NEW/$4" || return 1
	if [ "${1#f * }" = "${2#f * }" ]; then late_attributes "$4" "${3#f * }"; fi
}

# Accounts by name: the lines of today, with what the new deployment has changed in lines that nobody edited since, and its own
# new names. $1 path, $2 then.
late_accounts() {
	local then="$SEEN.d/$1" was=${2#f }
	[ -f "$then" ] && [ "$(late_sum "$then")" = "${was%% *}" ] || then=/dev/null
	$BB rm -f "$NEW/.late" && $BB cp -a "$OLD/$1" "$NEW/.late" || return 1
	(
		umask 077
		$BB awk -F : -v group="$1" '
			# The members of the line `mine` with those that `theirs` has gained over `before`.
			function joined(mine, theirs, before,    m, t, b, i, old, own) {
				split(mine, m, ":"); split(theirs, t, ":"); split(before, b, ":")
				split(b[4], old, ","); for (i in old) own[old[i]] = 1
				split(m[4], old, ","); for (i in old) own[old[i]] = 1
				i = split(t[4], old, ",")
				for (b[1] = 1; b[1] <= i; b[1]++) if (!(old[b[1]] in own)) m[4] = m[4] (m[4] == "" ? "" : ",") old[b[1]]
				return m[1] ":" m[2] ":" m[3] ":" m[4]
			}
			FILENAME == ARGV[1] { before[$1] = $0; next }
			FILENAME == ARGV[2] { theirs[$1] = $0; order[++count] = $1; next }
			{
				have[$1] = 1
				if (!($1 in theirs)) { if (before[$1] != $0) print; next }
				if ($0 == before[$1]) print theirs[$1]
				else if (group == "group" && theirs[$1] != before[$1]) print joined($0, theirs[$1], before[$1])
				else print
			}
			END { for (i = 1; i <= count; i++) if (!(order[i] in have) && !(order[i] in before)) print theirs[order[i]] }
		' "$then" "$NEW/$1" "$OLD/$1" >"$NEW/.late.text"
	) &&
		$BB cat "$NEW/.late.text" >"$NEW/.late" && $BB rm -f "$NEW/.late.text" && $BB mv -f "$NEW/.late" "$NEW/$1"
}
