package evidence

import (
	stdasn1 "encoding/asn1"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Limits of what is read. A renewal comes every few years, a path has one list
// a level of its tree.
const (
	maxRecord = 1 << 20 // bytes
	maxStamps = 256     // ArchiveTimeStamps in all
	maxLists  = 64      // PartialHashtrees in a stamp
)

// Parse reads an evidence record in DER. What it does not understand it
// refuses: a record is evidence only if all of it was checked.
func Parse(der []byte) (Record, error) {
	if len(der) > maxRecord {
		return Record{}, fmt.Errorf("parsing evidence record of %d bytes: %w", len(der), ErrMalformed)
	}
	input := cryptobyte.String(der)
	var body, sequence cryptobyte.String
	var version int
	if !input.ReadASN1(&body, asn1.SEQUENCE) || !input.Empty() || !body.ReadASN1Integer(&version) {
		return Record{}, fmt.Errorf("parsing evidence record: %w", ErrMalformed)
	}
	if version != 1 {
		return Record{}, fmt.Errorf("parsing evidence record of version %d: %w", version, ErrUnsupported)
	}
	if err := readAlgorithms(&body); err != nil {
		return Record{}, fmt.Errorf("parsing evidence record: %w", err)
	}
	if body.PeekASN1Tag(tagged(0)) || body.PeekASN1Tag(tagged(1)) {
		return Record{}, fmt.Errorf("parsing evidence record with crypto or encryption info: %w", ErrUnsupported)
	}
	if !body.ReadASN1(&sequence, asn1.SEQUENCE) || !body.Empty() || sequence.Empty() {
		return Record{}, fmt.Errorf("parsing archive timestamp sequence: %w", ErrMalformed)
	}
	r, err := readChains(sequence)
	if err != nil {
		return Record{}, fmt.Errorf("parsing archive timestamp sequence: %w", err)
	}
	return r, nil
}

func readChains(sequence cryptobyte.String) (Record, error) {
	var r Record
	stamps := 0
	for !sequence.Empty() {
		var content cryptobyte.String
		if !sequence.ReadASN1(&content, asn1.SEQUENCE) || content.Empty() {
			return Record{}, ErrMalformed
		}
		var chain []archiveTimeStamp
		for !content.Empty() {
			if stamps++; stamps > maxStamps {
				return Record{}, fmt.Errorf("more than %d archive timestamps: %w", maxStamps, ErrMalformed)
			}
			stamp, err := readStamp(&content)
			if err != nil {
				return Record{}, err
			}
			chain = append(chain, stamp)
		}
		r.chains = append(r.chains, chain)
	}
	return r, nil
}

func readStamp(s *cryptobyte.String) (archiveTimeStamp, error) {
	var element, body, algorithm, tree, token cryptobyte.String
	var hasAlgorithm, hasTree bool
	if !s.ReadASN1Element(&element, asn1.SEQUENCE) {
		return archiveTimeStamp{}, ErrMalformed
	}
	inside := element
	if !inside.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadOptionalASN1(&algorithm, &hasAlgorithm, tagged(0)) {
		return archiveTimeStamp{}, ErrMalformed
	}
	if hasAlgorithm {
		if err := checkSHA256(algorithm); err != nil {
			return archiveTimeStamp{}, err
		}
	} // else it is the token's own (4.1): whoever checks the token demands SHA-256
	if body.PeekASN1Tag(tagged(1)) {
		return archiveTimeStamp{}, fmt.Errorf("archive timestamp with attributes: %w", ErrUnsupported)
	}
	if !body.ReadOptionalASN1(&tree, &hasTree, tagged(2)) || !body.ReadASN1Element(&token, asn1.SEQUENCE) ||
		!body.Empty() || !isToken(token) {
		return archiveTimeStamp{}, fmt.Errorf("archive timestamp: %w", ErrMalformed)
	}
	stamp := archiveTimeStamp{token: token, der: element}
	if !hasTree {
		return stamp, nil
	}
	var err error
	stamp.lists, err = readLists(tree)
	return stamp, err
}

func readLists(tree cryptobyte.String) ([][][32]byte, error) {
	var lists [][][32]byte
	for !tree.Empty() {
		var content cryptobyte.String
		if len(lists) == maxLists || !tree.ReadASN1(&content, asn1.SEQUENCE) || content.Empty() {
			return nil, fmt.Errorf("reduced hash tree: %w", ErrMalformed)
		}
		var list [][32]byte
		for !content.Empty() {
			var hash cryptobyte.String
			if !content.ReadASN1(&hash, asn1.OCTET_STRING) || len(hash) != 32 {
				return nil, fmt.Errorf("hash in reduced hash tree: %w", ErrMalformed)
			}
			list = append(list, [32]byte(hash))
		}
		lists = append(lists, list)
	}
	if len(lists) == 0 {
		return nil, fmt.Errorf("empty reduced hash tree: %w", ErrMalformed)
	}
	return lists, nil
}

// readAlgorithms reads digestAlgorithms, which must be SHA-256 alone.
func readAlgorithms(s *cryptobyte.String) error {
	var list cryptobyte.String
	if !s.ReadASN1(&list, asn1.SEQUENCE) || list.Empty() {
		return fmt.Errorf("digest algorithms: %w", ErrMalformed)
	}
	for !list.Empty() {
		var one cryptobyte.String
		if !list.ReadASN1(&one, asn1.SEQUENCE) {
			return fmt.Errorf("digest algorithms: %w", ErrMalformed)
		}
		if err := checkSHA256(one); err != nil {
			return err
		}
	}
	return nil
}

// checkSHA256 reads the content of an AlgorithmIdentifier; its parameters may
// be absent or, as some writers have it, NULL.
func checkSHA256(algorithm cryptobyte.String) error {
	var oid stdasn1.ObjectIdentifier
	var null cryptobyte.String
	if !algorithm.ReadASN1ObjectIdentifier(&oid) || !algorithm.ReadOptionalASN1(&null, nil, asn1.NULL) ||
		!null.Empty() || !algorithm.Empty() {
		return fmt.Errorf("digest algorithm: %w", ErrMalformed)
	}
	if !oid.Equal(oidSHA256) {
		return fmt.Errorf("digest algorithm %v: %w", oid, ErrUnsupported)
	}
	return nil
}

// isToken tells whether der is one ContentInfo; what is in it is checked by
// whoever verifies tokens.
func isToken(der []byte) bool {
	input := cryptobyte.String(der)
	var body cryptobyte.String
	return input.ReadASN1(&body, asn1.SEQUENCE) && input.Empty() &&
		body.SkipASN1(asn1.OBJECT_IDENTIFIER) && body.SkipASN1(tagged(0)) && body.Empty()
}
