# shellcheck shell=dash disable=SC2034
# The boot state, read and written, and the boot entries, read: what early boot and `opkg-ostree` share.
#
# POSIX sh for BusyBox ash. The caller sets SYSROOT (its canonical path; empty where the sysroot is /) and BB (busybox).
# Formats: docs/formats/boot-state.md, docs/formats/boot.md.

STATE_DIR=ostree/opkg-ostree

# Puts $1.new in the place of $1, durably. BusyBox's fsync is not in every build; sync is.
publish() {
	$BB fsync "$1.new" 2>/dev/null || $BB sync
	$BB mv -f "$1.new" "$1" || return 1
	$BB fsync "${1%/*}" 2>/dev/null || $BB sync
}

# Whether $1 has the form of a deployment's path below ostree/deploy.
is_deployment() {
	case "$1" in
	.* | -* | */*/*/* | *[!A-Za-z0-9._/+-]*) return 1 ;;
	?*/deploy/[0-9a-f]*.[0-9]*) return 0 ;;
	esac
	return 1
}

has_deployment() {
	is_deployment "$1" && [ -d "$SYSROOT/ostree/deploy/$1/usr" ]
}

# The state in PENDING, GOOD, BAD, TRIES, CONFIRM, REASON; all empty and status 1 where there is none that can be used.
state_read() {
	local key value format=
	PENDING='' GOOD='' BAD='' TRIES='' CONFIRM='' REASON=''
	[ -r "$SYSROOT/$STATE_DIR/boot-state" ] || return 1
	while read -r key value; do
		case "$key" in
		format) format=$value ;;
		pending) PENDING=$value ;;
		good) GOOD=$value ;;
		bad) BAD=$value ;;
		tries) TRIES=$value ;;
		confirm) CONFIRM=$value ;;
		reason) REASON=$value ;;
		esac
	done <"$SYSROOT/$STATE_DIR/boot-state"
	state_is_valid "$format" && return 0
	PENDING='' GOOD='' BAD='' TRIES='' CONFIRM='' REASON=''
	return 1
}

# $1: the format that the file names.
state_is_valid() {
	local deployment
	[ "$1" = 1 ] || return 1
	for deployment in "$PENDING" "$GOOD" "$BAD"; do
		[ -z "$deployment" ] || is_deployment "$deployment" || return 1
	done
	case "$PENDING/$TRIES" in
	/* | */[0-9] | */[1-9][0-9]) ;;
	*) return 1 ;;
	esac
	case "$CONFIRM" in
	'' | [1-9] | [1-9][0-9] | [1-9][0-9][0-9] | [1-9][0-9][0-9][0-9] | [1-9][0-9][0-9][0-9][0-9]) ;;
	*) return 1 ;;
	esac
}

# Writes those variables of state_read that are set.
state_write() {
	local file="$SYSROOT/$STATE_DIR/boot-state"
	[ -d "${file%/*}" ] || $BB mkdir -p "${file%/*}" || return 1
	{
		echo "format 1"
		[ -z "$PENDING" ] || echo "pending $PENDING"
		[ -z "$GOOD" ] || echo "good $GOOD"
		[ -z "$TRIES" ] || echo "tries $TRIES"
		[ -z "$CONFIRM" ] || echo "confirm $CONFIRM"
		[ -z "$BAD" ] || echo "bad $BAD"
		[ -z "$REASON" ] || echo "reason $REASON"
	} >"$file.new" && publish "$file"
}

# Remembers a verdict: $1 deployment, $2 good or bad, $3 the reason in one line.
verdict_add() {
	local file="$SYSROOT/$STATE_DIR/verdicts"
	[ -d "${file%/*}" ] || $BB mkdir -p "${file%/*}" || return 1
	{
		[ -r "$file" ] && $BB tail -n 99 "$file"
		echo "$($BB date +%s) ${1:--} $2 $3"
	} >"$file.new" && publish "$file"
}

