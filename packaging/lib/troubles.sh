# shellcheck shell=bash disable=SC2034,SC2154 # names shared with who sources this
# What befalls a box, and what an operator does about it: the later acts of check_machine; see life.sh.

# act_reload: a caller is struck off the table, and put back.
act_reload() {
	local pid table=$WORK/box/root/etc/casemate/callers.toml
	step "Reload: the table of callers"
	pid=$(main_pid casemate.service)
	must "bob is let in" client bob status
	cp -p "$table" "$WORK/callers.toml"
	awk 'BEGIN { RS = "\\[\\[caller\\]\\]" } NR == 1 { printf "%s", $0; next } !/name = .bob./ { printf "[[caller]]%s", $0 }' \
		"$WORK/callers.toml" >"$table"
	must "systemctl reload casemate" inside systemctl reload casemate.service
	refused "bob, struck off, is let in" "role" client bob status
	cat "$WORK/callers.toml" >"$table"
	must "systemctl reload casemate" inside systemctl reload casemate.service
	must "bob is let in again" client bob status
	must "it is the same process" test "$(main_pid casemate.service)" = "$pid"
	must "deposits go on" soon 180 deposit_one
}

# act_kill: each process, by the kernel's hardest signal.
act_kill() {
	local unit pid volume
	step "kill -9 of each process"
	for unit in casemate-hsm.service casemate.service; do
		pid=$(main_pid "$unit")
		inside kill -KILL "$pid"
		must "$unit comes back by itself" soon 180 replaced "$unit" "$pid"
		must "deposits are taken again" soon 180 deposit_one
	done
	for volume in a b; do
		inside pkill -KILL --full "volume /srv/$volume\$"
		must "deposits are taken without volume $volume" soon 180 deposit_one
		must "volume $volume is back in sync" soon 180 both_in_sync
	done
	must "nothing acknowledged is lost" nothing_lost
}

both_in_sync() {
	inside casemated raid status --json >"$LOGS/box-raid.log" 2>&1 && [ "$(grep -o '"state":"in-sync"' "$LOGS/box-raid.log" | wc -l)" = 2 ]
}

# act_hang: a process that stands still is found out. The units' half a minute is shortened here.
act_hang() {
	local unit pid
	step "SIGSTOP: the watchdog acts"
	for unit in casemate.service casemate-hsm.service; do
		inside sh -ec "mkdir -p /run/systemd/system/$unit.d; printf '[Service]\nWatchdogSec=10s\n' >/run/systemd/system/$unit.d/test.conf"
	done
	inside systemctl daemon-reload
	must "restart with a watchdog of 10 s" inside systemctl restart casemate.service casemate-hsm.service
	for unit in casemate.service casemate-hsm.service; do
		pid=$(main_pid "$unit")
		inside kill -STOP "$pid"
		must "$unit stands still, is killed and started again" soon 180 replaced "$unit" "$pid"
		must "it was the watchdog" inside sh -c "journalctl --no-pager -b -u $unit | grep -q 'Watchdog timeout'"
		must "deposits are taken again" soon 180 deposit_one
	done
	inside sh -ec 'rm -r /run/systemd/system/casemate*.service.d; systemctl daemon-reload; systemctl restart casemate.service casemate-hsm.service'
}

act_stop_start() {
	step "Stop and start"
	must "systemctl stop" inside systemctl stop casemate.socket casemate.service casemate-hsm.service
	must "each ended well" inside sh -c 'for u in casemate casemate-hsm; do systemctl show --property Result $u.service | grep -qx Result=success; done'
	must "nothing of it runs" nobody_runs
	must "fsck finds nothing wrong" fsck_inside
	must "systemctl start" inside systemctl start casemate.socket casemate.service
	must "nothing acknowledged is lost" nothing_lost
}

nobody_runs() { ! inside pgrep --list-full --full 'casemated|volume /srv'; }

# fsck_inside: the token's process alone is needed.
fsck_inside() {
	inside systemctl start casemate-hsm.service && inside casemated fsck
}

