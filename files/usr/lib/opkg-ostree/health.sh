# shellcheck shell=dash disable=SC2034,SC2015,SC2016
# Whether the running deployment is good, and what follows from it. Needs boot.sh, switch.sh, report.sh, checks.sh, and `die` of
# the caller.
#
# Required checks decide; wanted ones are reported, so that a dead WAN takes nothing back unless the admin makes it required: by
# its name in a line of /etc/opkg-ostree/required. Anybody adds to them: an executable in /etc/opkg-ostree/checks.d/{required,wanted}
# that ends with status 0 when all is well, its first line of output being the detail.

CHECKS_DIR=${OPKG_OSTREE_CHECKS:-/etc/opkg-ostree/checks.d}
RUN_DIR=${OPKG_OSTREE_RUN:-/run/opkg-ostree}
# Seconds that required checks may take to become good after the boot, and one check to answer.
HEALTH_DEADLINE=${OPKG_OSTREE_HEALTH_DEADLINE:-120}
CHECK_LIMIT=30
REQUIRED_NAMES=${OPKG_OSTREE_REQUIRED:-/etc/opkg-ostree/required}
# Seconds that a deployment on trial has from the start of preinit until its last init script has run.
START_LIMIT=${OPKG_OSTREE_START_LIMIT:-600}

health() {
	case "$1" in
	'' | check)
		health_check
		health_print
		[ -z "$REQUIRED_FAILED" ]
		;;
	run) health_run ;;
	guard) health_guard ;;
	first-boot) first_boot ;;
	mark-good) health_mark_good 'marked by hand' ;;
	*) die 2 USAGE "unknown: health $1" "health [check|mark-good]" ;;
	esac
}

# logd reads the kernel's log, so one line there is in logread, in dmesg and, at an early boot, on the console.
log() {
	if [ -t 1 ] || [ ! -w /dev/kmsg ]; then echo "$1"; fi
	if [ -w /dev/kmsg ]; then echo "<5>opkg-ostree: $1" >/dev/kmsg; fi
}

# Runs all checks once: results in $RUN_DIR/checks, names of what failed in REQUIRED_FAILED and WANTED_FAILED.
health_check() {
	REQUIRED_FAILED='' WANTED_FAILED=''
	$BB mkdir -p "$RUN_DIR" && true >"$RUN_DIR/checks.new" || die 1 SYSTEM "cannot write below $RUN_DIR"
	check required procd check_procd
	check required ubus check_ubus
	check required ssh check_ssh
	check wanted storage check_storage
	check wanted interfaces check_interfaces
	check wanted default-route check_default_route
	check wanted probe check_probe
	check_drop_ins required
	check_drop_ins wanted
	$BB mv -f "$RUN_DIR/checks.new" "$RUN_DIR/checks"
}

check_drop_ins() {
	local file
	for file in "$CHECKS_DIR/$1"/*; do
		[ -f "$file" ] && [ -x "$file" ] && check "$1" "${file##*/}" "$file"
	done
	return 0
}

# $1 required or wanted, $2 the name, then the command. Status 77 of a check means that it has nothing to look at.
check() {
	local class=$1 name=$2 status detail=
	shift 2
	$BB grep -qxF "$name" "$REQUIRED_NAMES" 2>/dev/null && class=required
	limited "$@" >"$RUN_DIR/output" 2>&1
	status=$?
	[ "$status" != 77 ] || return 0
	read -r detail <"$RUN_DIR/output"
	if [ "$status" = 0 ]; then
		echo "ok $name $detail" >>"$RUN_DIR/checks.new"
		return 0
	fi
	echo "failed $name ${detail:-status $status}" >>"$RUN_DIR/checks.new"
	if [ "$class" = required ]; then
		REQUIRED_FAILED="$REQUIRED_FAILED $name"
	else
		WANTED_FAILED="$WANTED_FAILED $name"
	fi
}

