# shellcheck shell=bash disable=SC2034,SC2154 # names shared with who sources this
# The step "vm" of packaging/test: what a container cannot show. A kernel of its own enforces AppArmor, control
# groups and settings; a disk is pulled out while documents are deposited, and another put in; the power is cut.
# Needs say.sh, install.sh, process.sh, authority.sh, life.sh, acts.sh,
# vm_enforced.sh, vm.sh. Reads ROOT WORK RUN LOGS.

check_vm() {
	# shellcheck source=packaging/lib/vm.sh
	. "$ROOT/packaging/lib/vm.sh" # its words in place of nspawn.sh's
	OUT_OF=$WORK WORK=$WORK/vm-step
	DIR=$WORK RUN=$WORK/run LOGS=$WORK/logs
	mkdir -p "$RUN" "$LOGS" "$WORK/bin"
	trap 'leave_vm' EXIT
	trap 'exit 143' TERM
	step "A package, and a machine with a kernel of its own ($VM_ACCEL)"
	need_packages qemu-system-x86 e2fsprogs
	vm_deliver
	build_box
	vm_surroundings
	vm_answers >"$WORK/answers.toml"
	pack "$OUT_OF"/delivery/one/*.deb "$WORK/tsa/tsa.pem" "$WORK/answers.toml"
	power_on
	ok "Debian's kernel $(inside uname -r), up after $(inside cut -d . -f 1 /proc/uptime) s"
	act_vm_install
	act_vm_set_up
	act_vm_deposit
	act_vm_pull
	act_vm_replace
	act_vm_power
	act_vm_settings
	act_vm_groups
	act_vm_log
	act_vm_apparmor
}

# vm_deliver: the packages of this tree, those of the step "machine" if that made them; the client for outside.
vm_deliver() {
	if ! ls "$OUT_OF"/delivery/one/*.deb >/dev/null 2>&1; then
		"$ROOT/packaging/build" --no-clients --out "$OUT_OF/delivery/one" >"$LOGS/build.log" 2>&1 || { cat "$LOGS/build.log" && return 1; }
	fi
	dpkg-deb --fsys-tarfile "$OUT_OF"/delivery/one/casemate_*.deb | tar -xO ./usr/bin/casemate >"$WORK/bin/casemate"
	chmod 755 "$WORK/bin/casemate"
	go build -o "$WORK/bin/tsa" ./packaging/tsa
}

# vm_surroundings: the time server and the timestamp authority, outside.
vm_surroundings() {
	printf 'local stratum 10\nbindaddress 127.0.0.1\nallow 127.0.0.1\ncmdport 0\nbindcmdaddress /\npidfile %s/chronyd.pid\n' "$WORK" >"$WORK/chrony.conf"
	start chronyd ip netns exec "$NET-out" "$(command -v chronyd || echo /usr/sbin/chronyd)" -x -d -u root -f "$WORK/chrony.conf"
	start tsa ip netns exec "$NET-out" "$WORK/bin/tsa" --dir "$WORK/tsa" --listen 127.0.0.1:3161
	await tsa 30 grep -q '^listening on ' "$LOGS/tsa.log"
}

# vm_answers: those of the step "machine", with the volumes where the guide has them.
vm_answers() { answers | sed -e 's|^dir = "/srv/|dir = "/srv/casemate/|' -e "s|^monitor = .*|monitor = \"0.0.0.0:9464\"|" -e 's|^roots = .*|roots = "/root/luggage/tsa.pem"|'; }

act_vm_install() {
	step "The package is installed; two disks get a file system each, as the guide has it"
	inside sh -ec 'mkdir /root/luggage && tar -C /root/luggage -xf /dev/disk/by-id/virtio-LUGGAGE'
	must "the kernel enforces AppArmor" inside aa-enabled
	must "dpkg --install" inside sh -c 'dpkg --install /root/luggage/*.deb'
	must "its profiles are loaded, and enforced" profiles_enforced
	for disk in a b; do new_disk "$disk"; done
	inside sh -ec 'mkdir -p /etc/systemd/system/casemate.service.d
		printf "[Service]\nReadWritePaths=/srv/casemate\n" >/etc/systemd/system/casemate.service.d/volumes.conf; systemctl daemon-reload'
}

# profiles_enforced: both, by the kernel's own list.
profiles_enforced() {
	inside cat /sys/kernel/security/apparmor/profiles >"$LOGS/profiles.log"
	cat "$LOGS/profiles.log"
	grep -qx 'casemate-serve (enforce)' "$LOGS/profiles.log" && grep -qx 'casemate-hsm (enforce)' "$LOGS/profiles.log"
}

# new_disk NAME: the guide's steps for a new disk (packaging/guides/en/volumes.md, 2).
new_disk() {
	must "disk $1: mkfs.xfs, fstab, mount" inside sh -ec "
		mkfs.xfs -q -L casemate-$1 /dev/disk/by-id/virtio-DISK-${1^^}
		mkdir -p /srv/casemate/$1
		echo 'LABEL=casemate-$1 /srv/casemate/$1 xfs noatime,nofail,x-systemd.device-timeout=60s,x-systemd.before=casemate.service 0 0' >>/etc/fstab
		systemctl daemon-reload
		udevadm settle
		mount /srv/casemate/$1
		chown casemate: /srv/casemate/$1
		findmnt /srv/casemate/$1"
}

act_vm_set_up() {
	step "Set-up, unattended: a software token, two disks, a time server and an authority outside"
	must "casemated setup" inside casemated setup --answers /root/luggage/answers.toml
	mkdir -p "$WORK/handed"
	inside tar -C /etc/casemate/handed-out -c . | tar -C "$WORK/handed" -x
	inside sed -i 's|^interval = "10m"|interval = "2s"|' /etc/casemate/casemate.toml
	must "systemctl start" inside systemctl start casemate.socket casemate.service
	must "both services run confined" confined_both
}

# confined_both: each process of the two services, by what the kernel says of it.
confined_both() {
	inside sh -c '
		for unit in casemate casemate-hsm; do
			test -e /sys/fs/cgroup/system.slice/$unit.service/cgroup.procs || exit 1
			while read -r pid; do
				printf "%s %s %s\n" $unit "$(cat /proc/$pid/attr/current)" "$(tr "\0" " " </proc/$pid/cmdline)"
			done </sys/fs/cgroup/system.slice/$unit.service/cgroup.procs
		done' >"$LOGS/confined.log"
	cat "$LOGS/confined.log"
	[ "$(grep -c '^casemate ' "$LOGS/confined.log")" = 3 ] &&
		! grep -vE '^casemate casemate-serve \(enforce\) |^casemate-hsm casemate-hsm \(enforce\) ' "$LOGS/confined.log"
}

act_vm_deposit() {
	step "From outside: a deposit over HTTPS, and its receipt verified there"
	cp "$ROOT/packaging/samples/deed.pdf" "$WORK/deed.pdf"
	must "the administrator opens a vault" soon 60 client admin vault create archives
	must "a deposit, proved by the authority outside" client depositor deposit --vault archives --wait --receipt "$WORK/deed.asice" "$WORK/deed.pdf"
	must "casemate verify, offline" "$WORK/bin/casemate" verify "$WORK/deed.asice" --document "$WORK/deed.pdf" --trust "$WORK/handed/trust"
	must "verify.sh: openssl and unzip alone" sh "$ROOT/packaging/verify.sh" "$WORK/deed.asice" "$WORK/handed/trust" "$WORK/deed.pdf"
	: >"$WORK/acknowledged"
}

# act_vm_pull: a disk goes in the middle of a load, which goes on.
act_vm_pull() {
	step "A disk is pulled out while documents are deposited"
	load_on
	must "deposits are acknowledged" soon 90 more_than 3
	monitor '{"execute": "device_del", "arguments": {"id": "disk-b"}}'
	must "the machine lets go of it" soon 60 grep -q '"DEVICE_DELETED".*"disk-b"' "$LOGS/monitor.log"
	note "after $(acknowledged) acknowledged deposits"
	must "the safe is degraded, and says so" soon 120 degraded
	must_not "casemated raid status asks for nobody" inside casemated raid status
	indent <"$LOGS/box-must.log"
	must_not "casemated health" inside casemated health
	must_not "so does the unit that a timer starts" inside systemctl start casemate-health.service
	must "deposits go on" soon 120 more_than $(($(acknowledged) + 3))
	must "/readyz, from outside: it works" outside curl --silent --show-error --fail --max-time 60 "http://$BOX:9464/readyz"
}

# act_vm_replace: another takes its place, as the guide has it.
act_vm_replace() {
	local lost fresh
	step "A fresh disk is put in, and takes its place"
	monitor "{\"execute\": \"blockdev-add\", \"arguments\": {\"driver\": \"raw\", \"node-name\": \"c\", \"file\": {\"driver\": \"file\", \"filename\": \"$WORK/vm/c.img\"}}}"
	monitor '{"execute": "device_add", "arguments": {"driver": "virtio-blk-pci", "id": "disk-c", "drive": "c", "serial": "DISK-C"}}'
	DISKS='a c'
	must "the machine sees it" soon 60 inside test -b /dev/disk/by-id/virtio-DISK-C
	new_disk c
	lost=$(volume_at b)
	must "casemated raid replace" inside casemated raid replace --yes "$lost" /srv/casemate/c
	fresh=$(volume_at c)
	must "the new volume is another" test "$fresh" != "$lost"
	must "it is filled, while deposits go on" soon 180 both_in_sync
	load_off
	inside sh -ec 'if mountpoint -q /srv/casemate/b; then umount -l /srv/casemate/b; fi
		sed -i "\| /srv/casemate/b |d" /etc/fstab; systemctl daemon-reload
		sed -i "s|/srv/casemate/b\"|/srv/casemate/c\"|" /etc/casemate/casemate.toml'
	must "casemated raid status asks for nobody" soon 60 inside casemated raid status
	must "casemated health is content" inside casemated health
	must "of $(acknowledged) acknowledged deposits none is lost" nothing_lost
	inside systemctl stop casemate.socket casemate.service
	must "casemated fsck finds nothing wrong" fsck_inside
	must "systemctl start, with the new disk in the configuration" inside systemctl start casemate.socket casemate.service
	must "deposits are taken" soon 60 deposit_one
}

# degraded: the mirror's own word, and a volume's.
degraded() {
	inside casemated raid status --json >"$LOGS/box-raid.log" 2>&1 || true
	grep -q '"state":"degraded"' "$LOGS/box-raid.log" && grep -qE '"state":"(missing|faulted)"' "$LOGS/box-raid.log"
}

# volume_at NAME: the identity of the volume of that disk.
volume_at() {
	{ inside casemated raid status --json || true; } | tr '{' '\n' | sed -n "s|.*\"id\":\"\([^\"]*\)\",\"dir\":\"/srv/casemate/$1\".*|\1|p"
}

# act_vm_power: the machine loses what its kernel had not written.
act_vm_power() {
	step "The power fails in the middle of a load"
	load_on
	must "deposits are acknowledged" soon 90 more_than $(($(acknowledged) + 5))
	cut_power
	note "cut after $(acknowledged) acknowledged deposits; switched on again"
	power_on
	must "the safe is back by itself" soon 180 deposit_one
	load_off
	must "both volumes are in sync" soon 120 both_in_sync
	must "nothing acknowledged is lost" nothing_lost
	must "both services run confined again" confined_both
}

# act_vm_log: all that was done until here was done under AppArmor, without a word from it.
act_vm_log() {
	step "AppArmor's word on all this"
	must "its log has nothing of the safe's, in either boot" inside sh -c '
		journalctl --sync
		journalctl --no-pager --output=cat | grep -E "apparmor=.(DENIED|ALLOWED)" | grep -E "profile=.casemate-(serve|hsm)" >/run/denied
		cat /run/denied
		! test -s /run/denied'
}

leave_vm() {
	local status=$?
	set +e
	: >"$WORK/enough"
	if [ "$status" != 0 ]; then
		tail_of "$LOGS/box.log"
		tail_of "$LOGS/console.log"
	fi
	scrap_box
	stop tsa
	stop chronyd
	exit "$status"
}
