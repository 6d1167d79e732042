/**
 * The shell side of the sandbox, run as process 1 of new mount, pid, network, ipc and uts namespaces. Everything it
 * is told comes in as arguments: nothing is interpolated into its text.
 *
 * ```
 * work/                  $1, private to one session
 *   stubs/bin/<name>     programs that say "not run" and succeed
 *   stubs/rc.common      wraps the tree's: enable and disable go through, start and stop do not
 *   stubs/run            what is to be run
 *   <run>/merged         $3/merged: the tree that the script sees
 *   <run>/upper, ovl     what it changed; absent in the mode `copy`
 * ```
 */
export const sandboxSetup = String.raw`
work=$1 lowers=$2 run=$3 mode=$4 place=$5
shift 5
report() { echo "$1" >&3; }
die() { report "setup $1"; exit 125; }
umask 022
cd "$work" || die "no work directory"
{ echo OpenWrt >/proc/sys/kernel/hostname; } 2>/dev/null
outside=$(while read -r id parent dev root point rest; do printf '%s\n' "$point"; done </proc/self/mountinfo)
if [ "$mode" = overlay ]; then
  mount -t overlay overlay -o \
    "lowerdir=$lowers,upperdir=$run/upper,workdir=$run/ovl,index=off,metacopy=off,redirect_dir=off$OVERLAY_EXTRA" \
    "$run/merged" || die overlay
else
  mount --bind "$run/merged" "$run/merged" || die "bind mount"
fi
# Only a chroot stands between the script and these; it may read them, never write.
set -f
for point in $outside; do
  case $point in *\\*) point=$(printf '%b' "$(printf '%s' "$point" | sed 's/\\/\\0/g')") ;; esac
  mount -o remount,bind,ro "$point" 2>/dev/null || [ ! -w "$point" ] || die "read-only $point"
done
set +f
cd "$work/$run/merged" || die "no tree"
for dir in dev proc sys tmp var etc; do
  [ -d "$dir" ] || mkdir "$dir" || die "no directory /$dir"
  [ ! -L "$dir" ] || die "/$dir is a symlink"
done
[ ! -d usr/etc ] || mount --bind usr/etc etc || die "mount of /etc"
mount -t tmpfs -o size=64m,mode=1777,nosuid,nodev sandbox tmp || die "mount of /tmp"
mount -t tmpfs -o size=64m,mode=755,nosuid,nodev sandbox var || die "mount of /var"
mount -t tmpfs -o size=1m,mode=755,nosuid sandbox dev || die "mount of /dev"
for node in null zero full urandom random; do
  : >"dev/$node" && mount --bind "/dev/$node" "dev/$node" || die "mount of /dev/$node"
done
mkdir tmp/run tmp/lock tmp/log tmp/state tmp/etc tmp/vartmp tmp/opkg-lists tmp/.sandbox
for name in run lock log state etc opkg-lists; do ln -s "../tmp/$name" "var/$name"; done
ln -s ../tmp/vartmp var/tmp
mkdir var/lib var/cache var/spool var/db var/home var/opt var/srv var/mnt var/roothome
mount -t proc -o ro,nosuid,nodev,noexec,subset=pid sandbox proc 2>/dev/null ||
  mount -t proc -o ro,nosuid,nodev,noexec sandbox proc || die "mount of /proc"
mount --bind "$work/stubs" tmp/.sandbox || die "mount of the stubs"
mount -o remount,bind,ro tmp/.sandbox || die "read-only stubs"
for stub in "$work"/stubs/bin/*; do
  for dir in usr/bin usr/sbin bin sbin; do
    [ ! -L "$dir" ] || continue
    file=$dir/$(basename "$stub")
    [ ! -f "$file" ] || [ -L "$file" ] || mount --bind "$stub" "$file" || die "mount of a stub"
  done
done
if [ -f usr/etc/rc.common ] && [ ! -L usr/etc/rc.common ]; then
  : >tmp/run/rc.common
  mount --bind usr/etc/rc.common tmp/run/rc.common && mount --bind "$work/stubs/rc.common" etc/rc.common ||
    die "mount of rc.common"
fi
if [ "$place" = inside ]; then
  chroot . /bin/sh -c : </dev/null >/dev/null 2>&1 || die foreign
else
  case "$work/" in /tmp/*) ;; *) mount -t tmpfs -o size=64m,mode=1777 sandbox /tmp || die "mount of /tmp" ;; esac
fi
ulimit -c 0
ulimit -f 1048576
"$@" </dev/null 3>&- &
wait $!
status=$?
# What the script left running must not write while its result is read. Process 1 itself is spared.
kill -9 -1 2>/dev/null
report "exit $status"
read -r line
exit 0
`;

/** The stub of a program that needs the running system. `$0` is its name. */
export const programStub = `#!/bin/sh
echo "sandbox: not run: $(basename "$0") $*" >&2
exit 0
`;

/** In the place of the tree's rc.common, which is at /tmp/run/rc.common. */
export const rcCommonStub = `#!/bin/sh
case "$2" in
enable | disable | enabled | help | '') . "$IPKG_INSTROOT/tmp/run/rc.common" ;;
*) echo "sandbox: not run: $1 $2" >&2 ;;
esac
`;
