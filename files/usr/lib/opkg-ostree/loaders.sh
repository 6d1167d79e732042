# shellcheck shell=dash disable=SC2016,SC2034
# What boot loaders read, rendered from boot entries: the texts of src/boot/loaders. Needs boot.sh; POSIX sh and awk of BusyBox.

# Renders into $2 what the loader reads, for the entries in it: of the kind that lies in $1, with that file's head. $3 is the
# first deployment, $4 how many there are, $5 what loader_trial said. The texts are those of src/boot/loaders.
write_loader_files() {
	local name files extra="$SYSROOT/ostree/deploy/$3/usr/lib/ostree-boot/uEnv.txt"
	[ -f "$extra" ] || extra=
	files=$($BB grep -H '^version ' "$2"/entries/*.conf | $BB sed 's/^\(.*\):version \(.*\)$/\2 \1/' | $BB sort -k1,1 -n -r | $BB sed 's/^[^ ]* //')
	for name in grub.cfg extlinux.conf uEnv.txt; do
		[ -e "$1/$name" ] || continue
		# GRUB that reads FAT only cannot count.
		[ -d "$SYSROOT/boot/firmware" ] && set -- "$1" "$2" "$3" "$4" ''
		# shellcheck disable=SC2086 # the names of entries hold no white space
		{ loader_head "$1/$name" "$4" $5 && render_loader "$name" "$extra" "$5" $files; } >"$2/$name" || return 1
	done
	# shellcheck disable=SC2086
	[ ! -e "$1/ostree.txt" ] || render_rpi "$2" $files
}

# Writes what the firmware of the Raspberry Pi reads into the folder $1, for the entries that follow (src/boot/loaders/rpi.ts).
render_rpi() {
	local to=$1 file key value index=0 linux options tail
	shift
	for file; do
		linux='' options='' tail=
		while read -r key value; do
			case "$key" in
			linux) linux=${value%/*} ;;
			options) options=$value ;;
			initrd) case "$tail" in *initramfs*) ;; *) tail="initramfs initrd.img followkernel
$tail" ;; esac ;;
			devicetree) tail="${tail}device_tree=board.dtb
" ;;
			esac
		done <"$file"
		[ -n "$linux" ] || return 1
		linux=${linux##*-}
		echo "$options" >"$to/cmd${to##*.}-$index.txt"
		if [ "$index" -lt 2 ]; then
			{
				echo '# Written by opkg-ostree at each switch; edits are lost.'
				echo "os_prefix=${linux%"${linux#????????}"}/"
				echo 'kernel=kernel8.img'
				echo "cmdline=/ostree/cmd${to##*.}-$index.txt"
				printf '%s' "$tail"
			} >"$to/start-$index"
		fi
		index=$((index + 1))
	done
	if [ -e "$to/start-1" ]; then
		$BB mv "$to/start-1" "$to/trial.txt"
	else
		$BB cp "$to/start-0" "$to/trial.txt"
	fi && $BB mv "$to/start-0" "$to/ostree.txt"
}

# What stands before the first entry: the serial line, the timeout; the default is always the first entry. $2 is the number of
# entries, $3 the deployment on trial and $4 where to go back to, if there is one: GRUB's count of three starts (grub.ts).
loader_head() {
	case "$1" in
	*/grub.cfg)
		$BB awk -v entries="$2" -v trial="$3" -v back="${4:-1}" '
			/^menuentry / { exit }
			/^set opkg_ostree_id=/ { counting = 1 }
			counting { if ($0 == "fi") counting = 0; next }
			/^set fallback=/ { next }
			{ print }
			/^set default=/ && entries > 1 { print "set fallback=\"" back "\"" }
			/^set timeout=/ && trial != "" { count() }
			function count(left) {
				print "set opkg_ostree_id=\"" trial "\"\nset opkg_ostree_gave_up=\"\""
				print "if load_env -f /boot/grub/grubenv opkg_ostree_trial opkg_ostree_left opkg_ostree_good; then"
				print "\tif [ \"$opkg_ostree_good\" != \"$opkg_ostree_id\" ]; then"
				print "\t\tif [ \"$opkg_ostree_trial\" != \"$opkg_ostree_id\" ]; then set opkg_ostree_left=\"3\"; fi"
				print "\t\tset opkg_ostree_trial=\"$opkg_ostree_id\""
				for (left = 3; left > 0; left--)
					print "\t\t" (left == 3 ? "if" : "elif") " [ \"$opkg_ostree_left\" = \"" left "\" ]; then set opkg_ostree_left=\"" left - 1 "\""
				print "\t\telse\n\t\t\tset default=\"" back "\""
				print "\t\t\tset opkg_ostree_gave_up=\"opkg-ostree.gave-up=$opkg_ostree_id\"\n\t\tfi"
				print "\t\tsave_env -f /boot/grub/grubenv opkg_ostree_trial opkg_ostree_left\n\tfi\nfi"
			}
		' "$1"
		;;
	*/extlinux.conf) $BB awk '/^(label |$)/ { exit } { print }' "$1" ;;
	esac
}

