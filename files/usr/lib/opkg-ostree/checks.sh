# shellcheck shell=dash disable=SC2015,SC2016
# The health checks that are built in: a line about what was found, status 0 where all is well, 77 where there is nothing to look at.

# The host that answers where there is an uplink, in the first line; none by default.
PROBE_FILE=${OPKG_OSTREE_PROBE:-/etc/opkg-ostree/probe}

# An init script that hangs keeps all later ones from running: procd starts each as `/etc/rc.common /etc/rc.d/S..`.
check_procd() {
	local running
	[ -x /sbin/procd ] || return 77
	running=$($BB cat /proc/[0-9]*/cmdline 2>/dev/null | $BB tr '\000' '\n' | $BB sed -n 's|^/etc/rc\.d/\(S[0-9].*\)|\1|p')
	[ -z "$running" ] || { echo "$running" | $BB sed '1s/$/ has not returned/;q'; return 1; }
	echo 'each init script has returned'
}

# Early boot puts /var into memory where that on the disk cannot be written.
check_storage() {
	[ -d /sysroot/ostree ] || return 77
	$BB awk '$2 == "/var" && $3 == "tmpfs" || $2 == "/sysroot" && $4 ~ /^ro(,|$)/ { bad = 1 } END { exit bad }' /proc/mounts ||
		{ echo 'the disk cannot be written: nothing is kept over a restart'; return 1; }
	echo 'can be written'
}

# What netifd should have brought up by itself.
check_interfaces() {
	local dump down
	command -v jsonfilter >/dev/null && dump=$(ubus call network.interface dump 2>/dev/null) || return 77
	down=$(jsonfilter -s "$dump" -e '@.interface[@.autostart=true && @.up=false].interface' | $BB tr '\n' ' ')
	[ -z "$down" ] || { echo "down: ${down% }"; return 1; }
	echo 'all are up'
}

check_probe() {
	local host
	[ -r "$PROBE_FILE" ] && read -r host <"$PROBE_FILE" && [ -n "$host" ] || return 77
	case "$host" in -* | *[!A-Za-z0-9.:-]*) echo "not a host: $host"; return 1 ;; esac
	$BB ping -c 1 -W 5 "$host" >/dev/null 2>&1 || { echo "$host does not answer"; return 1; }
	echo "$host answers"
}

check_ubus() {
	command -v ubus >/dev/null || return 77
	ubus list system >/dev/null 2>&1 || { echo 'procd does not answer on ubus'; return 1; }
	echo 'procd answers'
}

# An enabled ssh server that does not listen would lock the admin out.
check_ssh() {
	local link port hex
	for link in /etc/rc.d/S??dropbear /etc/rc.d/S??sshd; do
		[ -L "$link" ] || continue
		port=22
		case "$link" in
		*dropbear)
			[ "$(uci -q get dropbear.@dropbear[0].enable)" != 0 ] || continue
			port=$(uci -q get dropbear.@dropbear[0].Port) || port=22
			;;
		esac
		hex=$(printf '%04X' "$port" 2>/dev/null) || continue
		$BB grep -q "^ *[0-9]*: [0-9A-F]*:$hex [0-9A-F:]* 0A " /proc/net/tcp /proc/net/tcp6 2>/dev/null ||
			{ echo "nothing listens on port $port"; return 1; }
		echo "listens on port $port"
		return 0
	done
	return 77
}

check_default_route() {
	$BB awk '$2 == "00000000" && $8 == "00000000" { found = 1 } END { exit !found }' /proc/net/route 2>/dev/null ||
		{ echo 'no default route'; return 1; }
	echo 'there is one'
}
