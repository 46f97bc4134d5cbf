# shellcheck shell=bash disable=SC2034,SC2154 # names shared with who sources this
# Deposits, receipts, and the checks of them. Needs say.sh, safe.sh. Reads ROOT DIR.

LARGE=$((1 << 30)) # a document from this size on stays out of its receipt
FAILED=0           # checks that did not say yes
DOCUMENTS=()       # what was deposited, by position
IDS=()
RECEIPTS=()

# deposit_all FILE...: deposits each; without any, the samples, once in the life of the safe.
deposit_all() {
	local file known
	if [ $# -gt 0 ]; then
		for file in "$@"; do deposit "$(realpath "$file")"; done
		return
	fi
	for file in "$ROOT"/packaging/samples/*.{pdf,png,txt,zip}; do
		known=$(awk -F '\t' -v f="$(basename "$file")" '$1 == "sample" && $2 == f {print $3}' "$DIR/deposits" 2>/dev/null | tail -n 1)
		if [ -n "$known" ]; then
			remember "$file" "$known"
			ok "$(basename "$file") is in the safe already: $known"
		else
			deposit "$file" sample
		fi
	done
}

# deposit FILE [KIND]
deposit() {
	local id
	if ! run "$DIR/bin/casemate" deposit --json --vault archives --meta source=demo "$1" >"$RUN/deposit.json" 2>"$LOGS/deposit.log"; then
		tail_of "$LOGS/deposit.log"
		die "$1 could not be deposited"
	fi
	id=$(sed -n 's/.*"id":"\([a-z2-7]\{26\}\)".*/\1/p' "$RUN/deposit.json" | head -n 1)
	if [ -z "$id" ]; then die "the safe gave no identifier for $1" "see $RUN/deposit.json"; fi
	printf '%s\t%s\t%s\n' "${2:-file}" "$(basename "$1")" "$id" >>"$DIR/deposits"
	remember "$1" "$id"
	ok "$(basename "$1") ($(size_of "$1") bytes) → $id"
}

# tell_clock: how good the safe attests that its clock was at the last deposit, in its own words.
tell_clock() {
	local clock reason
	clock=$("$DIR/bin/casemate" stat --json "${IDS[-1]}" | sed -n 's/.*"clock":{\([^}]*\)}.*/\1/p')
	reason=$(sed -n 's/.*"reason":"\([^"]*\)".*/\1/p' <<<"$clock")
	case $clock in
	'"trusted":true'*) ok "the time is attested as trusted" ;;
	'"trusted":false'*) note "the time is not attested as trusted: ${reason:-no reason is given}" ;;
	*) die "the safe says nothing of its clock for ${IDS[-1]}" ;;
	esac
}

remember() {
	DOCUMENTS+=("$1")
	IDS+=("$2")
	RECEIPTS+=("$DIR/receipts/$(basename "$1").${2:0:8}.asice")
}

size_of() { stat -L -c %s "$1"; }

# fetch_receipts: each receipt, complete, with its document inside unless that is very large.
fetch_receipts() {
	local i flags
	for i in "${!IDS[@]}"; do
		flags=(--wait=300s --force)
		if [ "$(size_of "${DOCUMENTS[i]}")" -ge "$LARGE" ]; then flags+=(--detached); fi
		if ! run "$DIR/bin/casemate" receipt "${flags[@]}" --output "${RECEIPTS[i]}" "${IDS[i]}" >"$LOGS/receipt.log" 2>&1; then
			tail_of "$LOGS/receipt.log"
			die "no complete receipt for $(basename "${DOCUMENTS[i]}")" "is the timestamp authority answering? see $LOGS/tsa.log"
		fi
	done
}

# judge TEXT COMMAND...: runs a check; its words are kept in LOGS/check.log and shown if it
# said no.
judge() {
	local text=$1
	shift
	if run "$@" >"$LOGS/check.log" 2>&1; then
		ok "$text"
	else
		bad "$text: no"
		indent <"$LOGS/check.log"
		FAILED=$((FAILED + 1))
	fi
}

