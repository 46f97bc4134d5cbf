# shellcheck shell=bash disable=SC2034,SC2154 # names shared with who sources this
# A box is installed, set up and used: the first acts of check_machine; see life.sh.

act_install() {
	step "A bare Debian 12, switched on; the packages are installed"
	inside dpkg --install "$(package one casemate-appliance)" "$(package one casemate)" >"$LOGS/box-install.log" 2>&1 ||
		{ tail -n 20 "$LOGS/box-install.log" | indent && return 1; }
	must "it says what comes next" grep -q 'casemated setup' "$LOGS/box-install.log"
	must "users casemate and casemate-hsm are there" inside id casemate casemate-hsm
	must "the services are enabled" inside systemctl is-enabled casemate.socket casemate.service casemate-hsm.service
	must_not "nothing runs before the set-up" inside systemctl is-active casemate.socket casemate.service casemate-hsm.service
	must "starting it before the set-up does nothing, and harms nothing" inside systemctl start casemate.service
	must_not "no door is open" outside curl --silent --insecure --max-time 5 "https://$BOX:8443/"
	must "the manual is there in both languages" inside test -s /usr/share/man/man8/casemated.8.gz -a -s /usr/share/man/fr/man8/casemated.8.gz
}

# act_set_up: unattended, from a file of answers; first one that must be refused.
act_set_up() {
	step "Set-up: a software token, two disks, a time server and an authority outside"
	inside mkdir -p /root/set-up
	cp "$WORK/tsa/tsa.pem" "$WORK/box/root/root/set-up/tsa.pem"
	answers >"$WORK/box/root/root/set-up/answers.toml"
	sed 's|^dir = "/srv/b"|dir = "/srv/a"|' "$WORK/box/root/root/set-up/answers.toml" >"$WORK/box/root/root/set-up/wrong.toml"
	refused "the same disk twice" "inside another" inside casemated setup --answers /root/set-up/wrong.toml
	must "nothing is left of it" inside sh -c '! ls /etc/casemate/casemate.toml /etc/casemate/pin* 2>/dev/null'
	must "casemated setup --check finds nothing against it" inside casemated setup --answers /root/set-up/answers.toml --check
	must "casemated setup" inside casemated setup --answers /root/set-up/answers.toml
	sed -n '/[Nn]ext/,$p' "$LOGS/box-must.log" | indent
	refused "a second set-up" "nothing is overwritten" inside casemated setup --answers /root/set-up/answers.toml
	mkdir -p "$WORK/handed"
	cp -r "$WORK"/box/root/etc/casemate/handed-out/. "$WORK/handed/"
	must "the service manager learns of it" inside systemctl daemon-reload
	note "a round every 2 s instead of 10 minutes, so that nobody waits"
	inside sed -i 's|^interval = "10m"|interval = "2s"|' /etc/casemate/casemate.toml
}

answers() {
	cat <<-END
		origin = "casemate.example/box"
		names = ["$BOX"]
		listen = "0.0.0.0:8443"
		monitor = "$BOX:9464"
		demonstration = true

		[[volume]]
		dir = "/srv/a"

		[[volume]]
		dir = "/srv/b"

		[token]
		module = "/usr/lib/softhsm/libsofthsm2.so"
		label = "casemate"

		[clock]
		# The one server outside tells the clock of the machine below; a container cannot keep its own.
		servers = ["$OUTSIDE"]
		policy = "flag"

		[[authority]]
		name = "outside"
		url = "http://$OUTSIDE:3161/"
		roots = "tsa.pem"
		policies = ["$TSA_POLICY"]

		[[person]]
		name = "admin"
		roles = ["administrator"]

		[[person]]
		name = "ada"
		roles = ["officer"]

		[[person]]
		name = "bob"
		roles = ["officer"]

		[[person]]
		name = "depositor"
		roles = ["depositor", "reader"]
	END
}

act_network() {
	step "Network rules: the example of the package, filled in for this place"
	sed -e "s|^define CALLERS_4 = .*|define CALLERS_4 = { $OUTSIDE }|" -e "s|^define TIME_SERVERS = .*|define TIME_SERVERS = { $OUTSIDE }|" \
		-e "s|^define AUTHORITIES = .*|define AUTHORITIES = { $OUTSIDE }|" -e 's|^define AUTHORITY_PORTS = .*|define AUTHORITY_PORTS = { 3161 }|' \
		-e "s|^define SUPERVISION = .*|define SUPERVISION = { $OUTSIDE }|" \
		"$WORK/box/root/usr/share/doc/casemate-appliance/examples/casemate.nft" >"$WORK/box/root/etc/nftables.conf"
	must "nft takes them" inside nft -f /etc/nftables.conf
}

act_start() {
	step "Start"
	must "systemctl start casemate" inside systemctl start casemate.socket casemate.service
	must "the safe and the token's process are ready" inside systemctl is-active casemate.socket casemate.service casemate-hsm.service
	note "$(inside systemctl show --property StatusText casemate.service)"
	must "the door and the monitor's listen, and nothing else does" only_doors_listen
}

only_doors_listen() {
	inside ss -H --listening --tcp --udp --numeric >"$LOGS/box-ss.log"
	cat "$LOGS/box-ss.log"
	[ "$(awk '{print $5}' "$LOGS/box-ss.log" | sed 's/.*://' | sort -u | tr '\n' ' ')" = '8443 9464 ' ]
}

act_health() {
	step "How it is, told to whoever asks"
	must "casemated health" inside casemated health
	must "the same, as a unit that a timer starts" inside systemctl start casemate-health.service
	must "/readyz, from outside" outside curl --silent --show-error --fail --max-time 60 "http://$BOX:9464/readyz"
	must "/metrics has the version" sh -c "ip netns exec $NET-out curl --silent --fail --max-time 60 http://$BOX:9464/metrics | grep '^casemate_build_info{.*version=\"'"
	inside casemated doctor >"$LOGS/box-doctor.log" 2>&1 || true
	note "casemated doctor:"
	indent <"$LOGS/box-doctor.log"
}

act_deposit() {
	step "From outside: a deposit over HTTPS, and its receipt verified there"
	cp "$ROOT/packaging/samples/deed.pdf" "$WORK/deed.pdf"
	must "the administrator opens a vault" client admin vault create archives
	must "a deposit, proved by the authority outside" client depositor deposit --vault archives --wait --receipt "$WORK/deed.asice" "$WORK/deed.pdf"
	must "casemate verify, offline" "$WORK/bin/casemate" verify "$WORK/deed.asice" --document "$WORK/deed.pdf" --trust "$WORK/handed/trust"
	must "verify.sh: openssl and unzip alone" sh "$ROOT/packaging/verify.sh" "$WORK/deed.asice" "$WORK/handed/trust" "$WORK/deed.pdf"
	: >"$WORK/acknowledged"
	must "one more, small" deposit_one
}
