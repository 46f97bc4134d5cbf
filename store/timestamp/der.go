package timestamp

import (
	"encoding/asn1"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Tags of the context-specific fields.
var (
	tag0 = cbasn1.Tag(0).ContextSpecific()
	tag1 = cbasn1.Tag(1).ContextSpecific()

	tag0Constructed = tag0.Constructed()
	tag1Constructed = tag1.Constructed()
)

// malformed is ErrMalformed with what was being read.
func malformed(what string) error {
	return fmt.Errorf("reading %s: %w", what, ErrMalformed)
}

// readSequence reads one SEQUENCE that fills in completely: cryptobyte takes
// DER only, and nothing may stand behind it.
func readSequence(in []byte, what string) (cryptobyte.String, error) {
	s := cryptobyte.String(in)
	var body cryptobyte.String
	if !s.ReadASN1(&body, cbasn1.SEQUENCE) || !s.Empty() {
		return nil, malformed(what)
	}
	return body, nil
}

// readAlgorithm reads an AlgorithmIdentifier whose parameters are absent or
// NULL, as they are with every algorithm accepted here.
func readAlgorithm(s *cryptobyte.String) (asn1.ObjectIdentifier, bool) {
	var alg, parameters cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !s.ReadASN1(&alg, cbasn1.SEQUENCE) || !alg.ReadASN1ObjectIdentifier(&oid) {
		return nil, false
	}
	if alg.Empty() {
		return oid, true
	}
	if !alg.ReadASN1(&parameters, cbasn1.NULL) || !parameters.Empty() || !alg.Empty() {
		return nil, false
	}
	return oid, true
}

// readTime reads a GeneralizedTime as RFC 3161 2.4.2 writes it:
// YYYYMMDDhhmmss[.s...]Z. A leap second (:60) is refused, as the client then
// asks again and nothing that cannot be computed with is ever kept.
func readTime(s *cryptobyte.String) (time.Time, bool) {
	var raw cryptobyte.String
	if !s.ReadASN1(&raw, cbasn1.GeneralizedTime) {
		return time.Time{}, false
	}
	text := string(raw)
	if len(text) < len("20060102150405Z") || len(text) > len("20060102150405.000000000Z") || text[len(text)-1] != 'Z' {
		return time.Time{}, false
	}
	// The layout without a fraction also accepts one ("." or ","); the comma
	// is excluded by looking.
	if len(text) > 15 && text[14] != '.' {
		return time.Time{}, false
	}
	t, err := time.Parse("20060102150405Z", text)
	return t.UTC(), err == nil
}
