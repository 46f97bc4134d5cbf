# shellcheck shell=bash disable=SC2034,SC2154 # names shared with who sources this
# The life of a box, act by act, as an operator would live it: each act says what it does and what it found.
# Needs say.sh, process.sh, nspawn.sh. Reads ROOT WORK RUN LOGS LEADER; WORK/delivery has the packages.

# must TEXT COMMAND...: the act's claim; what the command said is shown when it fails.
must() {
	local text=$1
	shift
	if "$@" >"$LOGS/box-must.log" 2>&1; then
		ok "$text"
	else
		bad "$text: no ($*)"
		tail -n 30 "$LOGS/box-must.log" | indent
		inside journalctl --no-pager -n 400 -u 'casemate*' | grep -v 'msg=request' | tail -n 20 | indent
		return 1
	fi
}

# must_not TEXT COMMAND...: a command that must fail.
must_not() {
	local text=$1
	shift
	if "$@" >"$LOGS/box-must.log" 2>&1; then
		bad "$text: it could ($*)"
		return 1
	fi
	ok "$text: $({ grep -iE 'denied|permitted|refused|older|read-only' "$LOGS/box-must.log" || tail -n 1 "$LOGS/box-must.log"; } | head -n 1 | cut -c 1-130)"
}

# refused TEXT WORDS COMMAND...: a command that must fail, and say why: another reason proves nothing.
refused() {
	local words=$2
	must_not "$1" "${@:3}"
	if ! grep -q "$words" "$LOGS/box-must.log"; then
		bad "but for another reason, not: $words"
		indent <"$LOGS/box-must.log"
		return 1
	fi
}

# soon SECONDS COMMAND...: polls until it succeeds.
soon() {
	local limit=$(($1 * 10)) i=0
	shift
	until "$@" >/dev/null 2>&1; do
		i=$((i + 1))
		if [ "$i" -gt "$limit" ]; then "$@"; return; fi
		sleep 0.1
	done
}

# client NAME ARGUMENTS...: the client outside, with that certificate.
client() {
	local name=$1
	shift
	outside timeout 300 env CASEMATE_URL="https://$BOX:8443" CASEMATE_CA="$WORK/handed/access.pem" LANG=C.UTF-8 \
		CASEMATE_CERT="$WORK/handed/clients/$name.crt" CASEMATE_KEY="$WORK/handed/clients/$name.key" "$WORK/bin/casemate" "$@"
}

# deposit_one: a document of its own; what was acknowledged stands in WORK/acknowledged, "id sha256".
deposit_one() {
	local file id
	file=$(mktemp "$WORK/load.XXXXXX")
	head -c 20000 /dev/urandom >"$file"
	id=$(client depositor deposit --json --vault archives "$file" 2>>"$LOGS/box-load.log" | sed -n 's/.*"id":"\([^"]*\)".*/\1/p' | head -n 1)
	if [ -z "$id" ]; then
		rm -f "$file"
		return 1
	fi
	printf '%s %s\n' "$id" "$(sha256sum <"$file" | cut -d ' ' -f 1)" >>"$WORK/acknowledged"
	rm -f "$file"
}

# load_on, load_off: somebody deposits without end. A refusal is no fault; a lost document is.
load_on() {
	(while [ ! -e "$WORK/enough" ]; do deposit_one || sleep 0.1; done) &
	LOAD=$!
}

load_off() {
	: >"$WORK/enough"
	wait "$LOAD"
	rm -f "$WORK/enough"
}

acknowledged() { wc -l <"$WORK/acknowledged"; }

# more_than N: so many deposits were acknowledged.
more_than() { [ "$(acknowledged)" -gt "$1" ]; }

# nothing_lost: each acknowledged document comes out as it went in.
nothing_lost() {
	local id digest
	while read -r id digest; do
		if [ "$(client depositor get "$id" --output - | sha256sum | cut -d ' ' -f 1)" != "$digest" ]; then
			echo "document $id does not come out as it went in"
			return 1
		fi
	done <"$WORK/acknowledged"
}

# main_pid UNIT: the unit's main process, inside.
main_pid() { inside systemctl show --property MainPID --value "$1"; }

# replaced UNIT PID: another process is the unit's, and it is ready.
replaced() {
	[ "$(inside systemctl is-active "$1")" = active ] && [ "$(main_pid "$1")" != "$2" ]
}

# package ONE|TWO NAME: a delivered package, as the machine sees it.
package() { printf '/delivery/%s/%s' "$1" "$(basename "$WORK/delivery/$1/$2"_*.deb)"; }
