# shellcheck shell=dash disable=SC2086,SC2034
# One late edit of /etc brought over, by the rules of the merge for whole files (src/state/etc/leaf.ts): base is what the switch
# saw, live the old deployment, target the new one. Of etc-late.sh: OLD, NEW, SEEN, BB.

# KEY of $2 below $1: `f <SHA-256> <rwxrwxrwx> <uid> <gid>`, `d <rwxrwxrwx> <uid> <gid>`, `l <target>`, - for anything else.
late_node() {
	local mode links uid gid rest
	KEY=-
	if [ -L "$1/$2" ]; then
		KEY=$($BB readlink "$1/$2" && echo _) KEY=${KEY%??}
		KEY="l $(late_escape "$KEY")"
		return 0
	fi
	[ -f "$1/$2" ] || [ -d "$1/$2" ] || return 0
	read -r mode links uid gid rest <<TEXT
$($BB ls -lnd "$1/$2")
TEXT
	mode=${mode#?}
	rest=${mode#?????????}
	mode="${mode%"$rest"} $uid $gid"
	if [ -d "$1/$2" ]; then KEY="d $mode"; else KEY="f $(late_sum "$1/$2") $mode"; fi
}

late_sum() {
	$BB sha256sum <"$1" | $BB sed 's/^\(.\{64\}\).*/\1/'
}

# $1: the key then, $2: the key now, $3: the path.
late_path() {
	local was=$1 is=$2 path=$3 target rule
	case "$path" in rc.d/*) late_service "$was" "$is" "$path" && return 0 ;; esac
	late_node "$NEW" "$path"
	target=$KEY
	[ "$target" != "$is" ] || return 0
	rule=$(late_rule "$path")
	if [ "$is" = - ]; then
		late_delete "$path" "$was" "$target" "$rule"
	elif [ "$target" = "$was" ] || [ "$target" = - ] || [ "$rule" = live ]; then
		late_take "$path" "$is"
	else
		late_both "$was" "$is" "$target" "$path" "$rule"
	fi && echo "late edit of /etc/$path is in $TO"
}

# The rules that look at a path, as src/state/etc/rules.ts has them.
late_rule() {
	case "$1" in
	opkg/distfeeds.conf | apk/repositories.d/distfeeds.list | openwrt_release | openwrt_version | os-release | device_info) echo release ;;
	config/ubootenv | board.json | machine-id | dropbear/dropbear_*_host_key | ssh/ssh_host_* | uhttpd.key | uhttpd.crt | fw_env.config | urandom.seed) echo live ;;
	passwd | group | shadow | gshadow) echo accounts ;;
	config/*[!A-Za-z0-9_-]*) ;;
	config/*) echo uci ;;
	esac
}

# $1 path, $2 the key then, $3 the new one's, $4 rule. A folder goes when nothing is left in it; what the new deployment has in the
# place of a folder, or the folder in the place of something else, is not what was deleted.
late_delete() {
	late_real_parents "$1" || return 1
	case "$2|$3" in
	*'|-') return 1 ;;
	'd '*'|d '*) $BB rmdir "$NEW/$1" 2>/dev/null ;;
	'd '*'|'* | *'|d '*) return 1 ;;
	*) [ "$4" != accounts ] && $BB rm -f "$NEW/$1" ;;
	esac
}

# Both changed: $1 then, $2 now, $3 new, $4 path, $5 rule.
late_both() {
	local was=$1 is=$2 target=$3 path=$4
	case "$is|$target" in
	'd '*'|d '*) [ "${was#? }" != "${is#? }" ] && late_attributes "$path" "${is#? }"; return ;;
	'f '*'|f '*)
		if [ "$5" = accounts ]; then late_accounts "$path" "$was"; return; fi
		late_halves "$was" "$is" "$target" "$path" && return 0
		if [ "$5" = uci ]; then late_uci "$was" "$is" "$target" "$path" && return 0; fi
		;;
	'l /tmp/'*'|l '* | 'l /var/run/'*'|l '* | 'l /run/'*'|l '*) return 1 ;;
	esac
	if [ "$5" = release ]; then
		late_beside "$OLD" "$path" release "$target"
		return 1
	fi
	late_beside "$NEW" "$path" both "$is"
	late_take "$path" "$is"
}

# Content and attributes are two questions. Status 1 where both changed the content.
late_halves() {
	local was=$1 is=$2 target=$3 path=$4 was_sum='' was_attributes='' is_sum is_attributes sum attributes
	case "$was" in 'f '*) was=${was#? } was_sum=${was%% *} was_attributes=${was#* } ;; esac
	is=${is#? } is_sum=${is%% *} is_attributes=${is#* }
	target=${target#? } sum=${target%% *} attributes=${target#* }
	if [ "$is_sum" != "$sum" ] && [ "$is_sum" != "$was_sum" ]; then
		[ "$sum" = "$was_sum" ] || return 1
		late_take "$path" "f $is" || return 1
		[ "$was_attributes" != "$is_attributes" ] || late_attributes "$path" "$attributes"
	elif [ "$was_attributes" != "$is_attributes" ]; then
		late_attributes "$path" "$is_attributes"
	fi
	return 0
}

# Puts the old deployment's $1 in the place of the new one's, by a rename; $2 is its key.
late_take() {
	late_parents "$1" || return 1
	case "$2" in
	'd '*)
		if [ -L "$NEW/$1" ] || [ ! -d "$NEW/$1" ]; then
			$BB rm -f "$NEW/$1"
			$BB mkdir "$NEW/$1" || return 1
		fi
		late_attributes "$1" "${2#? }"
		;;
	*)
		if [ ! -L "$NEW/$1" ] && [ -d "$NEW/$1" ] && ! $BB rmdir "$NEW/$1" 2>/dev/null; then late_aside "$1" || return 1; fi
		$BB rm -rf "$NEW/.late" && $BB cp -a "$OLD/$1" "$NEW/.late" || return 1
		# A move onto a link to a folder would end in that folder.
		if [ -L "$NEW/$1" ]; then $BB rm -f "$NEW/$1"; fi
		$BB mv -f "$NEW/.late" "$NEW/$1"
		;;
	esac
}

# Makes the folders of $1 like the old deployment's; one that is something else in the new one gives way to it.
late_parents() {
	local rest=${1%/*} at=''
	[ "$rest" != "$1" ] || return 0
	while [ -n "$rest" ]; do
		at=$at${at:+/}${rest%%/*}
		case "$rest" in */*) rest=${rest#*/} ;; *) rest='' ;; esac
		if [ -d "$NEW/$at" ] && [ ! -L "$NEW/$at" ]; then continue; fi
		if [ -L "$NEW/$at" ] || [ -e "$NEW/$at" ]; then
			late_beside "$NEW" "$at" both
			$BB rm -f "$NEW/$at"
		fi
		$BB mkdir "$NEW/$at" || return 1
		late_node "$OLD" "$at"
		case "$KEY" in 'd '*) late_attributes "$at" "${KEY#? }" ;; esac
	done
}

# Whether every folder of $1 is one in the new deployment: a link would lead out of it.
late_real_parents() {
	local folder=$1
	while [ "${folder%/*}" != "$folder" ]; do
		folder=${folder%/*}
		if [ -L "$NEW/$folder" ] || [ ! -d "$NEW/$folder" ]; then return 1; fi
	done
}

# Gives the new deployment's $1 the attributes $2, `<rwxrwxrwx> <uid> <gid>`.
late_attributes() {
	local uid=${2#* }
	$BB chown "${uid% *}:${uid#* }" "$NEW/$1" && $BB chmod "$(late_octal "${2%% *}" "${2%% *}")" "$NEW/$1"
}

# The bits that both of two modes in letters have, in octal.
late_octal() {
	echo "$1 $2" | $BB awk '
		function has(text, at, letters) { return index(letters, substr(text, at, 1)) > 0 }
		{
			for (i = 1; i <= 9; i++) {
				letters = (i % 3 == 1) ? "r" : (i % 3 == 2) ? "w" : "xst"
				bits = bits * 2 + (has($1, i, letters) && has($2, i, letters))
				if (i % 3 == 0) special = special * 2 + (has($1, i, "sStT") && has($2, i, "sStT"))
			}
			printf "%o\n", special * 512 + bits
		}
	'
}

# Where the version of $1 goes that did not win; $2 is the kind. As besidePath of src/state/etc/conflicts.ts.
late_beside_path() {
	local folder='' suffix=.opkg-ostree-new
	case "$1" in */*) folder=${1%/*} ;; esac
	if [ "$2" = release ]; then suffix=.opkg-ostree-old; fi
	case "/$folder/" in
	*/?*.d/* | */uci-defaults/* | */rc.button/* | */crontabs/* | */modules/*) echo "opkg-ostree/new/$1$suffix" ;;
	*) echo "$1$suffix" ;;
	esac
}

# Keeps $1/$2, which loses to a node with key $4, beside, readable by nobody who could not read both, and records the conflict
# of kind $3. A copy of an earlier conflict stays: it is the default of which the merge made the other.
late_beside() {
	local from=$1 path=$2 kind=$3 winner=${4#f * } beside text separator=', '
	if [ ! -L "$from/$path" ] && [ -d "$from/$path" ]; then late_aside "$path"; return; fi
	beside=$(late_beside_path "$path" "$kind"; echo _) beside=${beside%??}
	if [ -e "$NEW/$beside" ] || [ -L "$NEW/$beside" ]; then return 0; fi
	case "$beside" in opkg-ostree/new/*) late_own_folder "${beside%/*}" || return 1 ;; esac
	$BB rm -rf "$NEW/.late" && $BB cp -a "$from/$path" "$NEW/.late" || return 1
	late_node "$from" "$path"
	case "$KEY|$4" in 'f '*'|f '*) KEY=${KEY#f * } && $BB chmod "$(late_octal "${KEY%% *}" "${winner%% *}")" "$NEW/.late" ;; esac
	$BB mv -f "$NEW/.late" "$NEW/$beside"
	late_record "$path" "$kind" "$beside"
}

# A folder of the new deployment that has to give way.
late_aside() {
	local to="opkg-ostree/new/$1.opkg-ostree-new"
	late_own_folder "${to%/*}" || return 1
	if [ -e "$NEW/$to" ]; then return 1; fi
	$BB mv "$NEW/$1" "$NEW/$to" && late_record "$1" both "$to" && echo "/etc/$1 of $TO is at /etc/$to now"
}

# Folders below opkg-ostree/new: what is in them may come from a folder that only root may read.
late_own_folder() {
	$BB mkdir -p "$NEW/opkg-ostree" && (umask 077 && $BB mkdir -p "$NEW/$1")
}

# Adds to the record of conflicts. JSON escapes backslash, tab and newline like the record of the switch.
late_record() {
	local file="$NEW/opkg-ostree/conflicts.json" entry
	entry=$(printf '{"path":"%s","kind":"%s","beside":"%s"}' "$(late_escape "$1" | $BB sed 's/"/\\"/g')" "$2" "$(late_escape "$3" | $BB sed 's/"/\\"/g')")
	case "$entry" in *[[:cntrl:]]*) return 0 ;; esac
	$BB mkdir -p "$NEW/opkg-ostree"
	[ -s "$file" ] || echo '{"api":1,"conflicts":[]}' >"$file"
	(
		umask 077
		ENTRY=$entry $BB awk '
			BEGIN { RS = "\001" }
			{
				sub(/[ \n]*\][ \n]*\}[ \n]*$/, "")
				printf "%s%s%s]}\n", $0, ($0 ~ /\[$/ ? "" : ","), ENVIRON["ENTRY"]
			}
		' "$file" >"$file.new"
	) && $BB mv -f "$file.new" "$file"
}

# A link of rc.d: what counts is whether a service starts (or stops), not under which number. Status 1 for what is no such link.
late_service() {
	local link=${3#rc.d/} kind name had='' has='' path number
	case "$1" in '-' | 'l ../init.d/'* | 'l /etc/init.d/'*) ;; *) return 1 ;; esac
	case "$2" in '-' | 'l ../init.d/'* | 'l /etc/init.d/'*) ;; *) return 1 ;; esac
	case "$link" in [SK][0-9]?*) ;; *) return 1 ;; esac
	name=$1
	[ "$1" != - ] || name=$2
	name=${name##*/}
	kind=${link%"${link#?}"}
	late_has_link "$OLD" "$kind" "$name" && has=1
	$BB grep -q "^l [^$TAB]*/$(late_quote "$name")${TAB}\./rc\.d/${kind}[0-9]" "$SEEN" && had=1
	[ "$has" != "$had" ] || return 0
	if [ -z "$has" ]; then
		for path in "$NEW/rc.d/$kind"[0-9]*; do
			if [ -L "$path" ] && [ "$($BB readlink "$path")" = "../init.d/$name" ]; then $BB rm -f "$path"; fi
		done
	elif [ -f "$NEW/init.d/$name" ] && ! late_has_link "$NEW" "$kind" "$name"; then
		number=$($BB sed -n "s/^$([ "$kind" = S ] && echo START || echo STOP)=\([0-9]\{1,4\}\)[[:space:]]*$/\1/p" "$NEW/init.d/$name" | $BB tail -n 1)
		[ -z "$number" ] || link=$kind$number$name
		$BB ln -sfn "../init.d/$name" "$NEW/rc.d/$link"
	fi
	echo "late edit of service $name is in $TO"
}

# Whether the tree $1 has a link of kind $2 for service $3.
late_has_link() {
	local path
	for path in "$1/rc.d/$2"[0-9]*; do
		if [ -L "$path" ] && [ "$($BB readlink "$path")" = "../init.d/$3" ]; then return 0; fi
	done
	return 1
}

late_quote() {
	printf '%s' "$1" | $BB sed 's/[].[^$*\\/]/\\&/g'
}