act_power() {
	local before
	step "The power fails in the middle of a load"
	before=$(acknowledged)
	load_on
	soon 180 more_than $((before + 10))
	cut_power
	note "cut after $(acknowledged) acknowledged deposits; switched on again"
	power_on
	must "the safe is back by itself" soon 180 deposit_one
	load_off
	must "both volumes are in sync" soon 180 both_in_sync
	must "nothing acknowledged is lost" nothing_lost
	must "network rules again" inside nft -f /etc/nftables.conf
}

# act_backup: a backup, a drill, the loss of both disks, and two officers who accept what came after it.
act_backup() {
	local kept choice
	step "A backup; then both disks are lost"
	mkdir -p "$WORK/box/root/media/stick" "$WORK/box/root/root/restore"
	openssl req -x509 -newkey rsa:3072 -nodes -days 30 -subj /CN=recovery -addext keyUsage=critical,keyEncipherment \
		-keyout "$WORK/box/root/root/recovery.key" -out "$WORK/box/root/etc/casemate/recovery.pem" 2>/dev/null
	printf '\n[backup]\nrecipients = "recovery.pem"\n' >>"$WORK/box/root/etc/casemate/casemate.toml"
	inside chmod 644 /etc/casemate/recovery.pem
	must "the recovery certificate is configured" inside systemctl restart casemate.service
	must "casemated backup" inside casemated backup --same-disk /media/stick
	kept=$(acknowledged)
	must "a document after the backup" soon 180 deposit_one
	must "casemated restore --verify" inside casemated restore --verify /media/stick --recovery-key /root/recovery.key
	must "casemated backup drill: it restores, reads and proves" inside casemated backup drill /media/stick --recovery-key /root/recovery.key --scratch /root/restore
	inside systemctl stop casemate.socket casemate.service
	inside sh -c 'rm -rf /srv/a/* /srv/b/* /srv/a/.[!.]* /srv/b/.[!.]*'
	must "casemated restore onto two empty disks" inside casemated restore /media/stick --recovery-key /root/recovery.key --to /srv/a --to /srv/b
	must_not "an older state opens by itself" inside systemctl start casemate.service
	choice=$(inside casemated raid decide 2>&1 | sed -n 's/.*casemated raid decide \([0-9a-f]*\) >.*/\1/p' | head -n 1)
	inside casemated raid decide "$choice" >"$WORK/decision.txt"
	sed -n '1,12p' "$WORK/decision.txt" | indent
	sign_as ada
	sign_as bob
	must "two officers decide" inside casemated raid decide --signature /root/ada.p7s --signature /root/bob.p7s
	must "systemctl start" inside systemctl start casemate.socket casemate.service
	head -n "$kept" "$WORK/acknowledged" >"$WORK/in-backup"
	mv "$WORK/in-backup" "$WORK/acknowledged"
	must "everything that the backup held comes out as it went in" nothing_lost
	must "deposits are taken again" soon 180 deposit_one
	must "both volumes are in sync" soon 180 both_in_sync
}

# sign_as NAME: an officer signs the statement with a certificate of the box.
sign_as() {
	openssl cms -sign -binary -in "$WORK/decision.txt" -signer "$WORK/handed/clients/$1.crt" -inkey "$WORK/handed/clients/$1.key" \
		-outform DER -out "$WORK/box/root/root/$1.p7s"
}

