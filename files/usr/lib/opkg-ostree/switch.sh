# shellcheck shell=dash disable=SC2016,SC2034
# Going back: the boot entries rewritten with another deployment first. Needs boot.sh and loaders.sh; POSIX sh and
# awk of BusyBox.
#
# The entries, boot links and loader files are those that the tool itself would write (docs/formats/boot.md).

# Makes $1 the first boot entry, all others after it in their order, in the other bootversion. The rename of boot/loader is
# the commit point; loaders read the disk without its journal, so everything is synced before it and after it.
switch_to() {
	local from to sub left version file link deployment rest trial
	[ "$(first_deployment)" = "$1" ] && return 0
	has_deployment "$1" || return 1
	case "$($BB readlink "$SYSROOT/boot/loader")" in
	loader.0) from=0 to=1 ;;
	loader.1) from=1 to=0 ;;
	*) return 1 ;;
	esac
	sub=1
	[ "$($BB readlink "$SYSROOT/ostree/boot.$to")" = "boot.$to.1" ] && sub=0
	rest=$(entries)
	rest=$(
		echo "$rest" | while read -r version file link deployment; do
			[ "$deployment" = "$1" ] && echo "$file $link $deployment" && break
		done
		# An entry whose deployment is gone goes too: nothing could start it, and libostree would refuse the sysroot.
		echo "$rest" | while read -r version file link deployment; do
			[ "$deployment" = "$1" ] || [ "$deployment" = - ] || echo "$file $link $deployment"
		done
	)
	left=$(echo "$rest" | $BB wc -l)
	$BB rm -rf "$SYSROOT/boot/loader.$to" "$SYSROOT/ostree/boot.$to.$sub" "$SYSROOT/boot/.switch" "$SYSROOT/ostree/.switch"
	$BB mkdir -p "$SYSROOT/boot/loader.$to/entries" "$SYSROOT/ostree/boot.$to.$sub" || return 1
	echo "$rest" | write_entries "$from" "$to" "$sub" $((left)) || return 1
	trial=$(loader_trial "$rest")
	[ -z "$trial" ] || grub_env '' || return 1
	write_loader_files "$SYSROOT/boot/loader.$from" "$SYSROOT/boot/loader.$to" "$1" "$left" "$trial" || return 1
	replace_link "boot.$to.$sub" "$SYSROOT/ostree" "boot.$to" || return 1
	# The loader sees the blocks of the rename one by one: the inode of the new link has to be there before, that of the old one to
	# stay, by another name (src/boot/switch.ts).
	$BB ln -s "loader.$to" "$SYSROOT/boot/loader.$to/link" || return 1
	[ -L "$SYSROOT/boot/loader.$from/link" ] || $BB ln "$SYSROOT/boot/loader" "$SYSROOT/boot/loader.$from/link"
	$BB mkdir "$SYSROOT/boot/.switch" && $BB ln "$SYSROOT/boot/loader.$to/link" "$SYSROOT/boot/.switch/loader" || return 1
	$BB sync
	$BB mv -f "$SYSROOT/boot/.switch/loader" "$SYSROOT/boot/" && $BB rmdir "$SYSROOT/boot/.switch" || return 1
	$BB sync
	firmware_follow "$to"
}

# Where the loader reads a FAT partition (boot/firmware), the rendered files of bootversion $1 are copied there, the one that names
# the others last, by a rename: src/boot/firmware.ts. The kernels of all entries are there already.
firmware_follow() {
	local from="$SYSROOT/boot/loader.$1" to="$SYSROOT/boot/firmware" name commit
	[ -d "$to" ] || return 0
	firmware_mount || return 1
	for name in "$from"/*.txt; do
		[ -f "$name" ] || continue
		case "${name##*/}" in
		ostree.txt) ;;
		trial.txt) firmware_copy "$name" "$to/trial.txt" || return 1 ;;
		*) firmware_copy "$name" "$to/ostree/${name##*/}" || return 1 ;;
		esac
	done
	$BB sync
	commit="$to/ostree.txt"
	[ -f "$from/ostree.txt" ] || commit="$to/ostree/grub.cfg"
	firmware_copy "$from/${commit##*/}" "$commit" || return 1
	$BB sync
}

firmware_copy() {
	$BB mkdir -p "${2%/*}" && $BB cat "$1" >"$2.new" || return 1
	$BB fsync "$2.new" 2>/dev/null || $BB sync
	$BB mv -f "$2.new" "$2"
}

# Mounts partition 1 of the sysroot's disk on boot/firmware unless it is. Early boot has no /sys: the names are in /proc.
firmware_mount() {
	local to="$SYSROOT/boot/firmware" id parent device root where rest major minor blocks name disk=
	[ -f "$to/config.txt" ] || [ -f "$to/boot/grub/grub.cfg" ] && return 0
	while read -r id parent device root where rest; do
		[ "$where" = "${SYSROOT:-/}" ] && disk=$device
	done </proc/self/mountinfo
	[ -n "$disk" ] || return 1
	while read -r major minor blocks name; do
		[ "$major:$minor" = "$disk" ] && disk=${name%"${name##*[!0-9]}"}
	done </proc/partitions
	while read -r major minor blocks name; do
		[ "$name" = "${disk}1" ] || continue
		device=/dev/$name
		[ -b "$device" ] || { device=${DEV:-/dev}/$name && $BB mknod "$device" b "$major" "$minor"; }
		$BB mount -t vfat -o rw,noatime "$device" "$to" && return 0
	done </proc/partitions
	return 1
}

