# shellcheck shell=dash disable=SC2034
# Early boot's first steps in an initramfs: kernel modules, and the sysroot found by root= and mounted on /mnt.
#
# Kernels that have no driver for the disk built in bring it as /modules/*.ko, inserted in the order of their names.

# Sets SYSROOT; fails where root= does not appear within 30 seconds.
find_sysroot() {
	local module root device='' waited=0
	[ -d /sys/class ] || { $BB mkdir -p /sys && $BB mount -t sysfs sysfs /sys; }
	for module in /modules/*.ko; do
		[ -e "$module" ] && { $BB insmod "$module" || say "cannot insert $module" console; }
	done
	karg root || fail "no root= on the kernel's command line"
	root=$VALUE
	until device=$(root_device "$root"); do
		[ "$waited" -lt 30 ] || fail "root=$root did not appear in 30 seconds"
		waited=$((waited + 1))
		$BB sleep 1
	done
	mount_sysroot "$device"
}

# Read-write from the start: the counter, /etc and /var live there.
mount_sysroot() {
	local type='' flags=rw
	if karg rootfstype; then type=$VALUE; fi
	if karg rootflags; then flags=rw,$VALUE; fi
	$BB mkdir -p /mnt
	# shellcheck disable=SC2086
	$BB mount ${type:+-t "$type"} -o "$flags" "$1" /mnt || fail "cannot mount $1 as the sysroot"
	[ -e /mnt/ostree/repo ] || fail "no repository on $1"
	SYSROOT=/mnt
}

# The device node that root=$1 means; status 1 while there is none.
root_device() {
	local entry name
	case "$1" in
	/dev/*) [ -b "$1" ] && echo "$1" && return 0 ;;
	esac
	for entry in /sys/class/block/*; do
		name=${entry##*/}
		[ -b "/dev/$name" ] || continue
		case "$1" in
		PARTUUID=*) [ "$(partition_uuid "$entry")" = "$(lower "${1#*=}")" ] ;;
		PARTLABEL=*) $BB grep -qxF "PARTNAME=${1#*=}" "$entry/uevent" ;;
		UUID=*) [ "$(ext_field "$name" 1128 16)" = "$(lower "${1#*=}" | $BB sed 's/-//g')" ] ;;
		LABEL=*) [ "$($BB dd if="/dev/$name" bs=1 skip=1144 count=16 2>/dev/null | $BB tr -d '\000')" = "${1#*=}" ] ;;
		*) false ;;
		esac && echo "/dev/$name" && return 0
	done
	return 1
}

lower() {
	echo "$1" | $BB tr 'A-F' 'a-f'
}

# $3 bytes at offset $2 of an ext2, 3 or 4 file system on /dev/$1, in hexadecimal.
ext_field() {
	[ "$(hex_at "/dev/$1" 1080 2)" = 53ef ] && hex_at "/dev/$1" "$2" "$3"
}

hex_at() {
	$BB hexdump -v -s "$2" -n "$3" -e '1/1 "%02x"' "$1" 2>/dev/null
}

# The PARTUUID of the partition behind /sys/class/block/$1, as the kernel spells it: from the GPT (UEFI 5.3.3: the entry's
# second GUID, its first three fields little endian), or disk signature and number of an MBR.
partition_uuid() {
	local number disk block
	[ -r "$1/partition" ] || return 1
	read -r number <"$1/partition"
	disk=$(cd -P "$1/.." && pwd -P)
	read -r block <"$disk/queue/logical_block_size"
	disk=/dev/${disk##*/}
	if [ "$(hex_at "$disk" "$block" 8)" = 4546492050415254 ]; then
		hex_at "$disk" $((2 * block + 128 * (number - 1) + 16)) 16 |
			$BB sed 's/^\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(....\)/\4\3\2\1-\6\5-\8\7-\9-/'
	else
		hex_at "$disk" 440 4 | $BB sed 's/^\(..\)\(..\)\(..\)\(..\)$/\4\3\2\1/' | $BB tr -d '\n'
		printf -- '-%02x\n' "$number"
	fi
}
