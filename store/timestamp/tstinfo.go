package timestamp

import (
	"encoding/asn1"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// tstInfo is RFC 3161 2.4.2, what the authority signed.
type tstInfo struct {
	policy   asn1.ObjectIdentifier
	hash     asn1.ObjectIdentifier
	imprint  []byte
	serial   *big.Int
	time     time.Time // genTime, UTC
	accuracy time.Duration
	nonce    *big.Int // nil when absent
}

// parseTSTInfo reads version 1. A critical extension is refused, since none
// is understood.
func parseTSTInfo(der []byte) (tstInfo, error) {
	s, err := readSequence(der, "the timestamp's content")
	if err != nil {
		return tstInfo{}, err
	}
	out := tstInfo{serial: new(big.Int)}
	var version int
	var imprint, hashed cryptobyte.String
	var ok bool
	if !s.ReadASN1Integer(&version) || version != 1 || !s.ReadASN1ObjectIdentifier(&out.policy) ||
		!s.ReadASN1(&imprint, cbasn1.SEQUENCE) {
		return tstInfo{}, malformed("the timestamp's version and policy")
	}
	if out.hash, ok = readAlgorithm(&imprint); !ok || !imprint.ReadASN1(&hashed, cbasn1.OCTET_STRING) || !imprint.Empty() {
		return tstInfo{}, malformed("the timestamp's imprint")
	}
	out.imprint = hashed
	if !s.ReadASN1Integer(out.serial) {
		return tstInfo{}, malformed("the timestamp's serial number")
	}
	if out.time, ok = readTime(&s); !ok {
		return tstInfo{}, malformed("the timestamp's time")
	}
	if !out.readRest(&s) {
		return tstInfo{}, malformed("the timestamp's optional fields")
	}
	return out, nil
}

// readRest reads accuracy, ordering, nonce, tsa and extensions.
func (t *tstInfo) readRest(s *cryptobyte.String) bool {
	if s.PeekASN1Tag(cbasn1.SEQUENCE) && !t.readAccuracy(s) {
		return false
	}
	var ordering bool
	if s.PeekASN1Tag(cbasn1.BOOLEAN) && !s.ReadASN1Boolean(&ordering) {
		return false
	}
	if s.PeekASN1Tag(cbasn1.INTEGER) {
		t.nonce = new(big.Int)
		if !s.ReadASN1Integer(t.nonce) {
			return false
		}
	}
	var extensions cryptobyte.String
	var present bool
	if !s.SkipOptionalASN1(tag0Constructed) ||
		!s.ReadOptionalASN1(&extensions, &present, tag1Constructed) || !s.Empty() {
		return false
	}
	return noneCritical(extensions)
}

// readAccuracy reads seconds, millis [0] and micros [1], each optional.
func (t *tstInfo) readAccuracy(s *cryptobyte.String) bool {
	var accuracy cryptobyte.String
	if !s.ReadASN1(&accuracy, cbasn1.SEQUENCE) {
		return false
	}
	var seconds, millis, micros int64
	if accuracy.PeekASN1Tag(cbasn1.INTEGER) && !accuracy.ReadASN1Integer(&seconds) {
		return false
	}
	if accuracy.PeekASN1Tag(tag0) && !accuracy.ReadASN1Int64WithTag(&millis, tag0) {
		return false
	}
	if accuracy.PeekASN1Tag(tag1) && !accuracy.ReadASN1Int64WithTag(&micros, tag1) {
		return false
	}
	const day = 24 * 60 * 60
	if !accuracy.Empty() || seconds < 0 || seconds > day || millis < 0 || millis > 999 || micros < 0 || micros > 999 {
		return false
	}
	t.accuracy = time.Duration(seconds)*time.Second + time.Duration(millis)*time.Millisecond + time.Duration(micros)*time.Microsecond
	return true
}

// noneCritical walks Extensions (RFC 5280 4.1).
func noneCritical(extensions cryptobyte.String) bool {
	for !extensions.Empty() {
		var extension, value cryptobyte.String
		var oid asn1.ObjectIdentifier
		var critical bool
		if !extensions.ReadASN1(&extension, cbasn1.SEQUENCE) || !extension.ReadASN1ObjectIdentifier(&oid) {
			return false
		}
		if extension.PeekASN1Tag(cbasn1.BOOLEAN) && !extension.ReadASN1Boolean(&critical) {
			return false
		}
		if !extension.ReadASN1(&value, cbasn1.OCTET_STRING) || !extension.Empty() || critical {
			return false
		}
	}
	return true
}
