# shellcheck shell=bash disable=SC2034,SC2154 # names shared with who sources this
# The step "machine" of packaging/test: the whole life of a box, on a booted Debian. Needs say.sh,
# process.sh, authority.sh, nspawn.sh, life.sh, acts.sh, forbidden.sh, limits.sh, pin.sh,
# troubles.sh. Reads ROOT WORK.

check_machine() {
	DIR=$WORK # where start_authority finds its program
	RUN=$WORK/machine-run LOGS=$WORK/machine-logs
	mkdir -p "$RUN" "$LOGS" "$WORK/bin"
	trap 'leave_machine' EXIT
	trap 'exit 143' TERM
	step "Two versions are built"
	deliver
	build_box
	surroundings
	power_on
	act_install
	act_set_up
	act_network
	act_start
	act_health
	act_deposit
	act_forbidden
	act_exec
	act_pin
	act_reload
	act_kill
	act_hang
	act_stop_start
	act_out
	act_power
	act_backup
	act_upgrade_cut
	act_upgrade
	act_remove
	act_destroy
}

# deliver: the version of this tree and a newer one, in WORK/delivery; the client for outside.
deliver() {
	local version
	version=$(cat "$ROOT/packaging/VERSION")
	"$ROOT/packaging/build" --no-clients --version "$version" --out "$WORK/delivery/one" >"$LOGS/build.log" 2>&1 ||
		{ cat "$LOGS/build.log" && return 1; }
	"$ROOT/packaging/build" --no-clients --version "$version+newer" --out "$WORK/delivery/two" >"$LOGS/build.log" 2>&1 ||
		{ cat "$LOGS/build.log" && return 1; }
	dpkg-deb --fsys-tarfile "$WORK"/delivery/one/casemate_*.deb | tar -xO ./usr/bin/casemate >"$WORK/bin/casemate"
	chmod 755 "$WORK/bin/casemate"
	go build -o "$WORK/bin/tsa" ./packaging/tsa
	ok "$version and $version+newer"
}

# surroundings: the time server and the timestamp authority, outside.
surroundings() {
	printf 'local stratum 10\nbindaddress %s\nallow %s/24\ncmdport 0\nbindcmdaddress /\npidfile %s/chronyd.pid\n' \
		"$OUTSIDE" "$OUTSIDE" "$WORK" >"$WORK/chrony.conf"
	start chronyd ip netns exec "$NET-out" "$(command -v chronyd || echo /usr/sbin/chronyd)" -x -d -u root -f "$WORK/chrony.conf"
	start tsa ip netns exec "$NET-out" "$WORK/bin/tsa" --dir "$WORK/tsa" --listen "$OUTSIDE:3161"
	await tsa 120 grep -q '^listening on ' "$LOGS/tsa.log"
}

leave_machine() {
	local status=$?
	set +e
	: >"$WORK/enough"
	if [ "$status" != 0 ]; then tail_of "$LOGS/box.log"; fi
	scrap_box
	stop tsa
	stop chronyd
	exit "$status"
}
