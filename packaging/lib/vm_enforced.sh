# shellcheck shell=bash disable=SC2034,SC2154 # names shared with who sources this
# What the kernel of a box enforces is tried, each act beside one to whom it is allowed: so that what was refused
# was the one, not a mistake of ours. Acts of check_vm; needs life.sh, vm.sh.

# act_vm_settings: sysctl.d, after a boot.
act_vm_settings() {
	step "Settings of the kernel"
	must "each of /usr/lib/sysctl.d/zz-casemate.conf is in force" inside bash -c '
		grep -v "^#" /usr/lib/sysctl.d/zz-casemate.conf | while read -r key equals value; do
			if [ -z "$key" ]; then continue; fi
			is=$(sysctl -n "$key")
			echo "$key = $is"
			if [ "$is" != "$value" ]; then echo "and not $value"; exit 1; fi
		done'
	note "$(wc -l <"$LOGS/box-must.log") settings"
}

# in_group UNIT COMMAND: as root, but in the unit's control group: what it may not is then the unit's limit alone.
in_group() {
	inside sh -c 'echo $$ >"/sys/fs/cgroup/system.slice/$1/cgroup.procs"; exec sh -c "$2"' sh "$1" "$2"
}

# act_vm_groups: what the units say of addresses, devices, memory and processes.
act_vm_groups() {
	local unit device pid killed
	step "Control groups: addresses, devices, memory, processes"
	must "the authority answers who is in no unit of ours" inside curl --silent --max-time 20 "http://$OUTSIDE:3161/"
	must_not "casemate-hsm.service: it does not, in that group" in_group casemate-hsm.service "curl --silent --show-error --max-time 5 http://$OUTSIDE:3161/"
	must "a datagram goes out elsewhere" inside bash -c "echo x >/dev/udp/$OUTSIDE/123"
	refused "casemate-hsm.service: no datagram goes out" "Operation not permitted" in_group casemate-hsm.service "bash -c 'echo x >/dev/udp/$OUTSIDE/123'"
	must "casemate.service: the authority answers, as it must" in_group casemate.service "curl --silent --max-time 20 http://$OUTSIDE:3161/"
	for device in vda mem kmsg; do
		must "root opens /dev/$device" inside sh -c "exec 3</dev/$device"
		for unit in casemate.service casemate-hsm.service; do
			refused "$unit: /dev/$device" "Operation not permitted" in_group "$unit" "exec 3</dev/$device"
		done
	done
	for unit in casemate.service casemate-hsm.service casemate-health.service; do
		must "$unit: the kernel has the unit's limits of memory and processes, and no swap" limits_held "$unit"
	done
	pid=$(main_pid casemate-hsm.service)
	inside sh -ec 'dd if=/dev/zero of=/swap bs=1M count=256 status=none; chmod 600 /swap; mkswap -q /swap; swapon /swap'
	killed=$(times_killed)
	must_not "casemate-hsm.service: more memory than its limit, with swap to be had" in_group casemate-hsm.service 'exec tail /dev/zero'
	must "the kernel killed that process, in that group" test "$(times_killed)" -gt "$killed"
	inside sh -ec 'swapoff /swap; rm /swap'
	refused "casemate-hsm.service: more processes than its limit" "fork" in_group casemate-hsm.service \
		'i=0; while [ $i -lt 400 ]; do sleep 61.5 & i=$((i + 1)); done'
	inside pkill --full --exact 'sleep 61.5'
	must "the token's process lived through all of it" test "$(main_pid casemate-hsm.service)" = "$pid"
	must "deposits are taken" soon 60 deposit_one
}

# times_killed: so many processes the kernel killed for want of memory in the token's group.
times_killed() { inside sed -n 's/^oom_kill //p' /sys/fs/cgroup/system.slice/casemate-hsm.service/memory.events; }

