# shellcheck shell=bash disable=SC2034,SC2154 # names shared with who sources this
# The programs of a delivery, stamped with version and commit. Needs say.sh. Reads ROOT WORK OUT; sets
# VERSION SOURCE_DATE_EPOCH MADE.

# The systems a client is built for; each is one file that needs nothing.
CLIENTS='linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64'

# name_the_build: the version, and the commit's time, which stands for every time in a package.
name_the_build() {
	local tag
	MADE=$WORK/made
	mkdir -p "$MADE"
	STAMP=true
	if ! git -C "$ROOT" rev-parse HEAD >/dev/null 2>&1; then
		STAMP=false # an export: no commit to stamp
		if [ -z "$VERSION" ] || [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
			die "this tree is no clone, and has neither version nor time" "give --version and set SOURCE_DATE_EPOCH"
		fi
	else
		SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$ROOT" log -1 --format=%ct)}
	fi
	export SOURCE_DATE_EPOCH
	if [ -z "$VERSION" ]; then
		tag=$(git -C "$ROOT" describe --exact-match --match 'v[0-9]*' HEAD 2>/dev/null || true)
		VERSION=${tag#v}
	fi
	if [ -z "$VERSION" ]; then # before the release that packaging/VERSION names, in the order of commits
		VERSION=$(cat "$ROOT/packaging/VERSION")~$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d.%H%M%S).$(git -C "$ROOT" rev-parse --short=12 HEAD)
	fi
	case $VERSION in
	[0-9]*) ;;
	*) die "$VERSION is no version" "it begins with a digit, like 1.2.3" ;;
	esac
	case $VERSION in
	*[!0-9A-Za-z.+~]*) die "$VERSION is no version" "digits, letters, points, + and ~ only" ;;
	esac
	if [ "$STAMP" = true ] && [ -n "$(git -C "$ROOT" status --porcelain --untracked-files=no)" ]; then
		note "what is not committed is built in: the programs say that they were modified"
	fi
}

# compile DIR LDFLAGS PACKAGE: one program into DIR.
compile() {
	if ! go -C "$ROOT" build -trimpath -buildvcs="$STAMP" -ldflags "-s -w $2" ${MODE:+"$MODE"} -o "$1" "$3"; then
		die "$3 could not be built" "the lines above say why; modules come through GOPROXY=$(go env GOPROXY)"
	fi
}

# build_host_programs: the daemon and the client for this machine. The daemon loads the vendor's module
# with dlopen, hence cgo, and with it a position independent program whose relocations are read-only.
build_host_programs() {
	MODE=-buildmode=pie CGO_ENABLED=1 compile "$MADE/" \
		"-X casemate/appliance.version=$VERSION -linkmode=external -extldflags=-Wl,-z,relro,-z,now" ./appliance/cmd/casemated
	MODE='' CGO_ENABLED=0 compile "$MADE/" "-X main.release=$VERSION" ./appliance/cmd/casemate
}

# build_clients: the client for each system, named after version and system.
build_clients() {
	local system arch file
	for pair in $CLIENTS; do
		system=${pair%/*} arch=${pair#*/}
		file=casemate_${VERSION}_${system/darwin/macos}_$arch
		if [ "$system" = windows ]; then file=$file.exe; fi
		MODE='' CGO_ENABLED=0 GOOS=$system GOARCH=$arch compile "$OUT/$file" "-X main.release=$VERSION" ./appliance/cmd/casemate
		ok "$file"
	done
}
