# shellcheck shell=bash disable=SC2034,SC2154 # names shared with who sources this
# A timestamp authority (RFC 3161) on loopback: packaging/tsa, `openssl ts` behind HTTP, in a
# process of its own with a key of its own. Needs say.sh, process.sh.

TSA_POLICY=1.2.3.4.1 # the policy of openssl's own manual, ts(1)

# start_authority DIR PORT: on 127.0.0.1:PORT, its key under DIR, its root in DIR/tsa.pem.
start_authority() {
	start tsa "$DIR/bin/tsa" --dir "$1" --listen "127.0.0.1:$2"
	if ! await tsa 120 grep -q '^listening on ' "$LOGS/tsa.log"; then
		tail_of "$LOGS/tsa.log"
		die "the timestamp authority did not start on 127.0.0.1:$2" "is that port free?"
	fi
}
