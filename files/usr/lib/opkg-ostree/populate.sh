# shellcheck shell=dash disable=SC2086
# What early boot fills before the switch: /var with its volatile links and factory content, and /etc on a factory reset. Needs
# boot.sh and `fail`, `must`, `say` of prepare-root; TARGET, ROOT and VAR are set.

# The volatile names are links onto tmpfs, because OpenWrt counts on their being empty after a boot. procd hangs for ever
# without /var/run, so what cannot be made is fatal.
prepare_var() {
	local name to
	for name in run lock state etc log opkg-lists tmp; do
		[ -L "$VAR/$name" ] && continue
		to=/tmp/$name
		[ "$name" = tmp ] && to=/tmp/vartmp
		# An empty directory (libostree makes var/log and var/tmp) gives way; one with content was wanted by somebody.
		if [ -d "$VAR/$name" ]; then $BB rmdir "$VAR/$name" 2>/dev/null || continue; fi
		$BB ln -s "$to" "$VAR/$name" || fail "cannot make /var/$name"
	done
	for name in lib cache spool db home opt srv mnt; do
		[ -d "$VAR/$name" ] || must $BB mkdir -p "$VAR/$name"
	done
	[ -d "$VAR/roothome" ] || must $BB mkdir -m 0700 "$VAR/roothome"
}

# Copies what usr/share/factory/var holds and /var has not, once for each deployment. A copy appears by rename.
factory_content() {
	local stamp="$VAR/lib/.opkg-ostree-factory" from="$ROOT/usr/share/factory/var" path copied=
	[ -d "$from" ] || return 0
	if [ -r "$stamp" ]; then read -r copied <"$stamp"; fi
	[ "$copied" = "$TARGET" ] && return 0
	(
		cd "$from" || exit 1
		$BB find . | while read -r path; do
			# What every boot empties: a copy would only go through the link into a /tmp that is not there yet.
			case "${path#./}/" in run/* | lock/* | state/* | etc/* | log/* | opkg-lists/* | tmp/*) continue ;; esac
			if [ -e "$VAR/$path" ] || [ -L "$VAR/$path" ]; then continue; fi
			$BB rm -rf "$VAR/.opkg-ostree-copy"
			$BB cp -a "$path" "$VAR/.opkg-ostree-copy" && $BB mv "$VAR/.opkg-ostree-copy" "$VAR/$path" || exit 1
		done
	) && $BB sync && echo "$TARGET" >"$stamp" && return 0
	say "not all of /usr/share/factory/var could be copied to /var" console
}

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
