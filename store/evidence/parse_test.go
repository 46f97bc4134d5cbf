package evidence

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// aToken is a ContentInfo with nothing in it, enough to parse.
var aToken = []byte{0x30, 0x07, 0x06, 0x03, 0x2a, 0x03, 0x04, 0xa0, 0x00}

// part is a constructed value around others.
func part(tag asn1.Tag, inside ...[]byte) []byte {
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(bytes.Join(inside, nil)) })
	return b.BytesOrPanic()
}

func TestParseRefuses(t *testing.T) {
	sequence := func(inside ...[]byte) []byte { return part(asn1.SEQUENCE, inside...) }
	version := []byte{2, 1, 1}
	sha := []byte{6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1}
	sha512 := []byte{6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3}
	null := []byte{5, 0}
	algorithms := sequence(sequence(sha))
	hash := part(asn1.OCTET_STRING, make([]byte, 32))
	list := sequence(hash)
	tree := part(tagged(2), list)
	stamp := sequence(part(tagged(0), sha), tree, aToken)
	chains := sequence(sequence(stamp))
	record := func(stamp []byte) []byte { return sequence(version, algorithms, sequence(sequence(stamp))) }

	good := map[string][]byte{
		"as written":              sequence(version, algorithms, chains),
		"NULL parameters":         sequence(version, sequence(sequence(sha, null)), sequence(sequence(sequence(part(tagged(0), sha, null), tree, aToken)))),
		"no tree":                 record(sequence(part(tagged(0), sha), aToken)),
		"the token's algorithm":   record(sequence(tree, aToken)),
		"several chains":          sequence(version, algorithms, sequence(sequence(stamp), sequence(stamp, stamp))),
		"as many lists as may be": record(sequence(part(tagged(2), bytes.Repeat(list, maxLists)), aToken)),
	}
	for name, b := range good {
		if _, err := Parse(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	cases := map[string]struct {
		der  []byte
		want error
	}{
		"nothing":                   {nil, ErrMalformed},
		"not a sequence":            {[]byte{4, 0}, ErrMalformed},
		"indefinite length":         {append([]byte{0x30, 0x80}, 0, 0), ErrMalformed},
		"long form of a length":     {append([]byte{0x30, 0x81, byte(len(good["as written"]) - 2)}, good["as written"][2:]...), ErrMalformed},
		"bytes behind":              {append(bytes.Clone(good["as written"]), 0), ErrMalformed},
		"too long":                  {record(sequence(part(tagged(2), sequence(bytes.Repeat(hash, maxRecord/34+1))), aToken)), ErrMalformed},
		"no version":                {sequence(algorithms, chains), ErrMalformed},
		"version 2":                 {sequence([]byte{2, 1, 2}, algorithms, chains), ErrUnsupported},
		"no algorithms":             {sequence(version, sequence(), chains), ErrMalformed},
		"SHA-512":                   {sequence(version, sequence(sequence(sha512)), chains), ErrUnsupported},
		"SHA-512 besides":           {sequence(version, sequence(sequence(sha), sequence(sha512)), chains), ErrUnsupported},
		"SHA-512 in a stamp":        {record(sequence(part(tagged(0), sha512), tree, aToken)), ErrUnsupported},
		"parameters":                {sequence(version, sequence(sequence(sha, []byte{4, 0})), chains), ErrMalformed},
		"NULL with content":         {sequence(version, sequence(sequence(sha, []byte{5, 1, 0})), chains), ErrMalformed},
		"crypto infos":              {sequence(version, algorithms, part(tagged(0), list), chains), ErrUnsupported},
		"encryption info":           {sequence(version, algorithms, part(tagged(1), list), chains), ErrUnsupported},
		"no chains":                 {sequence(version, algorithms, sequence()), ErrMalformed},
		"an empty chain":            {sequence(version, algorithms, sequence(sequence())), ErrMalformed},
		"something behind chains":   {sequence(version, algorithms, chains, null), ErrMalformed},
		"attributes":                {record(sequence(part(tagged(0), sha), part(tagged(1)), tree, aToken)), ErrUnsupported},
		"no token":                  {record(sequence(part(tagged(0), sha), tree)), ErrMalformed},
		"two tokens":                {record(sequence(tree, aToken, aToken)), ErrMalformed},
		"a token of another shape":  {record(sequence(tree, sequence(sha))), ErrMalformed},
		"an empty tree":             {record(sequence(part(tagged(2)), aToken)), ErrMalformed},
		"an empty list":             {record(sequence(part(tagged(2), sequence()), aToken)), ErrMalformed},
		"a short hash":              {record(sequence(part(tagged(2), sequence(part(asn1.OCTET_STRING, make([]byte, 31)))), aToken)), ErrMalformed},
		"a list of something else":  {record(sequence(part(tagged(2), sequence(null)), aToken)), ErrMalformed},
		"too many lists":            {record(sequence(part(tagged(2), bytes.Repeat(list, maxLists+1)), aToken)), ErrMalformed},
		"too many stamps":           {sequence(version, algorithms, sequence(sequence(bytes.Repeat(stamp, maxStamps+1)))), ErrMalformed},
		"too many stamps in chains": {sequence(version, algorithms, sequence(bytes.Repeat(sequence(stamp), maxStamps+1))), ErrMalformed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(c.der); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestNewRecordRefuses(t *testing.T) {
	group := numbered(2)
	path := [][][32]byte{numbered(1)}
	for name, make := range map[string]func() ([]byte, error){
		"no group":             func() ([]byte, error) { return NewRecord(nil, path, aToken) },
		"no token":             func() ([]byte, error) { return NewRecord(group, path, nil) },
		"a token and more":     func() ([]byte, error) { return NewRecord(group, path, append(bytes.Clone(aToken), 0)) },
		"an empty list":        func() ([]byte, error) { return NewRecord(group, [][][32]byte{{}}, aToken) },
		"a list read two ways": func() ([]byte, error) { return NewRecord(group, [][][32]byte{numbered(2)}, aToken) },
		"a path too long":      func() ([]byte, error) { return NewRecord(group, bytesOf(path[0], maxLists+1), aToken) },
		"a group too large":    func() ([]byte, error) { return NewRecord(numbered(40_000), path, aToken) },
	} {
		if _, err := make(); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Readers differ on a list of one hash at the bottom, so there is none.
func TestLoneHashJoinsItsNeighbour(t *testing.T) {
	leaves := numbered(5)
	tree := NewTree(leaves)
	for i := range leaves {
		der, err := NewRecord(leaves[i:i+1], tree.Path(i), aToken)
		if err != nil {
			t.Fatal(err)
		}
		lists := parsed(t, der).chains[0][0].lists
		if len(lists) != len(tree.Path(i)) || len(lists[0]) != 2 {
			t.Errorf("leaf %d: %d lists, the first of %d", i, len(lists), len(lists[0]))
		}
		if err := parsed(t, der).Verify(leaves[i:i+1], func(_ []byte, digest [32]byte) error {
			if digest != tree.Root() {
				return errors.New("another root")
			}
			return nil
		}); err != nil {
			t.Errorf("leaf %d: %v", i, err)
		}
	}
}

func bytesOf(list [][32]byte, n int) (lists [][][32]byte) {
	for range n {
		lists = append(lists, list)
	}
	return lists
}

// A record the first version wrote, read for as long as there are records.
func TestGoldenRecord(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join("testdata", "record-v1.ers"))
	if err != nil {
		t.Fatal(err)
	}
	_, group := objects("deposit", 6)
	_, other := objects("other", 5)
	leaves := [][32]byte{GroupHash(other), GroupHash(group), GroupHash(other[:2])}
	tree := NewTree(leaves)
	var token []byte
	err = parsed(t, golden).Verify(group, func(tst []byte, digest [32]byte) error {
		if token = tst; digest != tree.Root() {
			return errors.New("another root")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := NewRecord(group, tree.Path(1), token); err != nil || !bytes.Equal(again, golden) {
		t.Errorf("written otherwise now: %v", err)
	}
}

// FuzzParse holds that what is read comes out the same when written again,
// or says otherwise only how it names its algorithms.
func FuzzParse(f *testing.F) {
	golden, err := os.ReadFile(filepath.Join("testdata", "record-v1.ers"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	small, err := NewRecord(numbered(3), NewTree(numbered(4)).Path(1), aToken)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(small)
	f.Add(small[:len(small)-3])
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrUnsupported) {
				t.Fatal(err)
			}
			return
		}
		if again, err := Parse(marshalled(t, r)); err != nil || len(again.Tokens()) != len(r.Tokens()) {
			t.Fatalf("does not parse again: %v", err)
		}
		if err := r.Verify(numbered(2), func([]byte, [32]byte) error { return nil }); err == nil && len(b) < 64 {
			t.Fatal("verified out of nothing")
		}
	})
}
