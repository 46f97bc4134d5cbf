# shellcheck shell=bash disable=SC2034,SC2154 # names shared with who sources this
# What each user of a box must not do is tried, and must fail for the right reason; see life.sh. Beside each
# act stands who may: done by him it works, so that what was refused was the person, not a mistake of ours.

# FORBIDDEN: who must not, who may, why it fails, what it is, how it is tried. systemd/DESIGN.md has the table of
# who may do what; this is the rest of it. "serve" and "hsm" are the services' own users in the services' own
# view of the machine: folders, devices, network.
FORBIDDEN='
casemate	root	Permission denied	read the PIN	cat /etc/casemate/pin*
casemate	casemate-hsm	Permission denied	read the PIN handed to the other service	cat /run/credentials/casemate-hsm.service/pin
casemate	casemate-hsm	Permission denied	read the token	ls /var/lib/casemate-hsm
casemate	root	Permission denied	change the configuration	: >>/etc/casemate/casemate.toml
casemate	root	Operation not permitted	change its own program	chmod 755 /usr/bin/casemated
casemate	root	Permission denied	put a program beside it	touch /usr/bin/x && rm /usr/bin/x
casemate-hsm	casemate	Permission denied	read the state of the safe	ls /var/lib/casemate
casemate-hsm	casemate	Permission denied	read a volume	cat /srv/a/superblock
casemate-hsm	root	Permission denied	read the PIN where it lies	cat /etc/casemate/pin*
casemate-hsm	root	Permission denied	change the configuration	: >>/etc/casemate/casemate.toml
casemate-hsm	casemate	Permission denied	speak to the control socket	ask /var/lib/casemate/control.sock http://safe/healthz
neighbour	casemate	Couldn.t connect|Connection reset by peer|Broken pipe|Empty reply	speak to the token, although of its group	ask /run/casemate-hsm/hsm.sock --data {} http://hsm/v1/ping
neighbour	casemate-hsm	Permission denied	list the folder of that socket	ls /run/casemate-hsm
neighbour	casemate	Permission denied	read a volume	cat /srv/a/superblock
nobody	casemate	Permission denied	read the configuration	cat /etc/casemate/casemate.toml
nobody	casemate-hsm	Permission denied	read the token	ls /var/lib/casemate-hsm
nobody	casemate	Permission denied	read the state of the safe	ls /var/lib/casemate
nobody	casemate	Permission denied	speak to the token	ask /run/casemate-hsm/hsm.sock --data {} http://hsm/v1/ping
nobody	casemate	Permission denied	speak to the control socket	ask /var/lib/casemate/control.sock http://safe/healthz
nobody	root	Permission denied	look into the memory of the safe	cat /proc/$(pgrep --oldest -f casemated.serve)/environ
serve	root	Read-only file system	write /etc	touch /etc/casemate/x && rm /etc/casemate/x
serve	root	Read-only file system	write /usr	touch /usr/x && rm /usr/x
serve	root	Read-only file system	write /var	touch /var/x && rm /var/x
serve	root	Read-only file system	write beside a volume	touch /srv/x && rm /srv/x
serve	root	Permission denied	write to a home	touch /root/x && rm /root/x
serve	casemate-hsm	Permission denied	write to the folder of the token	touch /var/lib/casemate-hsm/x && rm /var/lib/casemate-hsm/x
hsm	root	Read-only file system	write /etc	touch /etc/casemate/x && rm /etc/casemate/x
hsm	root	Read-only file system	write /usr	touch /usr/x && rm /usr/x
hsm	root	Read-only file system	write /var	touch /var/x && rm /var/x
hsm	root	Permission denied	write to a home	touch /root/x && rm /root/x
hsm	casemate	Permission denied	write a volume	touch /srv/a/x && rm /srv/a/x
hsm	serve	Network is unreachable	reach the network	curl --silent --verbose --max-time 5 --output /dev/null http://'$OUTSIDE':3161/
'

act_forbidden() {
	local who may why what how unit
	step "What each user must not do is tried; who may do it shows that it can be done"
	inside useradd --system --no-create-home --gid casemate neighbour
	while IFS=$(printf '\t') read -r who may why what how <&4; do
		if [ -n "$who" ]; then denied "$who" "$may" "$why" "$what" "$how"; fi
	done 4<<<"$FORBIDDEN"
	# curl has one word for whatever ends a connection at once; the process that ended it says why.
	must "the token's process tells whom it refused" inside sh -c \
		'journalctl --no-pager -b -u casemate-hsm | grep "refused a connection" | grep "uid=$(id -u neighbour)"'
	for unit in casemate.service casemate-hsm.service; do
		must "$unit: system calls are filtered, no capability is held, none can be gained" confined "$(main_pid "$unit")"
	done
}

# denied WHO MAY WHY WHAT HOW: WHO cannot, and the reason is WHY; MAY can.
denied() {
	if as "$1" "$5" >"$LOGS/box-must.log" 2>&1; then
		bad "$1 cannot $4: but it could ($5)"
		return 1
	fi
	if ! grep -qE "$3" "$LOGS/box-must.log"; then
		bad "$1 cannot $4: but for another reason, not: $3 ($5)"
		indent <"$LOGS/box-must.log"
		return 1
	fi
	if ! as "$2" "$5" >"$LOGS/box-may.log" 2>&1; then
		bad "$1 cannot $4: nor can $2, who may ($5)"
		indent <"$LOGS/box-may.log"
		return 1
	fi
	ok "$1 cannot $4, $2 can: $(grep -oE "$3" "$LOGS/box-must.log" | head -n 1)"
}

# as WHO COMMAND: in a shell of that user's.
as() {
	local ask='ask() { curl --silent --verbose --fail --max-time 5 --unix-socket "$@"; }'
	case $1 in
	root) inside sh -c "$ask; $2" ;;
	serve) in_service casemate.service casemate "$2" ;;
	hsm) in_service casemate-hsm.service casemate-hsm "$2" ;;
	*) inside_as "$1" sh -c "$ask; $2" ;;
	esac
}

# in_service UNIT USER COMMAND: as that user, with the folders, devices and network that the unit has. In its
# view nearly nothing can be run (act_exec tries that): here a copy of the view is taken in which it can. Until
# then each program is one that was opened outside.
in_service() {
	inside sh -c 'exec 7</usr/bin/mount 8</usr/bin/dash 9</usr/bin/unshare
		exec nsenter --target "$1" --mount --net /proc/self/fd/9 --mount --propagation private /proc/self/fd/8 -c "
			/proc/self/fd/7 -o remount,bind,ro,exec / && exec 7<&- 8<&- 9<&- &&
			exec setpriv --reuid=\"\$1\" --regid=casemate --clear-groups --bounding-set=-all --no-new-privs sh -c \"\$2\"" sh "$2" "$3"' \
		sh "$(main_pid "$1")" "$2" "$3"
}

# confined PID: what the kernel itself says of a process, inside.
confined() {
	inside cat "/proc/$1/status" >"$LOGS/box-status.log"
	grep -E '^(Seccomp|NoNewPrivs|Cap(Eff|Prm|Bnd|Amb)):' "$LOGS/box-status.log"
	grep -qx 'Seccomp:.2' "$LOGS/box-status.log" && grep -qx 'NoNewPrivs:.1' "$LOGS/box-status.log" &&
		[ "$(grep -cxE 'Cap(Eff|Prm|Bnd|Amb):.0{16}' "$LOGS/box-status.log")" = 4 ]
}
