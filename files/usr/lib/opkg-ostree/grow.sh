# shellcheck shell=dash
# The sysroot takes the whole disk: an image is as small as it can be, the disk that it was written to is not. Needs boot.sh, and
# `log` of the caller.
#
# `image build` leaves ostree/opkg-ostree/grow on the sysroot. It stays until a deployment with resize2fs has started; without
# sfdisk the file system grows to the end of its partition only.

# MiB that are worth a write of the partition table.
GROW_LEAST=16

grow_sysroot() {
	local marker="$SYSROOT/$STATE_DIR/grow" numbers block name words
	[ -e "$marker" ] && command -v resize2fs >/dev/null 2>&1 || return 0
	numbers=$($BB awk -v at="${SYSROOT:-/}" '$5 == at { found = $3 } END { print found }' /proc/self/mountinfo)
	block=$(cd -P "/sys/dev/block/$numbers" 2>/dev/null && pwd -P) || return 0
	name=${block##*/}
	[ -b "/dev/$name" ] || return 0
	if [ -r "$block/partition" ]; then
		grow_partition "$block"
		case $? in
		1) log "growing: the partition stays as it is" ;;
		2) log "growing: the partition is larger from the next start on" && return 0 ;;
		esac
	fi
	# It asks the mount point that it finds first, which is the root, and that is read-only.
	$BB mount -o remount,bind,rw / 2>/dev/null
	words=$(resize2fs "/dev/$name" 2>&1 </dev/null)
	if [ $? = 0 ]; then
		$BB sync
		$BB rm -f "$marker"
		log "growing: the sysroot has $(($(cat "$block/size") / 2048)) MiB"
	else
		log "growing: resize2fs: $(echo "$words" | $BB tail -n 1)"
	fi
	$BB mount -o remount,bind,ro / 2>/dev/null
}

# The partition at sysfs path $1 to the end of its disk, where it is the last one. Status 1: it cannot be; 2: the kernel, which has
# another table in its memory, will know at its next start.
grow_partition() {
	local disk=${1%/*} start size end other
	command -v sfdisk >/dev/null 2>&1 || return 0
	read -r start <"$1/start" && read -r size <"$1/size" && read -r end <"$disk/size" || return 1
	[ $((end - start - size)) -gt $((GROW_LEAST * 2048)) ] || return 0
	for other in "$disk/${disk##*/}"*/start; do
		[ "$(cat "$other")" -le "$start" ] || return 0
	done
	echo ', +' | sfdisk -q --no-reread --force -N "$(cat "$1/partition")" "/dev/${disk##*/}" >/dev/null 2>&1 || return 1
	[ "$(cat "$1/size")" != "$size" ] || partx -u "/dev/${disk##*/}" >/dev/null 2>&1 || return 2
}
