# shellcheck shell=bash
# Installing what Debian 12 provides and this machine lacks; nothing else is touched.
# Needs say.sh.

# missing PACKAGE...: prints those that are not installed.
missing() {
	local p
	for p in "$@"; do
		if [ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null || true)" != installed ]; then
			printf '%s ' "$p"
		fi
	done
}

# need_packages PACKAGE...: installs the missing ones, quietly.
need_packages() {
	local want log
	if ! command -v dpkg-query >/dev/null 2>&1; then
		die "this is not a Debian system: dpkg-query is missing" \
			"run it on Debian 12, or install the equivalents of: $*"
	fi
	want=$(missing "$@")
	if [ -z "$want" ]; then return 0; fi
	if [ "$(id -u)" != 0 ]; then
		die "packages are missing and only root may install them: $want" \
			"run as root: apt-get install $want"
	fi
	note "installing from Debian: $want"
	log=$(mktemp)
	# A fresh machine has no package lists, or old ones: one update, then one more try.
	# shellcheck disable=SC2086 # the list is words
	if ! apt_install $want >"$log" 2>&1; then
		if ! { DEBIAN_FRONTEND=noninteractive apt-get update -qq && apt_install $want; } >>"$log" 2>&1; then
			tail -n 15 "$log" | indent >&2
			die "apt-get could not install: $want" "see $log; is the package mirror reachable?"
		fi
	fi
	rm -f "$log"
}

apt_install() {
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null
}

# need_go ROOT: a Go new enough for ROOT/go.mod, on PATH or where the official archive puts it.
need_go() {
	local want have
	if ! command -v go >/dev/null 2>&1 && [ -x /usr/local/go/bin/go ]; then
		PATH=$PATH:/usr/local/go/bin
		export PATH
	fi
	if ! command -v go >/dev/null 2>&1; then
		die "Go is missing" "install it from https://go.dev/dl/ (the version of go.mod or newer) and put it on PATH"
	fi
	want=$(sed -n 's/^go \([0-9.]*\).*/\1/p' "$1/go.mod")
	have=$(go env GOVERSION)
	have=${have#go}
	# GOTOOLCHAIN=auto fetches a newer one by itself: only a "local" Go can be too old.
	if [ "$(printf '%s\n%s\n' "$want" "${have%% *}" | sort -V | head -n 1)" != "$want" ] &&
		[ "$(go env GOTOOLCHAIN)" = local ]; then
		die "Go $have is too old: go.mod asks for $want" "install Go $want, or unset GOTOOLCHAIN=local"
	fi
}
