package timestamp

import (
	"encoding/asn1"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/digitorus/timestamp"
)

// parseReply reads a TimeStampResp (RFC 3161 2.4.2) and returns the token of
// one that grants. "Granted with modifications" is taken too: whatever was
// modified, Verify judges the token itself.
func parseReply(der []byte) ([]byte, error) {
	s, err := readSequence(der, "the answer")
	if err != nil {
		return nil, err
	}
	var info cryptobyte.String
	var status int
	if !s.ReadASN1(&info, cbasn1.SEQUENCE) || !info.ReadASN1Integer(&status) {
		return nil, malformed("the answer's status")
	}
	reason, ok := readReason(&info)
	if !ok {
		return nil, malformed("the answer's status")
	}
	if status != int(timestamp.Granted) && status != int(timestamp.GrantedWithMods) {
		return nil, fmt.Errorf("%w: %s%s", ErrRefused, timestamp.Status(status), reason)
	}
	var token cryptobyte.String
	if !s.ReadASN1Element(&token, cbasn1.SEQUENCE) || !s.Empty() {
		return nil, malformed("the answer's token")
	}
	return token, nil
}

// readReason puts statusString and failInfo, foreign text, into a form fit
// for a log: printable, short.
func readReason(info *cryptobyte.String) (string, bool) {
	var texts, text cryptobyte.String
	var present bool
	if !info.ReadOptionalASN1(&texts, &present, cbasn1.SEQUENCE) {
		return "", false
	}
	var b strings.Builder
	for !texts.Empty() {
		if !texts.ReadASN1(&text, cbasn1.UTF8String) || !utf8.Valid(text) {
			return "", false
		}
		fmt.Fprintf(&b, ", %.200q", string(text))
		if b.Len() > 1000 {
			return "", false
		}
	}
	var failure asn1.BitString
	if info.PeekASN1Tag(cbasn1.BIT_STRING) {
		if !info.ReadASN1BitString(&failure) {
			return "", false
		}
		for bit := range min(failure.BitLength, 32) {
			if failure.At(bit) == 1 {
				fmt.Fprintf(&b, ", %s", timestamp.FailureInfo(bit))
			}
		}
	}
	return b.String(), info.Empty()
}
