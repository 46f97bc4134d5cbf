# shellcheck shell=bash disable=SC2034,SC2154 # names shared with who sources this
# The demo's safe: its directory, its configuration, its processes. Needs say.sh, process.sh.
# Reads ROOT DIR PORT; sets DIR (absolute) PORT CLOCK_PORT TSA_PORT RUN LOGS and CASEMATE_*.

STOPPING=''
RUNNING=''

# claim_directory DIR: makes the directory ours, and ours alone while this script runs.
claim_directory() {
	mkdir -p "$1" || die "cannot make $1" "name a directory you may write with --dir"
	DIR=$(cd "$1" && pwd -P)
	case $DIR in
	*[[:space:]\"\\]*) die "$DIR has a blank or a quote in its name, which the configurations of others cannot take" "name another directory with --dir" ;;
	esac
	if [ ! -e "$DIR/port" ] && [ -n "$(ls -A "$DIR")" ]; then
		die "$DIR is not empty and holds no demonstration" "name another directory with --dir"
	fi
	# A unix socket's name holds 107 bytes; the longest is DIR/state/… of the volumes.
	if [ "${#DIR}" -gt 70 ]; then
		die "$DIR is too long a name for the sockets inside" "name a directory of at most 70 characters with --dir"
	fi
	exec 9>>"$DIR/port"
	if ! flock -n 9; then
		die "a demonstration is already running in $DIR" "use it (. $DIR/env), stop it, or name another with --dir"
	fi
	RUN=$DIR/run LOGS=$DIR/logs
	mkdir -p "$RUN" "$LOGS" "$DIR/trust" "$DIR/receipts" "$DIR/bin"
	rm -f "$DIR/ready"
	for name in casemated tsa chronyd; do # left by a run that was killed
		stop "$name"
		if [ -e "$LOGS/$name.log" ]; then mv -f "$LOGS/$name.log" "$LOGS/$name.log.1"; fi
	done
	choose_ports
}

# choose_ports: the port asked for, else that of the last run, else the usual one.
choose_ports() {
	if [ -z "$PORT" ]; then PORT=$(cat "$DIR/port"); fi
	PORT=${PORT:-8443} TSA_PORT=$((${PORT:-8443} + 1)) CLOCK_PORT=$((${PORT:-8443} + 2))
	if ! port_free tcp "$PORT" || ! port_free tcp "$TSA_PORT" || ! port_free udp "$CLOCK_PORT"; then
		die "one of the ports $PORT, $TSA_PORT (TCP) and $CLOCK_PORT (UDP) is taken" "name another with --port N: N, N+1 and N+2 are used"
	fi
	printf '%s\n' "$PORT" >"$DIR/port"
}

# build_programs: from this tree; the client without cgo, one static file.
build_programs() {
	local stamp=auto
	# Where git does not answer (an export, another owner) Go cannot stamp the commit.
	if ! git -C "$ROOT" rev-parse HEAD >/dev/null 2>&1; then stamp=false; fi
	if ! { run go -C "$ROOT" build -trimpath -buildvcs="$stamp" -o "$DIR/bin/" ./appliance/cmd/casemated ./packaging/tsa &&
		CGO_ENABLED=0 run go -C "$ROOT" build -trimpath -buildvcs="$stamp" -o "$DIR/bin/" ./appliance/cmd/casemate; }; then
		die "the programs could not be built" "the lines above say why; modules come through GOPROXY=$(go env GOPROXY)"
	fi
}

# set_up_safe: token, keys, certificates, volumes: once. Nothing can have been deposited before
# DIR/set-up stands, so whatever a cut-short set-up left is swept and made anew.
set_up_safe() {
	if [ -e "$DIR/set-up" ]; then
		write_configuration
		ok "the safe set up on $(cat "$DIR/set-up") goes on"
		return
	fi
	rm -rf "$DIR/state" "$DIR/volumes" "$DIR/token" "$DIR/secrets" "$DIR/clients" "$DIR/receipts" "$DIR/trust"
	rm -f "$DIR/access.pem" "$DIR/callers.toml" "$DIR/casemate.toml" "$DIR/deposits" "$DIR/env"
	mkdir -p "$DIR/receipts" "$DIR/trust" "$DIR/volumes/a" "$DIR/volumes/b"
	(umask 077 && mkdir "$DIR/secrets" "$DIR/token" && openssl rand -hex 16 >"$DIR/secrets/pin" && openssl rand -hex 16 >"$DIR/secrets/so-pin")
	cp "$DIR/tsa/tsa.pem" "$DIR/trust/tsa.pem"
	write_configuration
	if ! run "$DIR/bin/casemated" init --config "$DIR/casemate.toml" --demonstration --out "$DIR" >"$LOGS/init.log" 2>&1; then
		tail_of "$LOGS/init.log"
		die "the safe could not be set up" "the whole story is in $LOGS/init.log"
	fi
	date -u +%Y-%m-%dT%H:%M:%SZ >"$DIR/set-up"
	ok "a PKCS#11 token (SoftHSM) with the keys of the seal, the journal and the access authority"
	ok "two volumes, $DIR/volumes/a and b: each holds everything, encrypted"
	note "no key ceremony was held: everything it seals says \"demonstration\""
}

# write_configuration: DIR/casemate.toml, once; afterwards only the ports follow --port.
write_configuration() {
	if [ -e "$DIR/casemate.toml" ]; then
		sed -i -e "s/^listen *=.*/listen = \"127.0.0.1:$PORT\"/" \
			-e "s/^servers *=.*/servers = [\"127.0.0.1:$CLOCK_PORT\"]/" \
			-e "s|^url *=.*|url = \"http://127.0.0.1:$TSA_PORT/\"|" "$DIR/casemate.toml"
		return
	fi
	cat >"$DIR/softhsm2.conf" <<-END
		directories.tokendir = $DIR/token
		objectstore.backend = file
		log.level = ERROR
		slots.removable = false
	END
	cat >"$DIR/casemate.toml" <<-END
		# Written once by packaging/demo; yours to change. Names are relative to this file.
		# The lines listen, servers and url follow the demo's --port.
		origin = "casemate.example/demonstration"
		demonstration = true
		state = "state"
		callers = "callers.toml"

		[http]
		listen = "127.0.0.1:$PORT"
		access_roots = "access.pem"

		[hsm]
		start = true # no systemd here: the safe starts the token process itself
		socket = "run/hsm.sock"
		module = "/usr/lib/softhsm/libsofthsm2.so"
		softhsm_conf = "softhsm2.conf"
		token = "casemate"
		pin_file = "secrets/pin"
		so_pin_file = "secrets/so-pin"
		state = "state/hsm"
		timeout = "10s"

		[volumes]
		dirs = ["volumes/a", "volumes/b"]
		min_free = "256MiB"

		[clock]
		# The one server here repeats this machine's own clock. "flag" seals whatever the clock is
		# worth and attests how good it was; a safe at work has four servers and "refuse".
		servers = ["127.0.0.1:$CLOCK_PORT"]
		min_servers = 1
		policy = "flag"
		max_distance = "1s"
		max_offset = "1s"
		interval = "16s"

		[timestamp]
		interval = "2s" # minutes in a safe at work
		alarm_after = "24h"

		[[timestamp.authority]]
		name = "demonstration"
		url = "http://127.0.0.1:$TSA_PORT/"
		roots = "trust/tsa.pem"
		policies = ["$TSA_POLICY"]
	END
}

# serve_safe: starts the safe and waits until it says READY.
serve_safe() {
	start casemated "$DIR/bin/casemated" serve --config "$DIR/casemate.toml"
	if ! await casemated 300 grep -qE 'READY|msg=serving' "$LOGS/casemated.log"; then
		tail_of "$LOGS/casemated.log"
		die "the safe did not open" "the whole story is in $LOGS/casemated.log"
	fi
	export CASEMATE_URL="https://127.0.0.1:$PORT" CASEMATE_CA="$DIR/access.pem"
	export CASEMATE_CERT="$DIR/clients/depositor.crt" CASEMATE_KEY="$DIR/clients/depositor.key"
	{
		printf '# For a shell: a depositor who may also read.\n'
		for name in CASEMATE_URL CASEMATE_CA CASEMATE_CERT CASEMATE_KEY; do
			printf 'export %s=%q\n' "$name" "${!name}"
		done
	} >"$DIR/env"
}

# open_vault NAME: creates the vault if it is not there; only an administrator may.
open_vault() {
	local cert="$DIR/clients/admin.crt" key="$DIR/clients/admin.key"
	if "$DIR/bin/casemate" --cert "$cert" --key "$key" vaults --json 2>"$LOGS/vault.log" | grep -q "\"name\":\"$1\""; then
		return
	fi
	if ! run "$DIR/bin/casemate" --cert "$cert" --key "$key" vault create "$1" >>"$LOGS/vault.log" 2>&1; then
		tail_of "$LOGS/vault.log"
		die "the vault $1 could not be created"
	fi
	ok "vault \"$1\" created by the administrator, who may not read it"
}

# run COMMAND...: like the command itself, but a signal to this script is heard at once.
run() {
	local status=0
	"$@" 9>&- &
	RUNNING=$!
	wait "$RUNNING" || status=$?
	RUNNING=''
	return "$status"
}

# guard_all: stays while the safe and those it asks are there; the end of one ends all, so that
# nobody goes on with a demonstration that is no longer whole.
guard_all() {
	local name what
	while :; do
		for name in casemated tsa chronyd; do
			alive "$name" || break 2
		done
		sleep 1 9>&- &
		wait $! || true
	done
	rm -f "$DIR/ready"
	case $name in
	casemated) what="the safe" ;;
	tsa) what="the timestamp authority" ;;
	chronyd) what="the time server (chronyd)" ;;
	esac
	tail_of "$LOGS/$name.log"
	die "$what stopped by itself, so the demonstration ends" \
		"the whole story is in $LOGS/$name.log; ./packaging/demo goes on with the same safe"
}

# finish: whatever happened, nothing that was started here stays. The safe first, then those
# it asks.
finish() {
	local status=$?
	trap '' TERM INT HUP
	set +e
	rm -f "$DIR/ready"
	if [ -n "$RUNNING" ]; then kill -TERM "$RUNNING" 2>/dev/null; fi
	if [ -n "$STOPPING" ]; then printf '\nStopping.\n'; fi
	stop casemated 120
	stop tsa
	stop chronyd
	exit "$status"
}