# Puts the symlink $2/$3 -> $1 in the place of another by one rename. `mv` would follow the old link into its directory;
# it does not where the new link has the same name in another directory.
replace_link() {
	$BB rm -rf "$2/.switch"
	$BB mkdir "$2/.switch" && $BB ln -s "$1" "$2/.switch/$3" && $BB mv -f "$2/.switch/$3" "$2/" && $BB rmdir "$2/.switch"
}

# Reads `<file> <boot link> <deployment>` lines, the new first one first; writes entries and boot links of bootversion $2
# with subbootversion $3. $1 is the old bootversion, $4 the number of lines.
write_entries() {
	local number=$4 index=0 seen=' ' file link deployment group serial word
	while read -r file link deployment; do
		group=${link#/ostree/boot.?/}
		group=${group%/*}
		serial=0
		for word in $seen; do
			if [ "$word" = "${group##*/}" ]; then serial=$((serial + 1)); fi
		done
		seen="$seen${group##*/} "
		$BB mkdir -p "$SYSROOT/ostree/boot.$2.$3/$group" &&
			$BB ln -s "../../../deploy/$deployment" "$SYSROOT/ostree/boot.$2.$3/$group/$serial" || return 1
		# The name keeps its form: ostree-<n>.conf, or with the stateroot behind the number.
		word=${file#ostree-}
		word=${word#"${word%%[!0-9]*}"}
		$BB awk -v version="$number" -v index_="$index" -v old="$link" -v new="/ostree/boot.$2/$group/$serial" '
			function swapped(text, result, at, after) {
				while ((at = index(text, old)) > 0) {
					after = substr(text, at + length(old), 1)
					result = result substr(text, 1, at - 1) (after ~ /^[0-9]$/ ? old : new)
					text = substr(text, at + length(old))
				}
				return result text
			}
			$1 == "version" { print "version " version; next }
			$1 == "title" {
				if (match($0, /[(]ostree:([^:()]+:)?[0-9]+[)]/)) {
					mark = substr($0, RSTART, RLENGTH)
					sub(/[0-9]+[)]$/, "", mark)
					$0 = substr($0, 1, RSTART - 1) mark index_ ")" substr($0, RSTART + RLENGTH)
				}
				print
				next
			}
			{ print swapped($0) }
		' "$SYSROOT/boot/loader.$1/entries/$file" >"$SYSROOT/boot/loader.$2/entries/ostree-$number$word" || return 1
		number=$((number - 1)) index=$((index + 1))
	done
}

# What a loader that counts has to know: `<deployment> <place of the entry to go back to>`; nothing where the first line of $1,
# `<file> <boot link> <deployment>` each, is not on trial or alone.
loader_trial() {
	local file link deployment index=0 back=1
	state_read
	[ -n "$PENDING" ] || return 0
	echo "$1" | {
		while read -r file link deployment; do
			if [ "$index" = 0 ] && [ "$deployment" != "$PENDING" ]; then return 0; fi
			if [ "$index" -gt 0 ] && [ "$deployment" = "$GOOD" ]; then back=$index; fi
			index=$((index + 1))
		done
		[ "$index" -lt 2 ] || echo "$PENDING $back"
	}
}

# GRUB's environment block with $1 in the place of our variables, or none; others stay. Where the folder is missing GRUB is not
# the loader. The format is that of src/boot/grub-env.ts.
grub_env() {
	local file="$SYSROOT/boot/grub/grubenv"
	[ -d "${file%/*}" ] || return 0
	{ if [ -f "$file" ]; then $BB cat "$file"; fi; } | $BB tr -d '\000' | $BB awk -v line="$1" '
		function put(text) {
			if (length(block) + length(text) + 1 <= 1024) block = block text "\n"
		}
		BEGIN {
			block = "# GRUB Environment Block\n"
			if (line != "") put(line)
		}
		/^[A-Za-z_][A-Za-z0-9_]*=/ && !/^opkg_ostree_/ { put($0) }
		END {
			while (length(block) < 1024) block = block "#"
			printf "%s", block
		}
	' >"$file.new" && publish "$file"
}

# No loader need count deployment $1 any longer: it is good. Written only where it says something else.
stop_grub_count() {
	local file="$SYSROOT/boot/grub/grubenv"
	stop_uboot_count
	stop_stored_count || log "cannot end the count of U-Boot"
	[ -f "$file" ] || return 0
	$BB grep -qxF "opkg_ostree_good=$1" "$file" && return 0
	grub_env "opkg_ostree_good=$1" && $BB sync
}

# U-Boot need not count any longer what is first: a line that says so goes from the file that our script reads.
stop_uboot_count() {
	local file="$SYSROOT/boot/loader/uEnv.txt"
	[ -f "$SYSROOT/boot/boot.scr" ] && $BB grep -q '^opkg_ostree_trial=' "$file" || return 0
	$BB sed '/^opkg_ostree_tr/d; /^[a-z_]*_back=/d' "$file" >"$file.new" && publish "$file" && $BB sync
}

# Nor a U-Boot that counts by itself, where its stored environment leads to our script (src/boot/loaders/fw-env.ts). Written only where
# it counts: flash wears out.
stop_stored_count() {
	local stored separator=' '
	[ -f "$SYSROOT/boot/boot.scr" ] && command -v fw_setenv >/dev/null 2>&1 || return 0
	stored=$(fw_printenv 2>/dev/null) || return 0
	case "$stored" in *'altbootcmd=setenv opkg_ostree_entry '*) ;; *) return 0 ;; esac
	echo "$stored" | $BB grep -qx 'upgrade_available=[1-9]' || return 0
	# As src/boot/fw-setenv.ts tells the two tools apart.
	case "$(fw_setenv -h 2>&1)" in *--defenv*) separator='=' ;; esac
	printf 'bootcount%s0\nupgrade_available%s0\n' "$separator" "$separator" | fw_setenv -s -
}
