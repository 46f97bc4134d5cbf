# shellcheck shell=bash disable=SC2034,SC2154 # names shared with who sources this
# The steps of packaging/test: check_NAME each, in the module's top folder. Needs say.sh,
# install.sh, process.sh. Reads ROOT OUT WORK LONG; counts PASSED and BROKEN.

GOLANGCI=v2.14.0

# The packages in which things happen side by side: tested under the race detector, the others
# without, each once. (The appliance's own tests drive whole processes, which it cannot see into.)
RACE='./appliance/api ./appliance/client ./appliance/web ./hsm/... ./raid/volume ./raid/disk ./store ./store/journal
	./store/timestamp ./systemd'

# attempt NAME: one step, its words in OUT/NAME.log, shown when it failed.
attempt() {
	local begin=$SECONDS status=0
	step "$1"
	ALONE_TOO=$OUT/$1.alone
	: >"$ALONE_TOO"
	(
		set -eu # a subshell of its own, or "if" would switch it off
		"check_$1"
	) >"$OUT/$1.log" 2>&1 </dev/null &
	RUNNING=$!
	wait "$RUNNING" || status=$?
	if [ "$status" = 0 ]; then
		PASSED=$((PASSED + 1))
		ok "$1, $((SECONDS - begin)) s"
		if [ -s "$OUT/$1.alone" ]; then note "passed only when asked again, alone: $(tr '\n' ' ' <"$OUT/$1.alone")"; fi
	else
		BROKEN=$((BROKEN + 1))
		tail -n 200 "$OUT/$1.log" | indent
		bad "$1, $((SECONDS - begin)) s; all of it is in $OUT/$1.log"
	fi
	RUNNING=''
}

check_format() {
	local unformatted module
	unformatted=$(git ls-files '*.go' | xargs gofmt -l)
	if [ -n "$unformatted" ]; then
		printf 'not as gofmt writes it:\n%s\n' "$unformatted"
		return 1
	fi
	go mod verify
	for module in $(go list -m -f '{{if not (or .Main .Indirect)}}{{.Path}}{{end}}' all); do
		if ! grep -qF "\`$module\`" CONTRIBUTING.md; then
			echo "CONTRIBUTING.md does not say why $module earns its place"
			return 1
		fi
	done
}

check_vet() { go vet ./...; }

check_lint() {
	local linter=$ROOT/.cache/bin/golangci-lint
	if ! "$linter" version 2>/dev/null | grep -q "${GOLANGCI#v} "; then
		GOBIN=$ROOT/.cache/bin go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$GOLANGCI"
	fi
	"$linter" run ./...
}

check_shell() {
	git ls-files | while read -r file; do
		case $file in
		*.sh) printf '%s\n' "$file" ;;
		*) if head -c 20 "$file" | grep -qE '^#!/bin/(ba)?sh'; then printf '%s\n' "$file"; fi ;;
		esac
	done | xargs shellcheck -x -S warning
}

check_go() {
	# shellcheck disable=SC2046,SC2086 # lists
	tests -timeout=30m -skip="$CAMPAIGN" $(comm -23 <(go list ./... | sort) <(go list $RACE | sort))
	# shellcheck disable=SC2086 # patterns
	tests -timeout=30m -run=MemoryIs $RACE # the race detector takes several times the memory it watches
	tests -timeout=30m -run="$ALONE" ./store
}

# tests FLAG=VALUE... PACKAGE...: go test. Packages are tested side by side, and a machine that starves them
# all makes processes miss the deadlines a test is about; so up to three tests that failed are asked once
# more, alone, and stand in the summary until they are mended. What did not build or panicked is not.
tests() {
	local said=$WORK/go-said flags=() argument package name failed
	go test "$@" >"$said" 2>&1 && cat "$said" && return
	cat "$said"
	if grep -qE '^(panic:|fatal error:|WARNING: DATA RACE)|\[(build|setup) failed\]' "$said"; then return 1; fi
	failed=$(awk '/^--- FAIL: / { names = names "|" $3 }
		/^FAIL\t/ { print $2, names == "" ? "-" : substr(names, 2); names = "" }' "$said")
	if [ -z "$failed" ] || [ "$(printf '%s\n' "$failed" | tr '|' '\n' | wc -l)" -gt 3 ]; then return 1; fi
	for argument in "$@"; do
		case $argument in -run=* | -skip=*) ;; -*) flags+=("$argument") ;; esac
	done
	while read -r package name; do
		if [ "$name" = - ]; then return 1; fi
		printf '── once more, alone: %s %s\n' "$package" "$name"
		go test "${flags[@]}" -count=1 -run="^($name)\$" "$package" || return 1
		printf '%s %s\n' "$package" "$name" >>"$ALONE_TOO"
	done <<<"$failed"
}

# ALONE is what of the safe's tests does one thing after another, at length; the others run under the race
# detector.
ALONE='^Test(CrashAtEveryStep|FullVolumes|Pending|FactsOfAMillion|Fsck|OrphanSegments|RoundsAreManyAndFound|ScrubVolumeLeaves)'

# CAMPAIGN is the fault campaign of the mirror (raid/DESIGN.md); volumes struck by the dozen gain nothing
# from the race detector but time.
CAMPAIGN='^Test(Campaign|TrapsAreCaught|OneVolumeStruck|BothVolumesStruck|MachineLosesPower|EachSystemCallFails|EachStepOf|EachKindOfFileHarmed|TableRotsUnderReaders|MountedOver|WholesHarmed)'

check_race() {
	# shellcheck disable=SC2086 # patterns
	tests -race -timeout=30m -skip="MemoryIs|$ALONE" $RACE
	# Of the mirror's tests, those of its inner order; the others drive processes against deadlines.
	tests -race -timeout=30m -run='WhileAnother|RepairAgainst' ./raid
}

