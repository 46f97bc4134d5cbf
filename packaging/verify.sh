#!/bin/sh
# verify.sh RECEIPT TRUSTDIR [DOCUMENT...]
#
# Verifies a Casemate receipt with sh, openssl (3.0 or later), unzip and the
# POSIX text tools: no safe, no network, no other software of ours.
#
#   RECEIPT    the .asice file
#   TRUSTDIR   seal.pem tsa.pem journal.vkey, had from elsewhere than the receipt
#   DOCUMENT   the documents, if the receipt does not carry them; any order
#
# One line a check. Exit status:
#   0  verified
#   2  it could not be tried: usage, a tool or the trust is missing
#   5  refused: a check failed
#   9  provisional: all that can be checked holds, but there is no timestamp yet
#
# Get this script where you got TRUSTDIR. The copy in a receipt comes from whoever
# made the receipt; so does the trust in it, which this script never reads.
#
# shellcheck disable=SC2015,SC2016,SC2030,SC2031,SC2059

set -eu
LC_ALL=C
OPENSSL_CONF=/dev/null
export LC_ALL OPENSSL_CONF
unset OPENSSL_MODULES OPENSSL_ENGINES SSL_CERT_FILE SSL_CERT_DIR UNZIP UNZIPOPT ZIPINFO ZIPINFOOPT CDPATH
IFS='
 	'
umask 077

# The certificate policy of Casemate seals: this, and not only a path to
# seal.pem, is what makes a certificate one that may seal.
SEAL_POLICY=2.25.81084165407728987652634774914507603864

META_MAX=1048576        # bytes of a part
ATTESTATION_MAX=4194304 # bytes of attestation.json
FILES_MAX=2048          # documents

# plain STRING: the same with control characters written \ooo, so that a name
# cannot move a terminal's cursor. After a byte of 128 and more those of 128 to
# 159 are the rest of a letter in UTF-8, except after 194.
plain() {
	printf '%s' "$1" | od -An -v -tu1 | awk '{
		for (i = 1; i <= NF; i++) {
			control = $i < 32 || $i == 127 || ($i > 127 && $i < 160 && (last < 128 || last == 194))
			printf (control ? "\\%03o" : "%c"), $i
			last = $i
		}
	}'
}
say() { printf '%-7s %-12s %s\n' "$1" "$2" "$(plain "$3")"; }
ok() { say ok "$1" "$2"; }
refuse() {
	say FAIL "$1" "$2"
	echo "NOT VERIFIED: do not rely on this receipt." >&2
	exit 5
}
cannot() {
	printf 'verify.sh: error: %s\n' "$(plain "$1")" >&2
	exit 2
}

# ---- bytes, digests, numbers -------------------------------------------------

