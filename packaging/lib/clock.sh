# shellcheck shell=bash
# A time server on loopback, real software (chronyd) with its own configuration: it never
# touches the system's clock (-x), takes no commands and asks nobody. What it tells is this
# machine's own clock, so the demo's clock policy is "flag": sealed, with what the clock is worth. Needs say.sh, process.sh.

# start_clock DIR PORT: chronyd on 127.0.0.1:PORT, its files under DIR.
start_clock() {
	mkdir -p "$1"
	cat >"$1/chrony.conf" <<-END
		# Written by the demo. One local source, told as it is: stratum 10.
		local stratum 10
		bindaddress 127.0.0.1
		allow 127.0.0.1
		port $2
		cmdport 0
		bindcmdaddress /
		pidfile $1/chronyd.pid
	END
	rm -f "$1/chronyd.pid"
	start chronyd "$(command -v chronyd || echo /usr/sbin/chronyd)" -x -d -u root -f "$1/chrony.conf"
	if ! await chronyd 60 udp_taken "$2"; then
		tail_of "$LOGS/chronyd.log"
		die "chronyd did not begin to serve time on 127.0.0.1:$2" "is that UDP port free?"
	fi
}

udp_taken() { ! port_free udp "$1"; }