# The last verdict on deployment $1: good, bad or nothing.
verdict_of() {
	local seconds deployment word rest last=
	[ -r "$SYSROOT/$STATE_DIR/verdicts" ] || return 1
	while read -r seconds deployment word rest; do
		[ "$deployment" = "$1" ] && last=$word
	done <"$SYSROOT/$STATE_DIR/verdicts"
	[ -n "$last" ] && echo "$last"
}

# Why the last verdict on deployment $1 was what it was.
verdict_reason() {
	local seconds deployment word reason last=
	[ -r "$SYSROOT/$STATE_DIR/verdicts" ] || return 1
	while read -r seconds deployment word reason; do
		[ "$deployment" = "$1" ] && last=$reason
	done <"$SYSROOT/$STATE_DIR/verdicts"
	[ -n "$last" ] && echo "$last"
}

# The deployment behind a boot link, /ostree/boot.<B>/<stateroot>/<bootcsum>/<serial>.
deployment_at() {
	local dir
	case "$1" in /ostree/boot.[01]/*) ;; *) return 1 ;; esac
	dir=$(cd -P "$SYSROOT$1" 2>/dev/null && pwd -P) || return 1
	case "$dir" in "$SYSROOT"/ostree/deploy/*) ;; *) return 1 ;; esac
	dir=${dir#"$SYSROOT"/ostree/deploy/}
	has_deployment "$dir" && echo "$dir"
}

# The boot entries in boot order, a line each: `<version> <file> <boot link> <deployment or ->`.
entries() {
	local file key value version link word
	for file in "$SYSROOT"/boot/loader/entries/ostree-*.conf; do
		[ -r "$file" ] || continue
		set -f
		version=0 link=
		while read -r key value; do
			case "$key" in
			version) version=$value ;;
			options) for word in $value; do case "$word" in ostree=*) link=${word#ostree=} ;; esac; done ;;
			esac
		done <"$file"
		[ -z "$link" ] || echo "$version ${file##*/} $link $(deployment_at "$link" || echo -)"
	done | $BB sort -k1,1 -n -r
}

# The deployment that the entries start, or - where it is gone.
first_deployment() {
	local version file link deployment
	entries | while read -r version file link deployment; do
		echo "$deployment"
		break
	done
}

# Where to go back to from deployment $1: the good one of the state that state_read read, else the first other entry.
other_deployment() {
	local version file link deployment
	if [ "$GOOD" != "$1" ] && has_deployment "$GOOD"; then
		echo "$GOOD"
		return 0
	fi
	deployment=$(entries | while read -r version file link deployment; do
		if [ "$deployment" = - ] || [ "$deployment" = "$1" ]; then continue; fi
		echo "$deployment"
		break
	done)
	[ -n "$deployment" ] && echo "$deployment"
}

# The menu of a conversion in STOCK_MENU; status 1 where none is there, or its FAT partition cannot be mounted.
find_stock_menu() {
	STOCK_MENU=$SYSROOT/boot/grub/converted.cfg
	if [ -d "$SYSROOT/boot/firmware" ]; then
		firmware_mount || return 1
		STOCK_MENU=$SYSROOT/boot/firmware/ostree/converted.cfg
	fi
	[ -f "$STOCK_MENU" ]
}

# Whether the system that `convert` found here can still be started (docs/formats/convert.md).
has_stock() {
	[ -f "$SYSROOT/$STATE_DIR/stock" ] && ! $BB grep -qx finishing "$SYSROOT/$STATE_DIR/stock" && find_stock_menu
}

# Gives up deployment $1, because of $2, for the system that was here before `convert`: where our menu is gone, the boot loader takes
# the old one.
return_to_stock() {
	has_stock || return 1
	GOOD='' BAD=$1 REASON=$2 PENDING='' TRIES='' CONFIRM=''
	state_write
	verdict_add "$BAD" bad "$REASON"
	$BB rm -f "$STOCK_MENU" || return 1
	$BB sync
}
