# shellcheck shell=bash disable=SC2034,SC2154 # names shared with who sources this
# A machine with a kernel of its own: QEMU, Debian's kernel, systemd as its first process, a root disk and two
# disks for volumes. It answers to the same words as nspawn.sh (build_box, outside, power_on, inside,
# cut_power, scrap_box), which it replaces where it is sourced later. Needs say.sh, process.sh, root, and
# from nspawn.sh the addresses and the list of packages. Reads ROOT WORK RUN LOGS.
#
# With /dev/kvm it takes seconds, without it is emulated and takes a minute or two; what happens is the same.

VM_MEMORY=${VM_MEMORY:-2560} # MiB
# /dev/kvm alone says little: it is also there where the processor under it cannot do it.
VM_ACCEL=${VM_ACCEL:-$(if [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo; then echo kvm; else echo tcg; fi)}

DISKS='a b' # those for volumes that are in the machine when it is switched on

# What the machine has beside what nspawn.sh's has: a kernel and its devices, file systems, AppArmor.
VM_PACKAGES=$BOX_PACKAGES,udev,xfsprogs,apparmor,initramfs-tools,linux-image-amd64

# vm_tree FOLDER: the bare Debian. Of the kernel's 240 MB of drivers it has those of this machine; its initrd has
# what mounts the root, and is small.
vm_tree() {
	local name options=(--dpkgopt='path-exclude=/lib/modules/*/kernel/net/wireless/*' --dpkgopt='path-exclude=/lib/modules/*/kernel/drivers/*')
	for name in virtio/ block/ char/ net/virtio_net net/net_failover; do
		options+=(--dpkgopt="path-include=/lib/modules/*/kernel/drivers/$name*")
	done
	# shellcheck disable=SC2016 # $1 is mmdebstrap's
	mmdebstrap --quiet --variant=minbase --include="$VM_PACKAGES" "${options[@]}" --essential-hook='
		mkdir -p "$1/etc/initramfs-tools/conf.d"
		printf "MODULES=list\nCOMPRESS=gzip\n" >"$1/etc/initramfs-tools/conf.d/vm"
		printf "virtio_pci\nvirtio_blk\next4\n" >"$1/etc/initramfs-tools/modules"' bookworm "$1" >&2
	rm -f "$1/etc/machine-id" "$1/etc/resolv.conf"
}

# vm_image: prints the folder with root.img, kernel and initrd, made once and kept in .cache.
vm_image() {
	local image tree=$WORK/vm-tree
	image=$ROOT/.cache/machine/vm-$({ declare -f vm_tree dress && cat "$ROOT/packaging/lib/vm_agent.sh" && echo "$VM_PACKAGES"; } | sha256sum | cut -c 1-12)
	if [ ! -e "$image" ]; then
		rm -rf "$ROOT"/.cache/machine/vm-*
		mkdir -p "$image.new"
		vm_tree "$tree"
		dress "$tree"
		cp "$tree"/boot/vmlinuz-* "$image.new/kernel"
		cp "$tree"/boot/initrd.img-* "$image.new/initrd"
		mke2fs -q -t ext4 -L root -d "$tree" "$image.new/root.img" 3G >/dev/null
		rm -rf "$tree"
		mv "$image.new" "$image"
	fi
	printf '%s' "$image"
}

# dress TREE: what a bare Debian lacks to live here: an address, a name, the test's own ear.
dress() {
	echo box >"$1/etc/hostname"
	printf '127.0.0.1 localhost box\n' >"$1/etc/hosts"
	printf 'LABEL=root / ext4 defaults 0 1\n' >"$1/etc/fstab"
	printf '[Match]\nType=ether\n[Network]\nAddress=%s/24\nGateway=%s\n' "$BOX" "$OUTSIDE" >"$1/etc/systemd/network/box.network"
	install -m 755 "$ROOT/packaging/lib/vm_agent.sh" "$1/usr/local/sbin/agent"
	printf 'SUBSYSTEM=="virtio-ports", ATTR{name}=="casemate.test", TAG+="systemd", ENV{SYSTEMD_WANTS}+="agent.service"\n' \
		>"$1/etc/udev/rules.d/90-agent.rules"
	printf '[Unit]\nDescription=What packaging/test asks this machine\n[Service]\nExecStart=/usr/local/sbin/agent\n' \
		>"$1/etc/systemd/system/agent.service"
	systemctl --root="$1" --quiet enable systemd-networkd.service
	systemctl --root="$1" --quiet disable systemd-networkd-wait-online.service
	systemctl --root="$1" --quiet mask getty.target systemd-timesyncd.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer man-db.timer
}

# build_box: disks and network of a new machine. Its network has nobody on it but those started in NET-out.
build_box() {
	local image disk
	image=$(vm_image)
	mkdir -p "$WORK/vm"
	cp "$image/kernel" "$image/initrd" "$WORK/vm/"
	cp --sparse=always "$image/root.img" "$WORK/vm/root.img"
	for disk in a b c; do truncate -s 700M "$WORK/vm/$disk.img"; done
	for disk in agent monitor; do mkfifo "$WORK/vm/$disk.in" "$WORK/vm/$disk.out"; done
	NET=casemate-vm-$$
	ip netns add "$NET-out"
	ip -n "$NET-out" link set lo up
	# QEMU answers in the machine's name at BOX and in everybody else's at OUTSIDE: both end on loopback, and
	# beyond that no packet goes.
	ip -n "$NET-out" addr add "$BOX/32" dev lo
	# Who calls from loopback is OUTSIDE in there; left alone the kernel would have him call from BOX itself.
	ip -n "$NET-out" route replace local "$BOX" dev lo table local proto kernel scope host src 127.0.0.1
}

# pack FILE...: what the machine finds on its third disk, a tar.
pack() {
	mkdir -p "$WORK/luggage"
	cp "$@" "$WORK/luggage/"
	tar -C "$WORK/luggage" -cf "$WORK/vm/luggage.tar" .
}

# outside COMMAND...: as somebody on the network.
outside() { ip netns exec "$NET-out" "$@"; }

# power_on: boots the machine, or boots it again.
power_on() {
	launch
	if ! await box 300 is_up && [ "$VM_ACCEL" = kvm ] && ! alive box; then
		note "this machine's KVM is not whole; QEMU emulates instead"
		VM_ACCEL=tcg
		launch
		await box 300 is_up || true
	fi
	if ! alive box || ! is_up; then
		tail_of "$LOGS/box.log"
		tail_of "$LOGS/console.log"
		die "the machine did not boot"
	fi
}

# launch: QEMU itself, with the disks of the moment.
launch() {
	local disk disks=()
	for disk in $DISKS; do
		disks+=(-drive "file=$WORK/vm/$disk.img,if=none,id=$disk,format=raw")
		disks+=(-device "virtio-blk-pci,id=disk-$disk,drive=$disk,serial=DISK-${disk^^}")
	done
	start box ip netns exec "$NET-out" qemu-system-x86_64 -name casemate -machine "pc,accel=$VM_ACCEL" \
		-cpu max,arch-capabilities=off,la57=off -smp 2 \
		-m "$VM_MEMORY" -nodefaults -no-user-config -display none -no-reboot \
		-kernel "$WORK/vm/kernel" -initrd "$WORK/vm/initrd" \
		-append "root=LABEL=root rw console=ttyS0 quiet systemd.show_status=0 net.ifnames=0 panic=-1 mitigations=off" \
		-serial "file:$LOGS/console.log" \
		-device virtio-serial-pci -chardev "pipe,id=agent,path=$WORK/vm/agent" -device virtserialport,chardev=agent,name=casemate.test \
		-chardev "pipe,id=monitor,path=$WORK/vm/monitor" -mon chardev=monitor,mode=control \
		-device virtio-rng-pci \
		-netdev "user,id=net,net=${OUTSIDE%.*}.0/24,host=$OUTSIDE,dns=${OUTSIDE%.*}.3,ipv6=off,hostfwd=tcp:$BOX:8443-$BOX:8443,hostfwd=tcp:$BOX:9464-$BOX:9464" \
		-device virtio-net-pci,netdev=net \
		-drive "file=$WORK/vm/root.img,if=none,id=root,format=raw" -device virtio-blk-pci,drive=root,serial=ROOT \
		"${disks[@]}" \
		-drive "file=$WORK/vm/luggage.tar,if=none,id=luggage,format=raw,readonly=on" -device virtio-blk-pci,drive=luggage,serial=LUGGAGE
	: >"$LOGS/monitor.log"
	start monitor cat "$WORK/vm/monitor.out"
	if await box 60 grep -q '"QMP"' "$LOGS/monitor.log"; then monitor '{"execute": "qmp_capabilities"}'; fi
}

# monitor COMMAND: something done to the machine's hardware (QMP); what comes of it stands in LOGS/monitor.log.
monitor() {
	printf '%s\n' "$1" 1<>"$WORK/vm/monitor.in" # for reading too, so that nobody waits where QEMU has ended
}

is_up() { inside systemctl is-system-running 2>/dev/null | grep -qE '^(running|degraded)$'; }

# inside COMMAND...: as root of the machine; one at a time. An answer to a question that somebody gave up is
# thrown away.
inside() {
	local LC_ALL=C script name status size
	script="cd /; exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM=dumb $(printf '%q ' "$@")"
	{
		flock 8
		alive box || return 1
		printf '%s %d\n%s' "$BASHPID.$SRANDOM" "${#script}" "$script" >"$WORK/vm/question"
		cat "$WORK/vm/question" 1<>"$WORK/vm/agent.in"
		while answer; do
			if [ "$name" = "$(cut -d ' ' -f 1 "$WORK/vm/question" | head -n 1)" ]; then
				timeout 60 head -c "$size" <&7
				return "$status"
			fi
			timeout 60 head -c "$size" <&7 >"$WORK/vm/unasked"
		done
		return 1
	} 7<>"$WORK/vm/agent.out" 8>"$WORK/vm/agent.lock"
}

# answer: the first line of an answer, of whichever question, for inside: its name, status and size.
answer() {
	local part line=''
	until read -r -t 1 part <&7; do
		line+=$part
		alive box || return 1
	done
	read -r name status size <<<"$line$part"
}

# cut_power: the machine is gone, with every page its kernel had not written.
cut_power() {
	kill -KILL "$(cut -d ' ' -f 1 "$RUN/box.pid")"
	while alive box; do sleep 0.05; done
	rm -f "$RUN/box.pid"
	stop monitor
}

# scrap_box: nothing of the machine stays.
scrap_box() {
	stop box 0
	stop monitor
	ip netns del "$NET-out" 2>/dev/null || true
}