# hex lines on stdin to bytes on stdout.
unhex() {
	printf "$(awk '{
		for (i = 1; i < length($0); i += 2)
			printf "\\%03o", 16 * index("123456789abcdef", substr($0, i, 1)) + index("123456789abcdef", substr($0, i + 1, 1))
	}')"
}
# bytes on stdin to one line of hex.
hex() {
	od -An -v -tx1 | tr -d ' \n'
	echo
}
# digest of stdin, or of a file: digest sha256 [FILE]
digest() {
	if [ $# -gt 1 ]; then openssl dgst "-$1" -r <"$2"; else openssl dgst "-$1" -r; fi | cut -d ' ' -f 1
}
# hex digest on stdin to the base64 of its bytes.
hex64() { unhex | openssl base64 -A; }
# bytes OFFSET LENGTH of a file.
slice() { dd if="$1" bs=1 skip="$2" count="$3" 2>/dev/null; }
# is_hex64 STRING: 64 lower-case hexadecimal digits?
is_hex64() {
	case $1 in *[!0-9a-f]*) return 1 ;; esac
	[ ${#1} = 64 ]
}
# is_number STRING: a plain decimal number below 10^18?
is_number() {
	case $1 in '' | *[!0-9]* | 0?*) return 1 ;; esac
	[ ${#1} -le 18 ]
}

# A walker over DER, for awk: HEX holds the bytes. der(at, end, tag) reads one
# header and sets P (content), L (its length), N (what follows). Indefinite,
# overlong and overrunning lengths are refused. The printed form of openssl
# asn1parse is not used for this: text inside certificates may break its lines.
DER='
function h(at, n) { return substr(HEX, 2 * at + 1, 2 * n) }
function byte(at) { return 16 * index(D, substr(HEX, 2 * at + 1, 1)) + index(D, substr(HEX, 2 * at + 2, 1)) }
function bad(why) { print "bad " why; FAILED = 1; exit 1 }
function der(at, end, tag,   i, n) {
	if (at + 2 > end || h(at, 1) != tag) bad("want tag " tag " at byte " at)
	L = byte(at + 1); P = at + 2
	if (L == 128 || L > 131) bad("length at byte " at)
	if (L > 128) {
		n = L - 128; L = 0
		if (P + n > end) bad("length at byte " at)
		for (i = 0; i < n; i++) L = 256 * L + byte(P + i)
		P += n
		if (L < 128 || (n == 2 && L < 256) || (n == 3 && L < 65536)) bad("length at byte " at)
	}
	N = P + L
	if (N > end) bad("overrun at byte " at)
}
BEGIN { D = "123456789abcdef" }
{ HEX = HEX $0 }
'

# Numbers of a container, for awk, after DER: u reads little-endian bytes, le
# writes them.
ZIP='
function u(at, n,   v) { v = 0; while (n-- > 0) v = 256 * v + byte(at + n); return v }
function le(v, n,   s) { s = ""; while (n-- > 0) { s = s sprintf("%02x", v % 256); v = int(v / 256) } return s }
'

# ---- the container -----------------------------------------------------------

# list_receipt: names, sizes and method of every entry, held to what the safe
# writes, before anything is taken out.
list_receipt() {
	[ "$(slice "$zip" 30 39)" = "mimetypeapplication/vnd.etsi.asic-e+zip" ] || refuse receipt "it does not begin with its media type"
	unzip -Z1 "$zip" >"$work/names" 2>/dev/null </dev/null || refuse receipt "not a sound ZIP container"
	unzip -Z -l "$zip" >"$work/long" 2>/dev/null </dev/null || refuse receipt "not a sound ZIP container"
	awk -v meta=$META_MAX -v attestation=$ATTESTATION_MAX -v most=$FILES_MAX '
		function bad(why) { print why; FAILED = 1; exit 1 }
		FILENAME == ARGV[1] { name[++count] = $0; next }
		FNR <= 2 || $0 ~ /^[0-9]+ files?, / { next }
		{
			if (NF != 10 || $10 != name[++seen] || $10 in had) bad("its listing is not plain")
			had[$10] = 1
			if ($7 != "stor" || $4 != $6 || $5 !~ /^[bt]/) bad("an entry is not plainly stored")
			if ($4 !~ /^[0-9]+$/) bad("its listing is not plain")
			if ($10 ~ /^document-[0-9][0-9][0-9][0-9](\.[a-z0-9]+)?$/) {
				if (length($10) > 22 || ++documents > most) bad("too many documents, or a strange name")
				next
			}
			if ($10 !~ /^(mimetype|attestation\.json|META-INF\/(fingerprint\.txt|ASiCManifest001\.xml|signature001\.p7s|inclusion\.tlog-proof|ASiCEvidenceRecordManifest001\.xml|evidencerecord001\.ers|notbefore\.tst|verify\.sh|trust\/(seal\.pem|tsa\.pem|journal\.vkey)))$/)
				bad("an entry of unknown name")
			if ($4 + 0 > ($10 == "attestation.json" ? attestation : meta)) bad("a part is too large")
		}
		END { if (!FAILED && (count == 0 || seen != count || name[1] != "mimetype")) print "its listing is not plain" }
	' "$work/names" "$work/long" >"$work/complaint" || :
	[ ! -s "$work/complaint" ] || refuse receipt "$(cat "$work/complaint")"
}

# check_layout: the container is its entries, one after the other from the first
# byte, then at once their list and its end, and nothing else: every byte that is
# no content is written again, as the safe writes it, and compared. So whoever
# walks the file another way finds no other receipt in it.
check_layout() {
	length=$(($(wc -c <"$zip")))
	[ "$length" -ge 98 ] || refuse receipt "it is cut"
	ending=$(tail -c 98 "$zip" | hex | awk -v length_of_all="$length" "$DER$ZIP"'
		END {
			if (FAILED) exit 1
			list = u(92, 4); size = u(88, 4); count = u(84, 2); ending = 22
			if (list == 4294967295) { # ZIP64
				list = u(48, 8); size = u(40, 8); count = u(24, 8); ending = 98
				want = "504b0606" le(44, 8) "2d002d00" le(0, 8) le(count, 8) le(count, 8) le(size, 8) le(list, 8) \
					"504b0607" le(0, 4) le(list + size, 8) le(1, 4) "504b0506" le(0, 4) "ffffffffffffffffffffffff0000"
			} else want = "504b0506" le(0, 4) le(count, 2) le(count, 2) le(size, 4) le(list, 4) "0000"
			if (h(98 - ending, ending) != want || size > 1048576 || list + size + ending != length_of_all)
				bad("after its entries there is something else than their list: it was appended to, or hides something")
			printf "%.0f %.0f %.0f\n", list, size + ending, count
		}') || refuse receipt "${ending#bad }"
	list=${ending%% *} count=${ending##* } ending=${ending#* }
	ending=${ending% *}
	tail -c "$ending" "$zip" | hex | awk -v list="$list" -v count="$count" "$DER$ZIP"'
		function piece(at, bytes) { if (bytes != "") printf "%.0f %d %s\n", at, length(bytes) / 2, bytes }
		END {
			if (FAILED) exit 1
			at = next_one = 0
			for (n = 1; n <= count; n++) {
				flags = h(at + 8, 2); sum = h(at + 16, 4); size = u(at + 20, 4); names = u(at + 28, 2); extra = u(at + 30, 2)
				name = h(at + 46, names); small = le(size, 4); long = size == 4294967295 || u(at + 42, 4) == 4294967295
				if (long) { size = u(at + 46 + names + 12, 8); small = size < 4294967295 ? le(size, 4) : "ffffffff" }
				place = next_one < 4294967295 ? le(next_one, 4) : "ffffffff"
				if (h(at, 4) != "504b0102" || (flags != "0000" && flags != "0800") || h(at + 10, 2) != "0000" || extra != (long ? 28 : 0) ||
					h(at + 32, 6) != "000000000000" || h(at + 42, 4) != place || h(at + 20, 8) != (long ? "ffffffffffffffff" : small small) ||
					(long && (h(at + 46 + names, 28) != "01001800" le(size, 8) le(size, 8) le(next_one, 8) || (size < 4294967295 && next_one < 4294967295))))
					bad("its list of entries is not where and what it should be: something is hidden in it")
				need = flags == "0800" && size >= 4294967295 ? "1400" : h(at + 6, 2) # the header was written before the size was known
				piece(next_one, "504b0304" need flags "0000" h(at + 12, 4) (flags == "0800" ? le(0, 12) : sum small small) le(names, 2) "0000" name)
				next_one += 30 + names + size
				tail = flags != "0800" ? "" : "504b0708" sum (size < 4294967295 ? small small : le(size, 8) le(size, 8))
				piece(next_one, tail)
				next_one += length(tail) / 2
				at += 46 + names + extra
			}
			ends = h(at, 4)
			if (next_one != list || (ends != "504b0506" && ends != "504b0606"))
				bad("its list of entries is not where and what it should be: something is hidden in it")
		}' >"$work/pieces" || refuse receipt "$(sed -n 's/^bad //p' "$work/pieces")"
	while read -r from many _; do slice "$zip" "$from" "$many"; done <"$work/pieces" | hex >"$work/pieces-found"
	{ cut -d ' ' -f 3 "$work/pieces" | tr -d '\n' && echo; } | cmp -s - "$work/pieces-found" ||
		refuse receipt "between its entries there is something that its list of entries does not name"
}

has() { grep -qxF "$1" "$work/names"; }

# take NAME FILE: one small part, never longer than its limit whatever the
# container says.
take() {
	has "$1" || refuse receipt "$1 is missing"
	(ulimit -f 8192 && unzip -p "$zip" "$1" >"$work/$2") 2>/dev/null </dev/null || refuse receipt "$1 cannot be read"
}

# provide NAME: a document of the receipt on stdout.
provide() { unzip -p "$zip" "$1" 2>/dev/null </dev/null || :; }

# ---- the documents -----------------------------------------------------------

# read_fingerprint: META-INF/fingerprint.txt into "$work/files": index size sha256 sha3-256.
read_fingerprint() {
	awk -v most=$FILES_MAX '
		function hexed(s) { return length(s) == 64 && s !~ /[^0-9a-f]/ }
		{
			n = int((NR + 1) / 2)
			if (NF != 4 || !hexed($2) || $3 !~ /^(0|[1-9][0-9]*)$/ || length($3) > 18 || $4 != n "" || $0 != $1 " " $2 " " $3 " " $4) exit
			if (NR % 2 == 1) { if ($1 != "sha256") exit; first = $2; size = $3; next }
			if ($1 != "sha3-256" || $3 != size || n > most) exit
			print n, size, first, $2
		}' "$work/fingerprint" >"$work/files"
	files=$(wc -l <"$work/files")
	files=$((files))
	while read -r index size one two; do
		printf 'sha256 %s %s %s\nsha3-256 %s %s %s\n' "$one" "$size" "$index" "$two" "$size" "$index"
	done <"$work/files" | cmp -s - "$work/fingerprint" || refuse fingerprint "fingerprint.txt is malformed"
	[ "$files" -gt 0 ] || refuse fingerprint "fingerprint.txt lists nothing"
	ok fingerprint "$files file(s) listed with SHA-256 and SHA3-256"
}

# check_documents DOCUMENT...: everything inside and everything given.
check_documents() {
	: >"$work/seen"
	grep '^document-' "$work/names" | sort >"$work/inside" || :
	inside=$(wc -l <"$work/inside")
	inside=$((inside))
	[ "$inside" = 0 ] || [ "$inside" = "$files" ] || refuse documents "$inside inside, $files listed"
	index=0
	while read -r name; do
		index=$((index + 1))
		line=$(sed -n "${index}p" "$work/files")
		case $name in "document-$(printf %04d "$index")" | "document-$(printf %04d "$index")".*) ;; *) refuse documents "$name is out of order" ;; esac
		[ "$(provide "$name" | wc -c | tr -d ' ') $(provide "$name" | digest sha256) $(provide "$name" | digest sha3-256)" = "${line#* }" ] ||
			refuse documents "$name inside the receipt is not the file deposited"
		echo "$index" >>"$work/seen"
	done <"$work/inside"
	for given; do
		[ -f "$given" ] && [ -r "$given" ] || cannot "cannot read the document $given"
		wanted="$(wc -c <"$given" | tr -d ' ') $(digest sha256 "$given") $(digest sha3-256 "$given")"
		found=$(awk -v wanted="$wanted" '
			FILENAME == ARGV[1] { seen[$1] = 1; next }
			$2 " " $3 " " $4 == wanted && (!found || (seen[found] && !seen[$1])) { found = $1 }
			END { if (found) print found }' "$work/seen" "$work/files")
		[ -n "$found" ] || refuse documents "$given is not a file of this deposit"
		echo "$found" >>"$work/seen"
	done
	missing=$(awk 'FILENAME == ARGV[1] { seen[$1] = 1; next } !seen[$1] { print $1; exit }' "$work/seen" "$work/files")
	[ -z "$missing" ] || refuse documents "file $missing is neither in the receipt nor given"
	ok documents "$files file(s): SHA-256 and SHA3-256 of each are those listed"
}

# ---- manifests ---------------------------------------------------------------

manifest_head() {
	printf '<?xml version="1.0" encoding="UTF-8"?>\n<asic:ASiCManifest xmlns:asic="http://uri.etsi.org/02918/v1.2.1#" xmlns:ds="http://www.w3.org/2000/09/xmldsig#">\n'
	printf '<asic:SigReference URI="%s" MimeType="%s"></asic:SigReference>\n' "$1" "$2"
}
# manifest_ref NAME TYPE HEXDIGEST
manifest_ref() {
	printf '<asic:DataObjectReference URI="%s" MimeType="%s"><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod><ds:DigestValue>%s</ds:DigestValue></asic:DataObjectReference>\n' \
		"$1" "$2" "$(echo "$3" | hex64)"
}
manifest_tail() { printf '</asic:ASiCManifest>\n'; }

# check_manifest: the sealed manifest is rebuilt and compared.
check_manifest() {
	{
		manifest_head META-INF/signature001.p7s application/pkcs7-signature
		manifest_ref attestation.json application/json "$(digest sha256 "$work/attestation")"
		manifest_ref META-INF/fingerprint.txt text/plain "$(digest sha256 "$work/fingerprint")"
		manifest_tail
	} | cmp -s - "$work/manifest" || refuse manifest "the sealed manifest is not that of attestation.json and fingerprint.txt"
	ok manifest "names attestation.json and fingerprint.txt by their digests"
}

# check_evidence_manifest: the same, taking from each document's line only its
# extension and media type, which fingerprint.txt does not tell.
check_evidence_manifest() {
	sed -n 's/^<asic:DataObjectReference URI="\(document-[0-9.a-z]*\)" MimeType="\([A-Za-z0-9!#$^_.+\/-]*\)">.*$/\1 \2/p' \
		"$work/evidence-manifest" >"$work/listed"
	{
		manifest_head META-INF/evidencerecord001.ers application/vnd.etsi.timestamp-evidence-record
		while read -r index _ one _ && read -r name type <&3; do
			case $name in
			"document-$(printf %04d "$index")" | "document-$(printf %04d "$index")".*) manifest_ref "$name" "$type" "$one" ;;
			esac
		done <"$work/files" 3<"$work/listed"
		manifest_ref attestation.json application/json "$(digest sha256 "$work/attestation")"
		manifest_ref META-INF/fingerprint.txt text/plain "$(digest sha256 "$work/fingerprint")"
		manifest_ref META-INF/ASiCManifest001.xml text/xml "$(digest sha256 "$work/manifest")"
		manifest_ref META-INF/signature001.p7s application/pkcs7-signature "$(digest sha256 "$work/signature")"
		manifest_ref META-INF/inclusion.tlog-proof text/plain "$(digest sha256 "$work/inclusion")"
		manifest_tail
	} | cmp -s - "$work/evidence-manifest" || refuse evidence "the evidence manifest does not list this receipt's parts"
	if [ "$inside" != 0 ]; then
		cut -d ' ' -f 1 "$work/listed" | cmp -s - "$work/inside" || refuse evidence "the evidence manifest names other documents"
	fi
}

# ---- timestamps --------------------------------------------------------------

# epoch YYYYMMDDHHMMSS: seconds since 1970 (days by the civil calendar).
epoch() {
	echo "$1" | awk '{
		y = substr($0, 1, 4) + 0; m = substr($0, 5, 2) + 0; d = substr($0, 7, 2) + 0
		if (m <= 2) { y--; m += 12 }
		days = 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * (m - 3) + 2) / 5) + d - 719469
		printf "%d\n", ((days * 24 + substr($0, 9, 2)) * 60 + substr($0, 11, 2)) * 60 + substr($0, 13, 2)
	}'
}