# $1 the name of the file, $2 the environment that the first deployment adds or nothing, $3 what is on trial or nothing, then the
# entries in boot order.
render_loader() {
	local kind=$1 extra=$2 trial=$3 ends=0 firmware='' counted=
	shift 3
	[ ! -d "$SYSROOT/boot/firmware" ] || firmware=1
	[ ! -f "$SYSROOT/boot/boot.scr" ] || counted=1
	# The file is taken as it is, with a newline behind it, like libostree does: its own last newline makes an empty line.
	[ -z "$extra" ] || ends=$($BB tail -c 1 "$extra" | $BB wc -l)
	$BB awk -v kind="$kind" -v firmware="$firmware" -v counted="$counted" -v extra="$extra" -v trial="$trial" -v ends="$((ends))" -v apostrophe="'" '
		function below_boot(path) { return path ~ /^\/boot\// ? path : "/boot" path }
		# On FAT a kernel lies in a folder named by eight digits of its checksum.
		function placed(path, name) {
			if (!firmware) return below_boot(path)
			sub(/\/[^\/]*$/, "", path)
			sub(/^.*-/, "", path)
			return "/boot/" substr(path, 1, 8) "/" name
		}
		# A word of GRUB script: plain where nothing in it means anything to its lexer. The kernel needs no quotes of ours.
		function quoted(word) {
			if (word ~ /^[A-Za-z0-9_.,:=\/@%+-]+$/) return word
			gsub(apostrophe, apostrophe "\\" apostrophe apostrophe, word)
			return apostrophe word apostrophe
		}
		function grub_words(text, i, c, word, inside, result) {
			for (i = 1; i <= length(text) + 1; i++) {
				c = substr(text, i, 1)
				if (c == "\"") inside = !inside
				else if (c == "" || (c ~ /[ \t]/ && !inside)) {
					if (word != "") result = result " " quoted(word)
					word = ""
				} else word = word c
			}
			return result
		}
		function grub(i) {
			printf "%smenuentry %s {\n\tlinux %s%s%s\n", (i > 1 ? "\n" : ""), quoted(title[i]), linux[i], grub_words(options[i]), (trial == "" ? "" : " $opkg_ostree_gave_up")
			if (initrds[i] != "") printf "\tinitrd%s\n", initrds[i]
			if (devicetree[i] != "") printf "\tdevicetree %s\n", devicetree[i]
			print "}"
		}
		function extlinux(i) {
			printf "\nlabel ostree-%d\n\tmenu label %s\n\tkernel %s\n", i - 1, title[i], linux[i]
			if (initrd[i] != "") printf "\tinitrd %s\n", initrd[i]
			if (devicetree[i] != "") printf "\tfdt %s\n", devicetree[i]
			else if (fdtdir[i] != "") printf "\tfdtdir %s\n", fdtdir[i]
			printf "\tappend %s\n", options[i]
		}
		function variables(i, suffix) {
			print "kernel_image" suffix "=" linux[i]
			if (initrd[i] != "") print "ramdisk_image" suffix "=" initrd[i]
			if (devicetree[i] != "") print "fdt_file" suffix "=" devicetree[i]
			if (fdtdir[i] != "") print "fdtdir" suffix "=" fdtdir[i]
			print "bootargs" suffix "=" options[i]
		}
		function environment(i, line) {
			variables(i, i > 1 ? i : "")
			if (i > 1 || extra == "") return
			while ((getline line < extra) > 0) print line
			if (ends) print ""
		}
		FNR == 1 { n++; title[n] = "OpenWrt" }
		{
			key = $1
			value = $0
			sub(/^[^ \t]+[ \t]+/, "", value)
			sub(/[ \t\r]+$/, "", value)
			if (key == "title") title[n] = value
			else if (key == "options") options[n] = value
			else if (key == "linux") linux[n] = placed(value, "vmlinuz")
			else if (key == "devicetree") devicetree[n] = placed(value, "board.dtb")
			else if (key == "fdtdir") fdtdir[n] = below_boot(value)
			else if (key == "initrd") {
				if (firmware && initrd[n] != "") next
				if (initrd[n] == "") initrd[n] = below_boot(value)
				initrds[n] = initrds[n] " " placed(value, "initrd.img")
			}
		}
		END {
			for (i = 1; i <= n; i++) {
				if (linux[i] == "") exit 1
				if (kind == "grub.cfg") grub(i)
				else if (kind == "extlinux.conf") extlinux(i)
				else environment(i)
			}
			if (kind != "uEnv.txt" || !counted || split(trial, word, " ") != 2) exit
			print "opkg_ostree_trial=" word[1] "\nopkg_ostree_tries=3"
			if (word[2] != 1) variables(word[2] + 1, "_back")
		}
	' "$@"
}
