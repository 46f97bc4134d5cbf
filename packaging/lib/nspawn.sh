# shellcheck shell=bash disable=SC2034,SC2154 # names shared with who sources this
# A Debian 12 of its own on this machine: systemd boots in it (systemd-nspawn), with a network, two disks and
# a root that outlives its power. Needs say.sh, process.sh, root. Reads ROOT WORK RUN LOGS.
#
# It is a container: the kernel is this machine's, so IPAddressDeny=, DeviceAllow= and MemoryMax= are not
# enforced in it, and cutting its power loses no page that the kernel holds.

BOX=10.77.0.2     # the machine's address
OUTSIDE=10.77.0.1 # that of everybody else

# What the tree holds beside systemd; its name changes with the list.
BOX_PACKAGES=systemd,systemd-sysv,dbus,procps,iproute2,softhsm2,openssl,ca-certificates,nftables,kmod,smartmontools,bash-completion,curl,debconf,init-system-helpers

# box_tree: prints the folder of the bare Debian, made once and kept in .cache.
box_tree() {
	local tree
	tree=$ROOT/.cache/machine/bookworm-$(printf '%s' "$BOX_PACKAGES" | sha256sum | cut -c 1-12)
	if [ ! -e "$tree" ]; then
		mkdir -p "$ROOT/.cache/machine"
		rm -rf "$tree.new"
		mmdebstrap --quiet --variant=minbase --include="$BOX_PACKAGES" bookworm "$tree.new" >&2
		rm -f "$tree.new/etc/machine-id" "$tree.new/etc/resolv.conf"
		mv "$tree.new" "$tree"
	fi
	printf '%s' "$tree"
}

# build_box: root, disks and network of a new machine.
build_box() {
	local disk
	mkdir -p "$WORK"/box/{root,upper,work,a,b}
	mount -t overlay overlay -o "lowerdir=$(box_tree),upperdir=$WORK/box/upper,workdir=$WORK/box/work" "$WORK/box/root"
	for disk in a b; do
		truncate -s 700M "$WORK/box/$disk.img"
		mkfs.xfs -q "$WORK/box/$disk.img"
		mount -o loop "$WORK/box/$disk.img" "$WORK/box/$disk"
	done
	NET=casemate-$$
	ip netns add "$NET-box"
	ip netns add "$NET-out"
	ip -n "$NET-out" link add out0 type veth peer name box0 netns "$NET-box"
	ip -n "$NET-out" addr add "$OUTSIDE/24" dev out0
	ip -n "$NET-box" addr add "$BOX/24" dev box0
	for disk in box out; do
		ip -n "$NET-$disk" link set lo up
		ip -n "$NET-$disk" link set "${disk}0" up
	done
	ip -n "$NET-box" route add default via "$OUTSIDE" # so that what should not leave would
}

# outside COMMAND...: as somebody on the network.
outside() { ip netns exec "$NET-out" "$@"; }

# power_on: boots the machine; LEADER is its first process as this machine numbers it.
power_on() {
	start box bash -c '
		for hierarchy in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
			if [ -w "$hierarchy/cgroup.procs" ]; then mkdir -p "$hierarchy/$0" && echo $$ >"$hierarchy/$0/cgroup.procs"; fi
		done
		exec "$@"' "$NET" \
		systemd-nspawn --quiet --directory="$WORK/box/root" --boot --register=no --keep-unit --console=pipe \
		--network-namespace-path="/run/netns/$NET-box" \
		--system-call-filter="adjtimex landlock_create_ruleset landlock_add_rule landlock_restrict_self" \
		--bind="$WORK/box/a:/srv/a" --bind="$WORK/box/b:/srv/b" --bind-ro="$WORK/delivery:/delivery"
	await box 120 leader
	LEADER=$(pgrep -P "$(cut -d ' ' -f 1 "$RUN/box.pid")" | head -n 1)
	if ! await box 300 is_up; then
		tail_of "$LOGS/box.log"
		die "the machine did not boot"
	fi
}

leader() { pgrep -P "$(cut -d ' ' -f 1 "$RUN/box.pid")"; }

is_up() { inside systemctl is-system-running 2>/dev/null | grep -qE '^(running|degraded)$'; }

# inside COMMAND...: as root of the machine.
inside() { nsenter --target "$LEADER" --all env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM=dumb "$@"; }

# inside_as USER COMMAND...: as one of its users, with that user's groups.
inside_as() {
	local user=$1
	shift
	inside setpriv --reuid="$user" --regid="$(inside id -g "$user")" --init-groups --no-new-privs "$@"
}

# cut_power: every process of the machine ends at once.
cut_power() {
	kill -KILL "$LEADER"
	while alive box; do sleep 0.05; done
	rm -f "$RUN/box.pid"
}

# scrap_box: nothing of the machine stays.
scrap_box() {
	local disk
	if alive box; then
		kill -KILL "$(leader)" 2>/dev/null || true
		stop box 5
	fi
	for disk in root a b; do
		if mountpoint -q "$WORK/box/$disk"; then umount "$WORK/box/$disk"; fi
	done
	for disk in box out; do ip netns del "$NET-$disk" 2>/dev/null || true; done
	rmdir "/sys/fs/cgroup/systemd/$NET" "/sys/fs/cgroup/unified/$NET" 2>/dev/null || true
}
