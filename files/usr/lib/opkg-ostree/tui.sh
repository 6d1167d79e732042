# shellcheck shell=dash
# Runs the full-screen interface and gives the terminal back where that cannot do so itself, as when the kernel ends it
# because memory ran out. Needs `run_bundle` of the caller.

# Ends with the interface's own status.
run_screens() {
	local saved='' child status
	[ ! -t 0 ] || saved=$(stty -g 2>/dev/null) || saved=''
	# A child in the background would read from /dev/null, and a child in the foreground would keep signals from us.
	exec 3<&0
	(run_bundle "$@") <&3 3<&- &
	child=$!
	exec 3<&-
	# From the keyboard it reaches both of us: the child decides.
	trap : INT
	trap 'kill -TERM "$child" 2>/dev/null' TERM
	trap 'kill -HUP "$child" 2>/dev/null' HUP
	while :; do
		wait "$child"
		status=$?
		# A trap ends the wait early.
		kill -0 "$child" 2>/dev/null || break
	done
	case "$status" in
	13[1-9] | 14[0-24-9])
		# No sequence is told twice to a terminal that was given back: these ends cannot be noticed by whom they meet.
		[ ! -t 1 ] || printf '\033[0m\033[?2004l\033[?1000l\033[?1006l\033[?1049l\033[?25h\r\n'
		echo "opkg-ostree: the interface ended unexpectedly ($status); a job that it watched goes on" >&2
		[ -n "$saved" ] || echo "  type 'reset' and Enter if the terminal shows nothing of what you type" >&2
		;;
	esac
	[ -z "$saved" ] || stty "$saved" 2>/dev/null
	exit "$status"
}
