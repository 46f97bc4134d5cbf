# shellcheck shell=bash
# Installing what Debian 12 provides and this machine lacks; nothing else is touched: no package is removed,
# no service of a new one starts, now or at the next boot. Needs say.sh. Reads ROOT.

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
	if [ -d "$ROOT/.cache/debian/usr/sbin" ]; then PATH=$ROOT/.cache/debian/usr/sbin:$PATH; fi
	want=$(missing "$@")
	case " $want" in
	*' chrony '*) if command -v chronyd >/dev/null 2>&1; then want=${want/chrony /}; fi ;;
	esac
	if [ -z "${want// /}" ]; then return 0; fi
	if [ "$(id -u)" != 0 ]; then
		die "packages are missing and only root may install them: $want" \
			"run as root: apt-get install $want"
	fi
	note "installing from Debian: $want"
	log=$(mktemp)
	# A fresh machine has no package lists, or old ones: one update, then one more try.
	if ! get_packages "$want" >"$log" 2>&1; then
		if ! { DEBIAN_FRONTEND=noninteractive apt-get update -qq && get_packages "$want"; } >>"$log" 2>&1; then
			tail -n 15 "$log" | indent >&2
			die "apt-get could not install: $want" "see $log; is the package mirror reachable?"
		fi
	fi
	rm -f "$log"
}

# get_packages LIST: installs it. Debian has one time daemon at a time: where the machine has another, chrony's
# program alone is unpacked for this tree, and the machine keeps its own.
get_packages() {
	local want=$1 before
	case " $want " in
	*' chrony '*)
		if dpkg-query -W -f='${db:Status-Status} ${Package}: ${Provides}\n' | grep -E '^installed .*: .*time-daemon'; then
			unpack_for_us chrony || return
			PATH=$ROOT/.cache/debian/usr/sbin:$PATH
			want=${want/chrony /}
		fi
		;;
	esac
	if [ -z "${want// /}" ]; then return 0; fi
	before=$(enabled_units)
	# shellcheck disable=SC2086 # the list is words
	apt_install $want || return
	if [ -n "$before" ]; then # or no service manager was there for which anything could be enabled
		comm -13 <(echo "$before") <(enabled_units) | xargs --no-run-if-empty systemctl disable
	fi
}

# enabled_units: those that the next boot starts.
enabled_units() { find /etc/systemd/system -type l -path '*.wants/*' -printf '%f\n' 2>/dev/null | sort -u; }

# unpack_for_us PACKAGE: its files in .cache/debian; of what it depends on, the libraries are installed.
unpack_for_us() {
	local dir=$ROOT/.cache/debian libraries
	mkdir -p "$dir"
	(cd "$dir" && rm -f "$1"_*.deb && apt-get download -q "$1") || return
	libraries=$(dpkg-deb --field "$dir/$1"_*.deb Depends | tr ',' '\n' | sed -n 's/^ *\(lib[^ ]*\).*/\1/p')
	# shellcheck disable=SC2046,SC2086 # lists
	if [ -n "$(missing $libraries)" ]; then apt_install $(missing $libraries) || return; fi
	dpkg-deb --extract "$dir/$1"_*.deb "$dir" && rm -f "$dir/$1"_*.deb
}

# apt_install PACKAGE...: what maintainer scripts ask before they start a service says no, in a mount namespace
# of its own, so that whatever cuts this leaves no such answer behind: at most an empty file that answers nothing.
apt_install() {
	local policy=/usr/sbin/policy-rc.d made='' status=0
	if [ ! -e "$policy" ] && : >"$policy"; then made=yes; fi
	if unshare --mount true 2>/dev/null; then
		unshare --mount bash -euc '
			answer=$(mktemp)
			printf "#!/bin/sh\nexit 101\n" >"$answer"
			chmod 755 "$answer"
			mount --bind "$answer" "$1"
			rm "$answer"
			shift
			"$@"' - "$policy" "${APT_INSTALL[@]}" "$@" </dev/null || status=$?
	else # a container that may not: no service manager runs there
		"${APT_INSTALL[@]}" "$@" </dev/null || status=$?
	fi
	if [ -n "$made" ]; then rm -f "$policy"; fi
	return "$status"
}

APT_INSTALL=(env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends --no-remove)

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