# read_token TOKEN DIGEST: sets gentime (digits), millis (three) and stamped (its
# epoch) of a token whose own signature holds, after comparing its imprint with
# the digest expected, if there is one.
read_token() {
	openssl cms -verify -noverify -inform DER -in "$1" -out "$work/tstinfo" -signer "$work/tsa-signer.pem" 2>/dev/null ||
		refuse "$step" "a timestamp's own signature does not hold"
	[ "$(grep -c 'BEGIN CERTIFICATE' "$work/tsa-signer.pem")" = 1 ] || refuse "$step" "a timestamp has more than one signer"
	facts=$(hex <"$work/tstinfo" | awk "$DER"'
		END {
			if (FAILED) exit 1
			end = length(HEX) / 2
			der(0, end, "30"); end = N; at = P
			der(at, end, "02"); if (h(P, L) != "01") bad("version"); at = N
			der(at, end, "06"); at = N
			der(at, end, "30"); next_one = N; at = P
			der(at, next_one, "30"); alg = h(P, L); at = N
			if (alg != "0609608648016503040201" && alg != "06096086480165030402010500") bad("imprint is not SHA-256")
			der(at, next_one, "04"); imprint = h(P, L); at = next_one
			der(at, end, "02"); at = N
			der(at, end, "18"); time = ""
			for (i = 0; i < L; i++) time = time sprintf("%c", byte(P + i))
			if (time !~ /^[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9](\.[0-9]+)?Z$/) bad("time")
			print imprint, substr(time, 1, 14), substr(substr(time, 16, length(time) - 16) "000", 1, 3)
		}') || refuse "$step" "a timestamp is malformed: ${facts#bad }"
	imprint=${facts%% *} millis=${facts##* } gentime=${facts#* }
	gentime=${gentime% *}
	is_hex64 "$imprint" && [ "$imprint" = "${2:-$imprint}" ] || refuse "$step" "a timestamp is over something else"
	stamped=$(epoch "$gentime")
}

# check_token TOKEN DIGEST [TIME]: the token is over DIGEST, by an authority of
# tsa.pem whose certificates were valid when it was made and at TIME (now). An
# empty DIGEST is whatever the token says, an empty TIME none beside its own.
# step is what a refusal is told under.
check_token() {
	read_token "$1" "$2"
	for when in "$stamped" ${3-now}; do
		if [ "$when" = now ]; then time=''; else time="-attime $when"; fi
		# shellcheck disable=SC2086 # two words or none
		openssl ts -verify -digest "$imprint" -in "$1" -token_in -CAfile "$trust/tsa.pem" $time >/dev/null 2>&1 && continue
		# openssl ts cannot read tokens that carry OCSP answers: openssl cms can,
		# and checks path, purpose and the certificate's digest as well.
		if openssl ts -reply -in "$1" -token_in -text >/dev/null 2>&1; then
			refuse "$step" "a timestamp is not of an authority in tsa.pem, valid at $(words "$gentime") and since"
		fi
		# shellcheck disable=SC2086
		openssl cms -verify -cades -inform DER -in "$1" -CAfile "$trust/tsa.pem" -no-CApath -no-CAstore \
			-purpose timestampsign $time -out "$work/tstinfo-again" >/dev/null 2>&1 && cmp -s "$work/tstinfo" "$work/tstinfo-again" ||
			refuse "$step" "a timestamp is not of an authority in tsa.pem, valid at $(words "$gentime") and since"
	done
	if [ "$stamped" -gt "$((now + 60))" ]; then refuse "$step" "a timestamp is from the future"; fi
}

# check_notbefore [EPOCH]: the earlier token shown, if one is, is the one that the
# attestation names, at the time stated there, and not later than EPOCH. RFC 8785
# leaves one spelling: inside a text the quotation marks would be escaped, and
# what the depositor names himself are texts, so this cannot be met elsewhere.
check_notbefore() {
	has META-INF/notbefore.tst || return 0
	take META-INF/notbefore.tst notbefore
	stated=$({ cat "$work/attestation" && echo; } |
		sed -n 's/.*"notBefore":{"at":"\([0-9TZ:.-]*\)","token":"\([0-9a-f]*\)"}.*/\1 \2/p')
	[ -n "$stated" ] || refuse receipt "it carries a timestamp of before the seal, but its attestation names none"
	[ "$(digest sha256 "$work/notbefore")" = "${stated#* }" ] || refuse times "the earlier timestamp shown is not the one that the attestation names"
	step='times'
	check_token "$work/notbefore" '' ''
	[ "$(echo "${stated% *}" | tr -d 'TZ:.-')" = "$gentime$millis" ] ||
		refuse times "the attestation says sealed after ${stated% *}, the earlier timestamp shown is of $(words "$gentime")"
	if [ $# -gt 0 ] && [ "$stamped" -gt $(($1 + 60)) ]; then refuse times "sealed after $(words "$gentime"), yet timestamped before"; fi
	ok times "sealed after $(words "$gentime") by the word of an independent authority in tsa.pem"
}

# words YYYYMMDDHHMMSS
words() { echo "$1" | sed 's/^\(....\)\(..\)\(..\)\(..\)\(..\)\(..\).*/\1-\2-\3 \4:\5:\6 UTC/'; }

# ---- the evidence record (RFC 4998) ------------------------------------------

# read_record: lines "chain C from length", "token C S from length" and
# "hash C S LIST digest" into "$work/record"; what is not understood is refused.
read_record() {
	hex <"$work/ers" | awk "$DER"'
		function sha256(at, n) { return h(at, n) == "0609608648016503040201" || h(at, n) == "06096086480165030402010500" }
		END {
			if (FAILED) exit 1
			end = length(HEX) / 2
			der(0, end, "30"); if (N != end) bad("bytes after the record")
			at = P
			der(at, end, "02"); if (h(P, L) != "01") bad("version")
			at = N
			der(at, end, "30"); at = P; stop = N
			if (at == stop) bad("no digest algorithm")
			while (at < stop) { der(at, stop, "30"); if (!sha256(P, L)) bad("digest algorithm"); at = N }
			der(at, end, "30"); if (N != end || P == end) bad("archive timestamps")
			at = P
			while (at < end) {
				chain++; stamp = 0; begin = at
				der(at, end, "30"); at = P; last = N
				if (at == last) bad("empty chain")
				while (at < last) {
					if (++stamps > 256) bad("too many archive timestamps")
					stamp++; list = 0
					der(at, last, "30"); at = P; after = N
					der(at, after, "a0"); if (!sha256(P, L)) bad("digest algorithm")
					at = N
					if (h(at, 1) == "a2") {
						der(at, after, "a2"); at = P; lists = N
						if (at == lists) bad("empty hash tree")
						while (at < lists) {
							if (++list > 64) bad("hash tree too high")
							der(at, lists, "30"); at = P; ending = N
							if (at == ending) bad("empty list")
							while (at < ending) {
								der(at, ending, "04"); if (L != 32) bad("hash length")
								print "hash", chain, stamp, list, h(P, 32); at = N
							}
						}
					}
					der(at, after, "30"); if (N != after) bad("archive timestamp")
					print "token", chain, stamp, at, N - at
					at = after
				}
				print "chain", chain, begin, last - begin
			}
		}' >"$work/record" || refuse evidence "the evidence record is malformed: $(sed -n 's/^bad //p' "$work/record")"
}

# group_hash: hex lines on stdin, sorted, concatenated, digested; one alone is itself.
group_hash() {
	sort >"$work/group-hash"
	if [ "$(wc -l <"$work/group-hash")" -eq 1 ]; then cat "$work/group-hash"; else unhex <"$work/group-hash" | digest sha256; fi
}

# subject CHAIN STAMP: the hashes that must stand in the first list, hex lines.
subject() {
	if [ "$2" -gt 1 ]; then # a renewed timestamp is over the tokens before it
		earlier=1
		while [ "$earlier" -lt "$2" ]; do
			token_of "$1" "$earlier" | digest sha256
			earlier=$((earlier + 1))
		done
	elif [ "$1" = 1 ]; then # the first is over the objects
		cat "$work/group"
	else # a renewed hash tree is over each object with all chains before
		sequence=$(earlier_chains "$1" | digest sha256)
		while read -r object; do
			printf '%s\n%s\n' "$object" "$sequence" | unhex | digest sha256
		done <"$work/group"
	fi
}

# token_of CHAIN STAMP: the token's bytes.
token_of() {
	awk -v c="$1" -v s="$2" '$1 == "token" && $2 == c && $3 == s { print $4, $5 }' "$work/record" | {
		read -r from length
		slice "$work/ers" "$from" "$length"
	}
}

# earlier_chains CHAIN: the DER of the sequence of the chains before it.
earlier_chains() {
	awk -v c="$1" '$1 == "chain" && $2 < c { if (!n) from = $3; n += $4 } END { print from, n }' "$work/record" | {
		read -r from length
		if [ "$length" -lt 128 ]; then
			printf '30%02x\n' "$length"
		elif [ "$length" -lt 256 ]; then
			printf '3081%02x\n' "$length"
		elif [ "$length" -lt 65536 ]; then
			printf '3082%04x\n' "$length"
		else
			printf '3083%06x\n' "$length"
		fi | unhex
		slice "$work/ers" "$from" "$length"
	}
}

# hashes_of CHAIN STAMP LIST
hashes_of() { awk -v c="$1" -v s="$2" -v l="$3" '$1 == "hash" && $2 == c && $3 == s && $4 == l { print $5 }' "$work/record"; }

# root_of CHAIN STAMP: sets root, what the token must be over, having found the
# subject in the first list: exactly it for the documents' group.
root_of() {
	subject "$1" "$2" | sort >"$work/subject"
	hashes_of "$1" "$2" 1 | sort >"$work/first"
	if [ ! -s "$work/first" ]; then
		[ "$(wc -l <"$work/subject")" -eq 1 ] || refuse evidence "a group without a hash tree"
		root=$(cat "$work/subject")
		return
	fi
	if [ "$2" = 1 ]; then
		cmp -s "$work/subject" "$work/first" || refuse evidence "the evidence record is not over this receipt's parts"
	else
		sort -u "$work/first" >"$work/first-once"
		[ -z "$(sort -u "$work/subject" | comm -23 - "$work/first-once")" ] || refuse evidence "a renewed timestamp is not over those before it"
	fi
	root=$(group_hash <"$work/first")
	list=2
	while hashes_of "$1" "$2" "$list" >"$work/beside" && [ -s "$work/beside" ]; do
		root=$({ echo "$root" && cat "$work/beside"; } | group_hash)
		list=$((list + 1))
	done
}

# check_evidence: every token, the newest as of now, each older one as of its
# successor; sets stamped and gentime of the first.
check_evidence() {
	check_evidence_manifest
	{
		cut -d ' ' -f 3 "$work/files"
		for part in attestation fingerprint manifest signature inclusion; do digest sha256 "$work/$part"; done
	} >"$work/group"
	read_record
	step=evidence successor=now tokens=0
	awk '$1 == "token" { print $2, $3 }' "$work/record" | sort -k 1,1nr -k 2,2nr >"$work/backwards"
	while read -r chain stamp; do
		root_of "$chain" "$stamp"
		token_of "$chain" "$stamp" >"$work/token"
		check_token "$work/token" "$root" "$successor"
		if [ "$successor" != now ] && [ "$stamped" -gt "$((successor + 60))" ]; then refuse evidence "timestamps are out of order"; fi
		successor=$stamped tokens=$((tokens + 1))
	done <"$work/backwards"
	ok evidence "existed on $(words "$gentime"): evidence record of $tokens timestamp(s), by an authority in tsa.pem"
}

# ---- the seal ----------------------------------------------------------------

# check_seal [EPOCH]: CAdES over the manifest, as of then (now), by a certificate
# under seal.pem that names the seal policy and is for nothing else.
check_seal() {
	if [ $# -gt 0 ]; then time="-attime $1"; else time=''; fi
	# shellcheck disable=SC2086 # two words or none
	openssl cms -verify -cades -binary -inform DER -in "$work/signature" -content "$work/manifest" \
		-CAfile "$trust/seal.pem" -no-CApath -no-CAstore -purpose any -policy $SEAL_POLICY -explicit_policy -crl_check $time \
		-signer "$work/signer.pem" -out /dev/null >/dev/null 2>"$work/complaint" ||
		refuse seal "the seal does not hold$(sed -n 's/.*Verify error: */: /p' "$work/complaint" | head -n 1)"
	[ "$(grep -c 'BEGIN CERTIFICATE' "$work/signer.pem")" = 1 ] || refuse seal "more than one signer"
	openssl cms -cmsout -noout -inform DER -in "$work/signature" -certsout "$work/chain.pem" 2>/dev/null || refuse seal "its certificates cannot be read"
	# shellcheck disable=SC2086
	openssl verify -CAfile "$trust/seal.pem" -no-CApath -no-CAstore -untrusted "$work/chain.pem" -policy $SEAL_POLICY -explicit_policy \
		$time "$work/signer.pem" >/dev/null 2>&1 || refuse seal "its certificate is not one that may seal"
	usage=$(openssl x509 -in "$work/signer.pem" -noout -ext keyUsage 2>/dev/null | tr -s ' \n' ' ')
	[ "${usage% }" = "X509v3 Key Usage: critical Non Repudiation" ] || refuse seal "its certificate is for something else than sealing"
	if openssl x509 -in "$work/signer.pem" -noout -ext extendedKeyUsage 2>/dev/null | grep -q .; then
		refuse seal "its certificate is for something else than sealing"
	fi
	ok seal "CAdES by $(openssl x509 -in "$work/signer.pem" -noout -subject -nameopt RFC2253 | tr -d '\000-\037' | sed 's/^subject=//')"
}

# ---- the journal -------------------------------------------------------------

# read_vkey: journal.vkey, "origin+keyid+base64(0x02 ‖ SPKI)", into journal.pem.
read_vkey() {
	vkey=$(tr -d ' \t\r\n' <"$trust/journal.vkey")
	origin=${vkey%%+*} rest=${vkey#*+}
	keyid=${rest%%+*} key=${rest#*+}
	printf '%s\n' "$key" | fold -w 64 | openssl base64 -d >"$work/vkey" 2>/dev/null || cannot "journal.vkey is malformed"
	[ "$(slice "$work/vkey" 0 1 | hex)" = 02 ] || cannot "journal.vkey holds no ECDSA key"
	tail -c +2 "$work/vkey" >"$work/spki"
	[ "$(digest sha256 "$work/spki" | cut -c 1-8)" = "$keyid" ] || cannot "journal.vkey: the key is not the one it names"
	openssl pkey -pubin -inform DER -in "$work/spki" -out "$work/journal.pem" 2>/dev/null &&
		openssl pkey -pubin -in "$work/journal.pem" -noout -text_pub 2>/dev/null | grep -q 'ASN1 OID: prime256v1' ||
		cannot "journal.vkey: not a P-256 key"
}

# decode64 STRING FILE: strict base64.
decode64() {
	printf '%s\n' "$1" | fold -w 64 | openssl base64 -d >"$2" 2>/dev/null && [ "$(openssl base64 -A <"$2")" = "$1" ]
}

# check_journal: the entry in the proof is in the tree whose head the journal's
# key signed, and it is the entry of this deposit.
check_journal() {
	[ "$(tail -c 1 "$work/inclusion" | hex)" = 0a ] || refuse journal "the inclusion proof is malformed"
	{ read -r _ && read -r extra && read -r index; } <"$work/inclusion" || refuse journal "the inclusion proof is malformed"
	extra=${extra#extra } index=${index#index }
	printf 'c2sp.org/tlog-proof@v1\nextra %s\nindex %s\n' "$extra" "$index" >"$work/inclusion-head"
	sed -n 1,3p "$work/inclusion" | cmp -s - "$work/inclusion-head" && is_number "$index" && decode64 "$extra" "$work/leaf" ||
		refuse journal "the inclusion proof is malformed"
	awk -v path="$work/path" -v note="$work/note" '
		NR <= 3 { next }
		inside { print >note; next }
		$0 == "" { inside = 1; next }
		{ print >path }' "$work/inclusion"
	touch "$work/path" "$work/note"
	check_note
	walk_path
	check_entry
	ok journal "entry $((index + 1)) of $size in the signed journal of $origin tells of this deposit"
}

# check_note: the checkpoint: three lines, an empty one, one signature. Sets size, top.
check_note() {
	[ "$(wc -l <"$work/note")" -eq 5 ] || refuse journal "the checkpoint is malformed"
	sed -n 1,3p "$work/note" >"$work/checkpoint"
	{ read -r named && read -r size && read -r top; } <"$work/checkpoint"
	is_number "$size" && decode64 "$top" "$work/top" && [ "$(wc -c <"$work/top")" -eq 32 ] || refuse journal "the checkpoint is malformed"
	[ "$named" = "$origin" ] || refuse journal "the checkpoint is of another journal"
	signature=$(sed -n 5p "$work/note")
	dash=$(printf '\342\200\224')
	signature=${signature#"$dash $origin "}
	decode64 "$signature" "$work/note-signature" || refuse journal "the checkpoint is malformed"
	printf '%s\n%s\n%s\n\n%s %s %s\n' "$origin" "$size" "$top" "$dash" "$origin" "$signature" | cmp -s - "$work/note" ||
		refuse journal "the checkpoint is malformed"
	[ "$(slice "$work/note-signature" 0 4 | hex)" = "$keyid" ] || refuse journal "the checkpoint is signed by another key"
	tail -c +5 "$work/note-signature" >"$work/note-der"
	openssl dgst -sha256 -verify "$work/journal.pem" -signature "$work/note-der" "$work/checkpoint" >/dev/null 2>&1 ||
		refuse journal "the checkpoint is not signed by the journal's key"
	top=$(hex <"$work/top")
}

# walk_path: RFC 9162, 2.1.3.2, from the leaf to the root.
walk_path() {
	[ "$index" -lt "$size" ] || refuse journal "the entry is beyond the checkpoint"
	node=$({ printf '\000' && cat "$work/leaf"; } | digest sha256)
	at=$index last=$((size - 1))
	while read -r line; do
		decode64 "$line" "$work/beside" && [ "$(wc -c <"$work/beside")" -eq 32 ] || refuse journal "the inclusion proof is malformed"
		[ "$last" -gt 0 ] || refuse journal "the inclusion proof is too long"
		beside=$(hex <"$work/beside")
		if [ $((at % 2)) = 1 ] || [ "$at" = "$last" ]; then
			node=$(printf '01\n%s\n%s\n' "$beside" "$node" | unhex | digest sha256)
			while [ $((at % 2)) = 0 ] && [ "$at" != 0 ]; do at=$((at / 2)) last=$((last / 2)); done
		else
			node=$(printf '01\n%s\n%s\n' "$node" "$beside" | unhex | digest sha256)
		fi
		at=$((at / 2)) last=$((last / 2))
	done <"$work/path"
	[ "$last" = 0 ] && [ "$node" = "$top" ] || refuse journal "the entry is not in the signed journal"
}

# check_entry: the entry is RFC 8785 JSON, which has one spelling: its members in
# this order, at its very end, and no quotation mark unescaped inside a text. So
# it is compared, byte for byte, with what the entry of this deposit must end
# with; nothing is searched in it. Before it stands the salt, 16 bytes.
check_entry() {
	printf ',"refs":{"attestation":"%s","signature":"%s"},"result":"done","seq":"%s","typ":"casemate/journal-entry","v":"1","vault":"' \
		"$(digest sha256 "$work/attestation")" "$(digest sha256 "$work/signature")" "$index" >"$work/ending"
	length=$(($(wc -c <"$work/ending")))
	tail -c $((length + 28)) "$work/leaf" >"$work/entry-end" # a vault's name has 26 letters, then "}
	slice "$work/entry-end" 0 "$length" | cmp -s - "$work/ending" &&
		slice "$work/entry-end" "$length" 28 | awk '{ if (/^[a-z2-7]+"}$/ && length($0) == 28) good = 1 } END { exit !good }' &&
		[ "$(slice "$work/leaf" 16 26)" = '{"act":"deposit","actor":{' ] ||
		refuse journal "the journal's entry is not of this deposit"
}

# ---- all of it ---------------------------------------------------------------

# check_trust: three files; who may say the time may not seal.
check_trust() {
	for file in seal.pem tsa.pem journal.vkey; do
		[ -f "$trust/$file" ] && [ -s "$trust/$file" ] || cannot "$trust/$file is missing"
	done
	for file in seal tsa; do
		awk '/^-----BEGIN CERTIFICATE-----/ { inside = 1; body = ""; next }
			/^-----END CERTIFICATE-----/ { inside = 0; print body; next }
			inside { gsub(/[ \t\r]/, ""); body = body $0 }' "$trust/$file.pem" | sort -u >"$work/$file.roots"
		[ -s "$work/$file.roots" ] || cannot "$trust/$file.pem holds no certificate"
	done
	[ -z "$(comm -12 "$work/seal.roots" "$work/tsa.roots")" ] || cannot "a certificate is in seal.pem and in tsa.pem: they must be apart"
	read_vkey
}

main() {
	[ $# -ge 2 ] || cannot "usage: verify.sh RECEIPT TRUSTDIR [DOCUMENT...]"
	for tool in openssl unzip awk sed od tail; do
		command -v $tool >/dev/null 2>&1 || cannot "$tool is not installed"
	done
	case $(openssl version) in "OpenSSL "[3-9].*) ;; *) cannot "openssl 3.0 or later is needed" ;; esac
	[ -f "$1" ] && [ -r "$1" ] || cannot "cannot read the receipt $1"
	[ -d "$2" ] || cannot "no trust directory $2"
	case $1 in /*) receipt=$1 ;; *) receipt=$PWD/$1 ;; esac
	case $2 in /*) trust=$2 ;; *) trust=$PWD/$2 ;; esac
	shift 2
	work=${TMPDIR:-/tmp}/casemate-verify.$$
	mkdir "$work" || cannot "cannot make $work"
	trap 'rm -rf "$work"' EXIT
	trap 'exit 2' HUP INT TERM
	zip=$work/receipt.asice # a name of ours: unzip reads patterns in names
	ln -s "$receipt" "$zip"
	now=$(date +%s)

	check_trust
	list_receipt
	check_layout
	take attestation.json attestation
	take META-INF/fingerprint.txt fingerprint
	take META-INF/ASiCManifest001.xml manifest
	take META-INF/signature001.p7s signature
	ok receipt "a container as the safe writes it, $(wc -l <"$work/names" | tr -d ' ') entries"
	read_fingerprint
	check_documents "$@"
	check_manifest
	if ! has META-INF/evidencerecord001.ers; then
		if has META-INF/inclusion.tlog-proof || has META-INF/ASiCEvidenceRecordManifest001.xml; then
			refuse receipt "the evidence record is missing"
		fi
		check_seal
		check_notbefore
		echo "PROVISIONAL: sealed, but not timestamped yet: nobody but the safe says when. Ask for the receipt again later."
		exit 9
	fi
	take META-INF/inclusion.tlog-proof inclusion
	take META-INF/ASiCEvidenceRecordManifest001.xml evidence-manifest
	take META-INF/evidencerecord001.ers ers
	check_evidence
	check_seal "$stamped"
	check_journal
	proved=$gentime
	check_notbefore "$stamped"
	echo "VERIFIED: deposited in the safe $origin, and in existence on $(words "$proved")."
}

main "$@"
