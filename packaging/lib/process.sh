# shellcheck shell=bash
# Starting and stopping what a script runs beside itself, always by process id. Needs say.sh.
#
# Each process leaves RUN/NAME.pid, "pid start-time": the start time (field 22 of /proc/PID/stat)
# tells our process from a stranger that was given the same number after a crash or a reboot.

RUN=''  # where the .pid files stand; the script sets it
LOGS='' # where the logs stand; the script sets it

# started_at PID: the kernel's start time of a process; nothing if it is gone or a zombie.
started_at() {
	local stat rest
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
	rest=${stat##*) } # the name in parentheses may hold spaces
	case $rest in Z* | X*) return 0 ;; esac
	# shellcheck disable=SC2086 # fields
	set -- $rest
	printf '%s' "${20}"
}

# record NAME PID: remembers a process for stop.
record() { printf '%s %s\n' "$2" "$(started_at "$2")" >"$RUN/$1.pid"; }

# alive NAME: true while the process that was recorded runs.
alive() {
	local pid at
	if ! read -r pid at 2>/dev/null <"$RUN/$1.pid"; then return 1; fi
	[ -n "$at" ] && [ "$(started_at "$pid")" = "$at" ]
}

# start NAME COMMAND...: runs a command in the background, its words in LOGS/NAME.log.
# setsid: Ctrl-C reaches this script alone, which then stops the others in their order.
start() {
	local name=$1
	shift
	setsid "$@" >>"$LOGS/$name.log" 2>&1 </dev/null 9>&- & # 9 is the demo's lock
	record "$name" $!
}

# session_of PID: the processes of the session that PID leads, PID left out. The kernel gives
# nobody else that number while one of them lives.
session_of() {
	local stat pid rest
	for stat in /proc/[0-9]*/stat; do
		{ read -r rest <"$stat"; } 2>/dev/null || continue
		pid=${rest%% *} rest=${rest##*) }
		# shellcheck disable=SC2086 # fields
		set -- "$1" $rest
		if [ "$5" = "$1" ] && [ "$pid" != "$1" ] && [ "$2" != Z ]; then printf '%s\n' "$pid"; fi
	done
}

# stop NAME [SECONDS]: TERM, then KILL after SECONDS (60), to that one process; then KILL to those
# it started and left behind.
stop() {
	local pid='' at='' child i=0 limit=$((${2:-60} * 20))
	if ! read -r pid at 2>/dev/null <"$RUN/$1.pid"; then return 0; fi
	if alive "$1"; then
		kill -TERM "$pid" 2>/dev/null || true
		while alive "$1"; do
			i=$((i + 1))
			if [ "$i" -gt "$limit" ]; then
				kill -KILL "$pid" 2>/dev/null || true
				sleep 0.2
				break
			fi
			sleep 0.05
		done
	fi
	if [ -z "$(started_at "$pid")" ]; then # gone, and nobody else has its number
		for child in $(session_of "$pid"); do kill -KILL "$child" 2>/dev/null || true; done
	fi
	rm -f "$RUN/$1.pid"
}

# tree_of PID: the process and all below it.
tree_of() {
	local child
	printf '%s\n' "$1"
	for child in $(pgrep -P "$1"); do tree_of "$child"; done
}

# await NAME SECONDS CONDITION...: waits until a condition holds; false at once if NAME ended.
await() {
	local name=$1 limit=$(($2 * 20)) i=0
	shift 2
	until "$@" >/dev/null 2>&1; do
		if ! alive "$name"; then return 1; fi
		i=$((i + 1))
		if [ "$i" -gt "$limit" ]; then return 1; fi
		sleep 0.05
	done
}

# port_free tcp|udp PORT: true when nothing on this machine listens there on loopback or everywhere.
port_free() {
	local hex table state
	hex=$(printf '%04X' "$2")
	if [ "$1" = tcp ]; then state=0A; else state=07; fi
	for table in "/proc/net/$1" "/proc/net/${1}6"; do
		if [ -r "$table" ] && awk -v p=":$hex\$" -v s="$state" '$2 ~ p && $4 == s {found=1} END {exit !found}' "$table"; then
			return 1
		fi
	done
}
