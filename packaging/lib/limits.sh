# shellcheck shell=bash disable=SC2034,SC2154 # names shared with who sources this
# What the units forbid of running programs and mapping libraries: an act of check_machine; see life.sh.

# WRITTEN: whose folder, and of which unit.
WRITTEN='
casemate.service	casemate	/srv/a
casemate.service	casemate	/var/lib/casemate
casemate.service	casemate	/run/casemate
casemate-hsm.service	casemate-hsm	/var/lib/casemate-hsm
casemate-hsm.service	casemate-hsm	/run/casemate-hsm
'

# act_exec: where a service writes, nothing is run or mapped; nor is any program but its own.
act_exec() {
	local unit user where
	step "Nothing is run but the safe itself"
	while IFS=$(printf '\t') read -r unit user where <&4; do
		if [ -z "$unit" ]; then continue; fi
		inside install -o "$user" -g casemate -m 755 /usr/bin/true "$where/program"
		refused "$unit runs a program in $where" "Permission denied" in_view "$unit" "$user" "$where/program"
		inside rm "$where/program"
	done 4<<<"$WRITTEN"
	refused "casemate.service runs a shell" "Permission denied" in_view casemate.service casemate /usr/bin/sh -c true
	refused "casemate-hsm.service runs a shell" "Permission denied" in_view casemate-hsm.service casemate-hsm /usr/bin/sh -c true
	must "each runs casemated" in_view casemate.service casemate /usr/bin/casemated version
	must "each runs casemated" in_view casemate-hsm.service casemate-hsm /usr/bin/casemated version
	must_not "the token's process maps a library from its folder" library_mapped /var/lib/casemate-hsm
	must "it maps one from /usr/lib" library_mapped /usr/lib
}

# in_view UNIT USER PROGRAM...: as that user, in the unit's own view of the machine. What changes the user was
# opened outside of it.
in_view() {
	inside sh -c 'exec 9</usr/bin/setpriv; pid=$1 user=$2; shift 2
		exec nsenter --target "$pid" --mount --net /proc/self/fd/9 --reuid="$user" --regid=casemate --clear-groups "$@"' \
		sh "$(main_pid "$1")" "$2" "${@:3}"
}

# library_mapped FOLDER: a library there is loaded into casemated, in the token's view.
library_mapped() {
	inside sh -c 'cp /usr/lib/*/libm.so.6 "$1/mapped.so"; chmod 755 "$1/mapped.so"
		LD_PRELOAD="$1/mapped.so" nsenter --target "$2" --mount --net /usr/bin/casemated version; rm "$1/mapped.so"' \
		sh "$1" "$(main_pid casemate-hsm.service)" >"$LOGS/box-preload.log" 2>&1
	cat "$LOGS/box-preload.log"
	grep -q '^casemated ' "$LOGS/box-preload.log" && ! grep -q 'cannot be preloaded' "$LOGS/box-preload.log"
}