# limits_held UNIT: systemctl's view, which is that of the unit's file, against the kernel's. A unit that does not
# run now has no group; it must have limits all the same.
limits_held() {
	inside bash -ec '
		for pair in MemoryMax:memory.max MemorySwapMax:memory.swap.max TasksMax:pids.max; do
			want=$(systemctl show --property "${pair%:*}" --value "$1")
			file=/sys/fs/cgroup/system.slice/$1/${pair#*:}
			echo "$pair $want"
			test "$want" != infinity
			if [ -e "$file" ]; then test "$(cat "$file")" = "$want"; fi
		done' bash "$1"
}

# CONFINED: profile, user who may without it, what. The programs are lent: they run as the profile's own would,
# and read, write and start what the profile lets them.
CONFINED='
casemate-serve	root	cat /etc/casemate/pin.cred
casemate-serve	root	cat /etc/casemate/so-pin
casemate-serve	root	cat /etc/casemate/handed-out/access.pem
casemate-serve	root	cat /etc/shadow
casemate-serve	root	tee /etc/casemate/x
casemate-serve	root	tee /usr/bin/x
casemate-serve	root	dd if=/dev/vda of=/dev/null count=1
casemate-serve	casemate-hsm	ls /var/lib/casemate-hsm
casemate-serve	root	sh -c /usr/bin/true
casemate-serve	casemate	sh -c /var/lib/casemate/x/true
casemate-hsm	root	cat /etc/casemate/pin.cred
casemate-hsm	root	cat /etc/casemate/so-pin
casemate-hsm	root	cat /etc/casemate/callers.toml
casemate-hsm	casemate	ls /var/lib/casemate
casemate-hsm	casemate	ls /srv/casemate/c
casemate-hsm	root	sh -c /usr/bin/true
casemate-hsm	root	bash -c "exec 3<>/dev/tcp/'$OUTSIDE'/3161"
'

# act_vm_apparmor: each profile, as one that is under it and nothing else: no sandbox, no other user.
act_vm_apparmor() {
	local profile user what
	step "AppArmor: what its profiles forbid, whoever does it"
	for user in casemate casemate-hsm; do
		inside sh -ec "install -d -o $user -g casemate /var/lib/$user/x && cp /usr/bin/true /usr/lib/*/libm.so.6 /var/lib/$user/x/ && chmod -R a+rx /var/lib/$user/x"
	done
	while IFS=$(printf '\t') read -r profile user what <&4; do
		if [ -z "$profile" ]; then continue; fi
		if ! under unconfined "$user" "$what" >"$LOGS/box-may.log" 2>&1; then
			bad "$user cannot without the profile either: $what"
			indent <"$LOGS/box-may.log"
			return 1
		fi
		refused "$profile: $what" "Permission denied" under "$profile" "$user" "$what"
	done 4<<<"$CONFINED"
	for user in casemate casemate-hsm; do
		profile=${user/%casemate/casemate-serve}
		must "$profile: what it needs it reads" under "$profile" "$user" "cat /etc/casemate/casemate.toml"
		must "$user maps a library from its own folder" preloads unconfined "$user"
		must_not "$profile: so does it" preloads "$profile" "$user"
	done
	inside rm -r /var/lib/casemate/x /var/lib/casemate-hsm/x /etc/casemate/x /usr/bin/x
}

# under PROFILE USER COMMAND: as that user, under that profile.
under() {
	local words
	eval "words=($3)"
	inside sh -c 'profile=$1 user=$2; shift 2
		if [ "$profile" != unconfined ]; then set -- aa-exec -p "$profile" -- "$@"; fi
		exec setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups -- "$@"' sh "$1" "$2" "${words[@]}"
}

# preloads PROFILE USER: casemated under that profile maps a library that lies in that user's folder.
preloads() {
	under "$1" "$2" "sh -c 'LD_PRELOAD=/var/lib/$2/x/libm.so.6 exec /usr/bin/casemated version'" >"$LOGS/box-preload.log" 2>&1
	cat "$LOGS/box-preload.log"
	grep -q '^casemated ' "$LOGS/box-preload.log" && ! grep -q 'cannot be preloaded' "$LOGS/box-preload.log"
}