# as_old_box: what a version left that had the PIN in plain and let its unit map any library, with one that lies
# where the newer unit lets none be mapped.
as_old_box() {
	as_earlier_version
	inside sh -ec 'mkdir -p /usr/local/lib/vendor; cp /usr/lib/softhsm/libsofthsm2.so /usr/local/lib/vendor/
		sed -i "s|^module.*|module = \"/usr/local/lib/vendor/libsofthsm2.so\"|" /etc/casemate/casemate.toml
		rm -f /etc/systemd/system/casemate-hsm.service.d/*.conf
		sed -i "/ExecPaths=/d; s|^LoadCredentialEncrypted=.*|LoadCredential=pin:/etc/casemate/pin|" /lib/systemd/system/casemate-hsm.service
		systemctl daemon-reload; systemctl restart casemate-hsm.service'
}

# act_upgrade_cut: the power fails when the newer package is unpacked and not yet configured.
act_upgrade_cut() {
	step "The power fails in the middle of an upgrade of an old box"
	as_old_box
	must "the old box takes deposits" soon 180 deposit_one
	must "dpkg --unpack of the newer version" inside dpkg --unpack "$(package two casemate-appliance)"
	cut_power
	power_on
	must "the newer units find what they want: deposits are taken" soon 180 deposit_one
	must "dpkg --configure" inside dpkg --configure --pending
	must "deposits are taken again" soon 180 deposit_one
	must "the PIN is encrypted now, the library is told of, and nothing else" inside sh -c "test -s $CRED && ! ls /etc/casemate/pin && [ \"\$(ls /etc/systemd/system/casemate-hsm.service.d)\" = library.conf ]"
	must "nothing acknowledged is lost" nothing_lost
	must "network rules again" inside nft -f /etc/nftables.conf
}

act_upgrade() {
	local pid before
	step "A newer package in the middle of a load"
	pid=$(main_pid casemate.service)
	before=$(acknowledged)
	: >"$LOGS/box-load.log"
	load_on
	soon 180 more_than $((before + 5))
	note "the PIN lies in plain, as an earlier version left it"
	as_earlier_version
	must "dpkg --install of the newer version" inside dpkg --install "$(package two casemate-appliance)"
	must "the newer program runs" soon 180 replaced casemate.service "$pid"
	before=$(acknowledged)
	soon 180 more_than $((before + 5))
	load_off
	must "the PIN is encrypted now, and in plain no more" inside sh -c "test -s $CRED && ! ls /etc/casemate/pin /etc/systemd/system/casemate-hsm.service.d/plain-pin.conf"
	must "its version is the newer one" inside sh -c 'casemated version | grep -q "+newer "'
	must "no caller found the door shut: some waited" sh -c "! grep -i 'connection refused' '$LOGS/box-load.log'"
	must "nothing acknowledged is lost" nothing_lost
	refused "the older package again" "is older" inside dpkg --install "$(package one casemate-appliance)"
	must "the newer one still serves" soon 180 deposit_one
}

act_remove() {
	step "Removed, and installed again"
	must "dpkg --remove" inside dpkg --remove casemate-appliance
	must "nothing of it runs" nobody_runs
	refused "an older version in its place" "is older" inside dpkg --install "$(package one casemate-appliance)"
	must "dpkg --install" inside dpkg --install "$(package two casemate-appliance)"
	must "the safe is back" soon 180 deposit_one
	must "nothing acknowledged is lost" nothing_lost
	must "dpkg --purge, where nobody can be asked" inside env DEBIAN_FRONTEND=noninteractive dpkg --purge casemate-appliance
	must "keeps the documents, the keys and the PIN" inside sh -c 'test -s /etc/casemate/pin.cred && ls -d /var/lib/casemate/mirror && find /var/lib/casemate-hsm | grep object'
	must "dpkg --install" inside dpkg --install "$(package two casemate-appliance)"
	must "the safe is back" soon 180 deposit_one
	must "nothing acknowledged is lost" nothing_lost
}

# act_destroy: the last act. Only who says so beforehand destroys.
act_out() {
	step "Nothing left the machine but what was configured"
	must "no packet was refused on its way out" nothing_refused_out
	must_not "the safe's user cannot call anybody else" inside_as casemate curl --silent --show-error --max-time 10 "http://$OUTSIDE:8080/"
	must_not "and that was counted" nothing_refused_out
}

# nothing_refused_out: the counter of the network rules; they are loaded anew at each boot.
nothing_refused_out() { inside nft list chain inet casemate output | grep -q 'counter packets 0 '; }

act_destroy() {
	step "Purged for good"
	inside sh -c "echo 'casemate-appliance casemate-appliance/destroy boolean true' | debconf-set-selections"
	must "dpkg --purge, after a yes" inside env DEBIAN_FRONTEND=noninteractive dpkg --purge casemate-appliance
	must "PIN, keys and state are gone" inside sh -c '! ls -d /etc/casemate /var/lib/casemate /var/lib/casemate-hsm 2>/dev/null'
	must "volumes on disks of their own are not touched" inside sh -c 'ls /srv/a/* /srv/b/*'
}
