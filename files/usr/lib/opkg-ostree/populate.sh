# shellcheck shell=dash disable=SC2086
# What early boot fills before the switch: /var with its volatile links and factory content, and /etc on a factory reset. Needs
# boot.sh and `fail`, `must`, `say` of prepare-root; TARGET, ROOT and VAR are set.

# /etc and /var of the deployment, as they have to be before its init starts. Where /var cannot be put in order a deployment on
# trial is given up; any other one runs with a /var in memory, because the same /var would stop each of them.
prepare_state() {
	if [ -n "$READONLY" ]; then
		volatile_var
		volatile_etc
		return 0
	fi
	factory_reset
	if prepare_var; then
		factory_content
		return 0
	fi
	if [ "$TARGET" = "$PENDING" ] && other_deployment "$TARGET" >/dev/null; then fail "$PROBLEM"; fi
	say "$PROBLEM: /var is in memory, nothing in it is kept" console
	volatile_var
}

# A /var in memory, with the admin's own files of /root.
volatile_var() {
	local old=$VAR
	volatile_memory
	VAR=/tmp/opkg-ostree/var
	must $BB mkdir -p "$VAR"
	[ ! -d "$old/roothome" ] || $BB cp -a "$old/roothome" "$VAR/roothome"
	prepare_var || fail "$PROBLEM"
}

volatile_etc() {
	volatile_memory
	must $BB cp -a "$ETC" /tmp/opkg-ostree/etc
	ETC=/tmp/opkg-ostree/etc
}

volatile_memory() {
	[ ! -d /tmp/opkg-ostree ] || return 0
	[ -d /tmp ] || must $BB mkdir /tmp
	must $BB mount -t tmpfs -o mode=0755 tmpfs /tmp
	must $BB mkdir /tmp/opkg-ostree
}

# The volatile names are links onto tmpfs, because OpenWrt counts on their being empty after a boot. procd hangs for ever
# without /var/run. Status 1 and PROBLEM where something cannot be made. One process for many names: each costs milliseconds.
prepare_var() {
	local name gone='' links='' dirs=''
	[ -d "$VAR" ] || { PROBLEM="the stateroot ${TARGET%%/*} has no var"; return 1; }
	# An empty directory (libostree makes var/log and var/tmp) gives way; one with content was wanted by somebody.
	for name in run lock state etc log opkg-lists tmp; do
		if [ -d "$VAR/$name" ] && [ ! -L "$VAR/$name" ]; then gone="$gone $VAR/$name"; fi
	done
	[ -z "$gone" ] || $BB rmdir $gone 2>/dev/null
	for name in run lock state etc log opkg-lists; do
		[ -L "$VAR/$name" ] || [ -d "$VAR/$name" ] || links="$links /tmp/$name"
	done
	[ -z "$links" ] || $BB ln -s $links "$VAR/" || { PROBLEM="cannot make$(var_names $links)"; return 1; }
	[ -L "$VAR/tmp" ] || [ -d "$VAR/tmp" ] || $BB ln -s /tmp/vartmp "$VAR/tmp" || { PROBLEM="cannot make /var/tmp"; return 1; }
	# A link of the admin's may lead to a disk that is not mounted yet.
	for name in lib cache spool db home opt srv mnt; do
		[ -d "$VAR/$name" ] || [ -L "$VAR/$name" ] || dirs="$dirs $VAR/$name"
	done
	[ -z "$dirs" ] || $BB mkdir -p $dirs || { PROBLEM="cannot make$(var_names $dirs)"; return 1; }
	[ -d "$VAR/roothome" ] || [ -L "$VAR/roothome" ] || $BB mkdir -m 0700 "$VAR/roothome" || { PROBLEM="cannot make /var/roothome"; return 1; }
}

# The paths below /var of those that are missing.
var_names() {
	for name; do
		[ -d "$VAR/${name##*/}" ] || [ -L "$VAR/${name##*/}" ] || printf ' /var/%s' "${name##*/}"
	done
}

# The ids that the accounts of the commit have in the deployment's own /etc, where they differ: `<passwd or group> <id> <id here>`.
ids_here() {
	local file
	for file in passwd group; do
		[ -r "$ROOT/usr/etc/$file" ] && [ -r "$ROOT/etc/$file" ] || continue
		$BB awk -F : -v file="$file" 'FNR == NR { here[$1] = $3; next } $1 in here && here[$1] != $3 { print file, $3, here[$1] }' \
			"$ROOT/etc/$file" "$ROOT/usr/etc/$file"
	done
}

# Files of the commit at $1 get the owners that their names have here. IDS is what ids_here printed.
own_here() {
	local path mode links uid gid rest
	[ -n "$IDS" ] || return 0
	$BB find "$1" | while read -r path; do
		read -r mode links uid gid rest <<TEXT
$($BB ls -lnd "$path")
TEXT
		uid=$(echo "$IDS" | $BB awk -v id="$uid" '$1 == "passwd" && $2 == id { id = $3; exit } END { print id }')
		gid=$(echo "$IDS" | $BB awk -v id="$gid" '$1 == "group" && $2 == id { id = $3; exit } END { print id }')
		$BB chown -h "$uid:$gid" "$path" || exit 1
	done
}

# Copies what usr/share/factory/var holds and /var has not, once for each deployment. A copy appears by rename.
factory_content() {
	local stamp="$VAR/lib/.opkg-ostree-factory" from="$ROOT/usr/share/factory/var" copied=
	[ -d "$from" ] || return 0
	if [ -r "$stamp" ]; then read -r copied <"$stamp"; fi
	[ "$copied" = "$TARGET" ] && return 0
	factory_copy "$from"
	case $? in
	0) ;;
	# A sync takes long, and is for what was copied.
	2) $BB sync ;;
	*) say "not all of /usr/share/factory/var could be copied to /var" console; return 0 ;;
	esac
	echo "$TARGET" >"$stamp"
}

# Status 2 where something was copied, 0 where all was there, else 1.
factory_copy() (
	cd "$1" || exit 1
	$BB find . | {
		status=0
		while read -r path; do
			# What every boot empties: a copy would only go through the link into a /tmp that is not there yet.
			case "${path#./}/" in run/* | lock/* | state/* | etc/* | log/* | opkg-lists/* | tmp/*) continue ;; esac
			if [ -e "$VAR/$path" ] || [ -L "$VAR/$path" ]; then continue; fi
			[ "$status" = 2 ] || IDS=$(ids_here)
			$BB rm -rf "$VAR/.opkg-ostree-copy"
			$BB cp -a "$path" "$VAR/.opkg-ostree-copy" && own_here "$VAR/.opkg-ostree-copy" && $BB mv "$VAR/.opkg-ostree-copy" "$VAR/$path" || exit 1
			status=2
		done
		exit $status
	}
)

# Asked for by firstboot. In place, because libostree makes the deployment's directory immutable; repeated after a power cut.
factory_reset() {
	[ -e "$SYSROOT/$STATE_DIR/factory-reset" ] || return 0
	say "factory reset: /etc becomes /usr/etc" console
	$BB rm -rf "$ROOT"/etc/* "$ROOT"/etc/.[!.]* "$ROOT"/etc/..?*
	must $BB cp -a "$ROOT/usr/etc/." "$ROOT/etc/"
	$BB sync
	must $BB rm "$SYSROOT/$STATE_DIR/factory-reset"
	$BB sync
}