# Runs a command for at most CHECK_LIMIT seconds: routers have no timeout(1).
limited() {
	local pid guard status
	"$@" &
	pid=$!
	( $BB sleep $CHECK_LIMIT; kill -9 $pid ) >/dev/null 2>&1 &
	guard=$!
	wait $pid 2>/dev/null
	status=$?
	kill $guard 2>/dev/null
	return $status
}

health_print() {
	local word name detail
	if [ -n "$JSON" ]; then
		state_read
		BOOTED=$(booted_deployment)
		printf '{"state":"%s","checks":%s}\n' "$(health_of "$BOOTED")" "$(json_checks)"
		return 0
	fi
	while read -r word name detail; do
		printf '%-7s %-15s %s\n' "$word" "$name" "$detail"
	done <"$RUN_DIR/checks"
}

uptime_seconds() {
	local up rest
	read -r up rest </proc/uptime
	echo "${up%.*}"
}

# What the init script runs after each boot: the deferred package scripts, then the verdict on a deployment that is on trial.
health_run() {
	local start
	$BB mkdir -p "$RUN_DIR" && true >"$RUN_DIR/started"
	first_boot
	[ ! -e "$SYSROOT/$STATE_DIR/grow" ] || { . "$LIB/grow.sh" && grow_sysroot; }
	state_read
	BOOTED=$(booted_deployment)
	start=$(uptime_seconds)
	health_check
	while [ -n "$REQUIRED_FAILED" ] && [ $(($(uptime_seconds) - start)) -lt "$HEALTH_DEADLINE" ]; do
		$BB sleep 2
		health_check
	done
	[ -z "$WANTED_FAILED" ] || log "not as wanted:$WANTED_FAILED"
	if [ -z "$BOOTED" ] || [ "$BOOTED" != "$PENDING" ]; then
		[ -z "$REQUIRED_FAILED" ] || log "checks failed:$REQUIRED_FAILED"
		close_case
		# A power cut may have come between the verdict and this.
		[ "$BOOTED" != "$GOOD" ] || [ -n "$PENDING" ] || stop_grub_count "$BOOTED"
		log "health: checks done, nothing is on trial"
		return 0
	fi
	if [ -n "$REQUIRED_FAILED" ]; then
		give_up "checks failed:$REQUIRED_FAILED"
	elif [ -n "$CONFIRM" ]; then
		await_confirmation "$CONFIRM"
	else
		health_mark_good 'checks passed'
	fi
}

# After a fallback: once the loader has started the good deployment by itself, early boot need not stand in the way of the bad one
# any more, should the admin choose that in the loader's menu. The verdict on it stays.
close_case() {
	local cmdline word asked=
	[ -n "$BAD" ] && [ "$BOOTED" = "$GOOD" ] || return 0
	read -r cmdline </proc/cmdline
	set -f
	for word in $cmdline; do
		case "$word" in ostree=*) asked=$(deployment_at "${word#ostree=}") ;; esac
	done
	set +f
	[ "$asked" = "$BOOTED" ] || return 0
	BAD='' REASON=''
	state_write
}

# Only the deployment on trial changes the state, and only when it is the one that runs: after a fallback it is another one's.
health_mark_good() {
	state_read
	BOOTED=$(booted_deployment)
	[ -n "$BOOTED" ] || die 3 DEPLOYMENT_NOT_FOUND "this system was not started from a deployment"
	if [ -n "$PENDING" ] && [ "$PENDING" != "$BOOTED" ]; then
		log "$PENDING is on trial, $BOOTED is running: nothing to mark"
		return 0
	fi
	GOOD=$BOOTED PENDING='' TRIES='' CONFIRM='' BAD='' REASON=''
	state_write || die 1 SYSTEM "cannot write the boot state"
	verdict_add "$BOOTED" good "$1"
	stop_grub_count "$BOOTED"
	log "$BOOTED is good: $1"
}

