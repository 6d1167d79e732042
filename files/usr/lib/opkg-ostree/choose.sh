# shellcheck shell=dash disable=SC2034,SC2153
# Which deployment early boot starts, and the count of its tries. Needs boot.sh, switch.sh, and `fail`, `say`,
# `karg`, `can_start_stock` of prepare-root.

# Sets TARGET, the deployment to start, and counts the start where it is on trial.
choose_deployment() {
	local asked better
	state_read
	karg ostree
	asked=$(deployment_at "$VALUE")
	TARGET=$asked
	if [ -n "$READONLY" ]; then
		choose_unwritten
		return 0
	fi
	if [ -n "$asked" ] && [ -n "$PENDING" ] && [ "$asked" != "$PENDING" ] && karg opkg-ostree.gave-up && [ "$VALUE" = "$PENDING" ]; then
		follow_loader
		return 0
	fi
	karg ostree
	if [ -n "$asked" ] && { [ "$asked" != "$BAD" ] || ! has_deployment "$GOOD"; }; then
		if [ "$asked" = "$PENDING" ]; then count_start; fi
		return 0
	fi
	# There is nothing to start, or it was given up before. Where the entries name a better one already, the loader does not
	# follow them: start that one here. Else rewriting them comes first (a power cut may have stopped it).
	better=$(other_deployment "$asked")
	if [ -z "$better" ] || [ "$(first_deployment)" != "$better" ]; then
		[ -z "$asked" ] || fail "$asked was given up before: $REASON"
		fail "ostree=$VALUE leads to no deployment"
	fi
	say "the boot loader asked for ostree=$VALUE; starting $better in its place" console
	TARGET=$better
}

# A boot loader that counts has given up the deployment on trial, which never got here, and started this one: its kernel is the
# right one, so the boot goes on, and the entries follow.
follow_loader() {
	GOOD=$TARGET BAD=$PENDING PENDING='' TRIES='' CONFIRM=''
	REASON="the boot loader started it as often as it may, and it was never found good"
	say "$BAD: $REASON; going back to $TARGET" console
	state_write || say "cannot write the boot state" console
	verdict_add "$BAD" bad "$REASON"
	switch_to "$TARGET" || say "cannot rewrite the boot entries for $TARGET" console
}

# Nothing can be counted or rewritten, so what is on trial is not tried: a restart would only come back here.
choose_unwritten() {
	local better
	if [ -z "$TARGET" ] || [ "$TARGET" = "$PENDING" ] || [ "$TARGET" = "$BAD" ]; then
		better=$(other_deployment "$TARGET") && TARGET=$better
	fi
	[ -n "$TARGET" ] || fail "ostree=$VALUE leads to no deployment"
	say "the sysroot cannot be written: starting $TARGET, nothing of this run is kept" console
}

count_start() {
	if [ "$TRIES" -gt 0 ]; then
		TRIES=$((TRIES - 1))
		state_write || fail "cannot write the boot state"
		say "$TARGET is on trial, $TRIES more tries"
	elif other_deployment "$TARGET" >/dev/null || can_start_stock || has_stock; then
		fail "$TARGET was started as often as it may and never found good"
	else
		say "$TARGET was never found good, but there is no other deployment" console
	fi
}

# Points the boot entries at the good deployment, for good.
return_to_good() {
	local back
	state_read
	if ! back=$(other_deployment "$TARGET"); then
		if return_to_stock "${TARGET:-$PENDING}" "$1"; then
			say "going back to the system before the conversion" console
			return 0
		fi
		start_stock
		say "there is no other deployment to go back to" console
		return 1
	fi
	GOOD=$back BAD=${TARGET:-$PENDING} REASON=$1 PENDING='' TRIES='' CONFIRM=''
	state_write || say "cannot write the boot state" console
	verdict_add "$BAD" bad "$1"
	if switch_to "$back"; then
		say "going back to $back" console
	else
		say "cannot rewrite the boot entries for $back" console
	fi
}