# refuse STATUS TEXT COMMAND...: a check that must say no, with that very exit status: a command
# that failed for another reason proves nothing.
refuse() {
	local want=$1 text=$2 status=0
	shift 2
	run "$@" >"$LOGS/check.log" 2>&1 || status=$?
	if [ "$status" = "$want" ]; then
		ok "$text: refused"
		note "$(grep -E '^ *(FAIL|BAD|error:)' "$LOGS/check.log" | head -n 1 | sed 's|^ *||' | cut -c 1-150)"
	else
		bad "$text: exit status $status, not $want"
		indent <"$LOGS/check.log"
		FAILED=$((FAILED + 1))
	fi
}

# verify_all: each receipt by our program, offline, and by openssl alone; the first in full.
verify_all() {
	local i name
	for i in "${!IDS[@]}"; do
		name=$(basename "${DOCUMENTS[i]}")
		judge "$name: casemate verify" env -u CASEMATE_URL -u CASEMATE_CERT -u CASEMATE_KEY \
			"$DIR/bin/casemate" verify "${RECEIPTS[i]}" --document "${DOCUMENTS[i]}" --trust "$DIR/trust"
		if [ "$i" = 0 ]; then indent <"$LOGS/check.log"; fi
		judge "$name: verify.sh (sh, openssl and unzip)" \
			sh "$ROOT/packaging/verify.sh" "${RECEIPTS[i]}" "$DIR/trust" "${DOCUMENTS[i]}"
		if [ "$i" = 0 ]; then indent <"$LOGS/check.log"; fi
	done
}

# read_back_all: the very bytes, and the safe's own control of what lies on its volumes.
read_back_all() {
	local i name
	for i in "${!IDS[@]}"; do
		name=$(basename "${DOCUMENTS[i]}")
		judge "$name: what comes out is what went in" same_bytes "${IDS[i]}" "${DOCUMENTS[i]}"
		judge "$name: both volumes, seal, timestamp and journal checked by the safe" \
			"$DIR/bin/casemate" check "${IDS[i]}"
	done
}

same_bytes() { (set -o pipefail && "$DIR/bin/casemate" get "$1" --output - | cmp - "$2"); }

# smallest: the position of the smallest document.
smallest() {
	local i small=0
	for i in "${!DOCUMENTS[@]}"; do
		if [ "$(size_of "${DOCUMENTS[i]}")" -lt "$(size_of "${DOCUMENTS[small]}")" ]; then small=$i; fi
	done
	printf '%s' "$small"
}

# tell_journal: what the auditor, who may read nothing else, finds about one document.
tell_journal() {
	"$DIR/bin/casemate" --cert "$DIR/clients/auditor.crt" --key "$DIR/clients/auditor.key" \
		journal --object "${IDS[$(smallest)]}" | tail -n 8 | sed -E 's|  [a-z2-7]{26}||g; s|^ +||' | indent
}

# try_to_cheat: what must be refused is refused: another byte, another authority, no certificate.
try_to_cheat() {
	local small forged="$RUN/forged"
	small=$(smallest)
	{ cat "${DOCUMENTS[small]}" && printf ' '; } >"$forged"
	refuse 5 "one byte more in $(basename "${DOCUMENTS[small]}"), judged by casemate verify" \
		"$DIR/bin/casemate" verify "${RECEIPTS[small]}" --document "$forged" --trust "$DIR/trust"
	refuse 5 "the same, judged by verify.sh" \
		sh "$ROOT/packaging/verify.sh" "${RECEIPTS[small]}" "$DIR/trust" "$forged"
	rm -rf "$RUN/trust"
	cp -r "$DIR/trust" "$RUN/trust"
	cp "$DIR/access.pem" "$RUN/trust/seal.pem"
	refuse 5 "a seal that the access authority would vouch for" \
		sh "$ROOT/packaging/verify.sh" "${RECEIPTS[small]}" "$RUN/trust" "${DOCUMENTS[small]}"
	refuse 3 "a caller with the auditor's certificate who wants to read" \
		"$DIR/bin/casemate" --cert "$DIR/clients/auditor.crt" --key "$DIR/clients/auditor.key" get "${IDS[small]}" --output "$RUN/stolen"
	rm -rf "$forged" "$RUN/trust"
}
