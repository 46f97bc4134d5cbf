# shellcheck shell=bash disable=SC2034,SC2154 # names shared with who sources this
# The token's PIN, encrypted on the box: acts of check_machine; see life.sh.

CRED=/etc/casemate/pin.cred

# act_pin: where it lies; a box that is another machine by now; a wrong one; an upgrade that cannot encrypt.
act_pin() {
	local pid
	step "The PIN: encrypted on the disk, and given again"
	must "it lies encrypted, root's alone" inside sh -c "stat -c '%U %a' $CRED | grep -qx 'root 600' && ! ls /etc/casemate/pin"
	inside sh -c "umask 077; systemd-creds decrypt --name=pin $CRED - >/root/pin" 2>/dev/null
	must "nowhere in plain below /etc, /var and the services' folders" inside sh -c '! grep -rlF --file=/root/pin /etc /var /run/casemate /run/casemate-hsm'
	must "doctor says so" inside sh -c "casemated doctor | grep '$CRED is encrypted'"

	note "the machine's key is gone, as on another machine"
	inside sh -c 'mv /var/lib/systemd/credential.secret /root/; systemctl restart --no-block casemate-hsm.service'
	must "the token's unit fails, and says why" soon 60 inside sh -c 'journalctl --no-pager -b -u casemate-hsm | grep -i "credential"'
	must "casemated hsm pin, from a pipe" inside sh -c 'casemated hsm pin </root/pin'
	must "deposits are taken again" soon 90 deposit_one
	inside rm /root/credential.secret

	note "a wrong one is given"
	inside sh -c 'echo not-the-pin | casemated hsm pin'
	must "the token refuses it, once, and it is remembered" soon 60 inside test -e /var/lib/casemate-hsm/pin-refused.json
	must "casemated hsm pin, from a file" inside casemated hsm pin --file /root/pin
	must "deposits are taken again" soon 90 deposit_one
	must "what was refused is forgotten" inside test ! -e /var/lib/casemate-hsm/pin-refused.json

	note "systemd-creds fails while a package is configured on a box of an earlier version"
	as_earlier_version
	inside mount --bind /bin/false /usr/bin/systemd-creds
	must "the package is configured all the same" inside dpkg-reconfigure casemate-appliance
	must "the PIN is where it was, and the token's unit takes it" inside sh -c "test -s /etc/casemate/pin && ! ls $CRED && systemctl cat casemate-hsm | grep -qx 'LoadCredential=pin:/etc/casemate/pin'"
	pid=$(main_pid casemate-hsm.service)
	inside systemctl restart casemate-hsm.service
	must "the safe goes on with it" soon 90 deposit_one
	must "doctor says what to do" inside sh -c "casemated doctor | grep -A 1 'lies in plain' | grep 'casemated hsm pin --encrypt'"
	inside umount /usr/bin/systemd-creds
	must "casemated hsm pin --encrypt" inside casemated hsm pin --encrypt
	must "the unit takes the encrypted one again" inside sh -c "! ls /etc/casemate/pin && ! systemctl cat casemate-hsm | grep '^LoadCredential='"
	inside systemctl restart casemate-hsm.service
	must "deposits are taken again" soon 90 deposit_one
}

# as_earlier_version: the PIN as versions left it that did not encrypt.
as_earlier_version() {
	inside sh -ec "umask 077; cp /root/pin /etc/casemate/pin; rm $CRED"
}