# Goes back to the good deployment and restarts. Where there is none, a bad deployment is better than no router.
give_up() {
	local back
	if ! back=$(other_deployment "$BOOTED"); then
		return_to_stock "$BOOTED" "$1" || { log "$1; there is no other deployment to go back to"; return 1; }
		log "$1: going back to the system before the conversion"
		restart_machine
		return 0
	fi
	GOOD=$back BAD=$BOOTED REASON=$1 PENDING='' TRIES='' CONFIRM=''
	state_write || log "cannot write the boot state"
	verdict_add "$BAD" bad "$1"
	if switch_to "$back"; then
		log "$1: going back to $back"
	else
		log "$1: cannot rewrite the boot entries for $back"
	fi
	restart_machine
}

# By procd; where that hangs or is gone, without it.
restart_machine() {
	/sbin/reboot
	$BB sleep "${OPKG_OSTREE_REBOOT_LIMIT:-60}"
	log "procd does not restart the machine"
	$BB sync
	$BB reboot -f
	[ -w /proc/sysrq-trigger ] && echo b >/proc/sysrq-trigger
}

# Started in preinit, behind everything that may hang: an init script that never returns keeps the health check from being run.
health_guard() {
	state_read
	BOOTED=$(booted_deployment)
	[ -n "$BOOTED" ] && [ "$BOOTED" = "$PENDING" ] || return 0
	while [ "$(uptime_seconds)" -lt "$START_LIMIT" ]; do
		[ ! -e "$RUN_DIR/started" ] || return 0
		$BB sleep 2
	done
	give_up "its init scripts did not all return within $START_LIMIT seconds"
}

# $1 seconds for `opkg-ostree confirm`; it clears the trial, and that is what is looked for.
await_confirmation() {
	local until=$(($(uptime_seconds) + $1))
	log "checks passed; run 'opkg-ostree confirm' within $1 seconds, or this router goes back"
	while [ "$(uptime_seconds)" -lt "$until" ]; do
		$BB sleep 2
		state_read
		[ "$PENDING" = "$BOOTED" ] || return 0
	done
	state_read
	[ "$PENDING" != "$BOOTED" ] || give_up "not confirmed within $1 seconds"
}

health_confirm() {
	state_read
	BOOTED=$(booted_deployment)
	if [ -z "$PENDING" ] || [ "$PENDING" != "$BOOTED" ]; then
		[ -z "$JSON" ] || echo '{"confirmed":false}'
		[ -n "$JSON" ] || echo 'nothing to confirm'
		return 0
	fi
	health_mark_good 'confirmed' >&2
	if [ -n "$JSON" ]; then echo '{"confirmed":true}'; else echo "$BOOTED stays"; fi
}

# Runs, once for each deployment, the package scripts that need a running system. A power cut repeats the one it hit.
first_boot() {
	local dir=${OPKG_OSTREE_FIRST_BOOT:-$LIB/first-boot} keep=${OPKG_OSTREE_VAR:-/var/lib/opkg-ostree} script package status
	[ -d "$dir" ] || return 0
	BOOTED=$(booted_deployment)
	[ -n "$BOOTED" ] || return 0
	$BB mkdir -p "$keep"
	for script in "$dir"/*/postinst; do
		[ -f "$script" ] || continue
		package=${script%/postinst}
		package=${package##*/}
		$BB grep -qxF "$BOOTED $package" "$keep/first-boot.done" 2>/dev/null && continue
		echo "== $BOOTED $package" >>"$keep/first-boot.log"
		( cd / && PKG_ROOT=/ IPKG_INSTROOT='' sh "$script" configure ) >>"$keep/first-boot.log" 2>&1 </dev/null
		status=$?
		echo "== status $status" >>"$keep/first-boot.log"
		[ "$status" = 0 ] || log "first boot: the script of $package ended with status $status; see $keep/first-boot.log"
		echo "$BOOTED $package" >>"$keep/first-boot.done"
		$BB sync
	done
}