# check_campaign: faults by the hundred on real file systems, while documents are written and read. What
# was struck and what was lost stands in its log.
check_campaign() {
	local limit=20m
	if [ -n "$LONG" ]; then limit=12h; fi
	go test -timeout "$limit" -v -run "$CAMPAIGN" ./raid
}

check_fuzz() {
	local file target time=2s said=$WORK/fuzz-said
	if [ -n "$LONG" ]; then time=60s; fi
	git grep -noE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | while IFS=: read -r file _ target; do
		printf '── %s %s\n' "$file" "${target#func }"
		if ! fuzz_once >"$said" 2>&1; then
			cat "$said"
			# Go before 1.27 may take the end of the time given for a failure (golang/go#75804); no
			# input is named then, and the target is run once more.
			if grep -q 'Failing input' "$said" || ! grep -q 'context deadline exceeded' "$said"; then return 1; fi
			fuzz_once >"$said" 2>&1 || { cat "$said"; return 1; }
		fi
		cat "$said"
	done
}

# fuzz_once: check_fuzz's target of the moment.
fuzz_once() {
	go test -run '^$' -fuzz "^${target#func }\$" -fuzztime "$time" "./$(dirname "$file")"
}

# check_demo: from nothing, on files somebody would bring.
check_demo() {
	head -c 3000000 /dev/urandom >"$WORK/photograph — été.raw"
	: >"$WORK/empty"
	./packaging/demo --dir "$WORK/demo" --port "$(some_port)" --once \
		packaging/samples/* "$WORK/photograph — été.raw" "$WORK/empty"
	by_hand
}

# by_hand: the commands of README.md say yes to a receipt of the demo, each of them, and no when
# its evidence record is that of another.
by_hand() {
	local hand=$WORK/hand
	mkdir -p "$hand"
	ln -sfn "$WORK/demo" "$hand/.demo"
	awk '/^```$/ { inside = 0 } /^unzip contract\.asice/ { inside = 1 } inside' README.md >"$hand/commands"
	cp "$WORK"/demo/receipts/deed.pdf.*.asice "$hand/contract.asice"
	(cd "$hand" && sh -eu commands >said)
	cat "$hand/said"
	grep -qx 'all parts are listed' "$hand/said"
	grep -A 1 '^X509v3 Key Usage: critical$' "$hand/said" | grep -qx ' *Non Repudiation'
	if grep -q 'Extended Key Usage' "$hand/said"; then return 1; fi

	unzip -p "$WORK"/demo/receipts/minutes.txt.*.asice META-INF/evidencerecord001.ers >"$hand/other"
	sed -i -e 's|^unzip .*|cd r; T=../.demo/trust; cp ../other META-INF/evidencerecord001.ers|' "$hand/commands"
	(cd "$hand" && sh -u commands >said 2>&1) || true
	if grep -x 'all parts are listed' "$hand/said"; then
		echo "the commands by hand took another's evidence record"
		return 1
	fi
}

check_again() {
	./packaging/demo --dir "$WORK/demo" --port "$(some_port)" --once
	test ! -e "$WORK/demo/ready"
	"$WORK/demo/bin/casemated" fsck --config "$WORK/demo/casemate.toml"
}

# check_stop: what a script relies on: ready, env, and nothing left after SIGTERM.
check_stop() {
	local dir=$WORK/demo process
	start demo ./packaging/demo --dir "$dir" --port "$(some_port)"
	if ! await demo 300 test -e "$dir/ready"; then
		cat "$LOGS/demo.log"
		return 1
	fi
	# shellcheck disable=SC1091 # written by the demo
	. "$dir/env"
	printf 'from outside\n' >"$WORK/outside.txt"
	"$dir/bin/casemate" deposit --vault archives --wait --receipt "$WORK/outside.asice" "$WORK/outside.txt"
	sh packaging/verify.sh "$WORK/outside.asice" "$dir/trust" "$WORK/outside.txt"
	stop demo 300
	test ! -e "$dir/ready"
	nothing_left "$dir"

	# It does not go on without those it asks.
	start demo ./packaging/demo --dir "$dir" --port "$(some_port)"
	await demo 300 test -e "$dir/ready"
	read -r process _ <"$dir/run/tsa.pid"
	kill -KILL "$process"
	if wait "$(cut -d ' ' -f 1 "$RUN/demo.pid")"; then
		echo "the demo ended well without its timestamp authority"
		return 1
	fi
	grep 'the timestamp authority stopped by itself' "$LOGS/demo.log"
	test ! -e "$dir/ready"
	nothing_left "$dir"
}

# nothing_left DIR: no program of that demonstration runs any more.
nothing_left() {
	local process
	for process in /proc/[0-9]*; do
		case $(readlink "$process/exe") in
		"$1"/bin/*) echo "this stayed behind: $(tr '\0' ' ' <"$process/cmdline")" && return 1 ;;
		esac
	done
}

# some_port: a port with two free neighbours.
some_port() {
	local port=18443
	until port_free tcp "$port" && port_free tcp $((port + 1)) && port_free udp $((port + 2)); do port=$((port + 3)); done
	printf '%s' "$port"
}

# clean_up: stops what runs, removes what was made.
clean_up() {
	local status=$?
	trap '' TERM INT HUP
	set +e
	# shellcheck disable=SC2046 # numbers
	if [ -n "$RUNNING" ]; then kill -TERM $(tree_of "$RUNNING") 2>/dev/null; fi
	stop demo 300
	rm -rf "$WORK"
	exit "$status"
}
