package proof

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
)

// spliced puts bytes into a container where the entry of that number begins
// (the list, if there are not so many), and lets its list and its end know
// where everything is now: a careful forger.
func spliced(t testing.TB, b []byte, number int, hidden []byte) []byte {
	t.Helper()
	le := binary.LittleEndian
	end := len(b) - 22
	list := int(le.Uint32(b[end+16:]))
	place := list
	for at, i := list, 0; at < end; i++ {
		if i == number {
			place = int(le.Uint32(b[at+42:]))
		}
		at += 46 + int(le.Uint16(b[at+28:])) + int(le.Uint16(b[at+30:]))
	}
	out := slices.Concat(b[:place], hidden, b[place:])
	end += len(hidden)
	list += len(hidden)
	le.PutUint32(out[end+16:], uint32(list))
	for at := list; at < end; at += 46 + int(le.Uint16(out[at+28:])) + int(le.Uint16(out[at+30:])) {
		if o := le.Uint32(out[at+42:]); int(o) >= place {
			le.PutUint32(out[at+42:], o+uint32(len(hidden)))
		}
	}
	return out
}

// hiddenEntry is an entry as a container holds it, that no list names.
func hiddenEntry(name, content string) []byte {
	return append(localHeader(&zip.File{FileHeader: zip.FileHeader{Name: name, CRC32: crc32.ChecksumIEEE([]byte(content)),
		CompressedSize64: uint64(len(content)), UncompressedSize64: uint64(len(content))}}), content...)
}

func TestWhatIsHiddenInAReceipt(t *testing.T) {
	b := write(t, sampleReceipt(t), sampleOpen)
	if _, err := read(spliced(t, b, 1, nil)); err != nil {
		t.Fatal(err)
	}
	hidden := hiddenEntry(NameAttestation, "{}")
	renamed := bytes.Clone(b)
	copy(renamed[bytes.Index(b, []byte("document-0001")):], "document-0009")
	commented := append(bytes.Clone(b), "hello"...)
	binary.LittleEndian.PutUint16(commented[len(b)-2:], 5)
	provisional := sampleReceipt(t)
	provisional.Inclusion, provisional.EvidenceManifest, provisional.Evidence = nil, nil, nil
	for name, c := range map[string]struct {
		bytes []byte
		words string
	}{
		"an entry after mimetype":      {spliced(t, b, 1, hidden), "should begin"},
		"an entry before mimetype":     {spliced(t, b, 0, hidden), "should begin"},
		"an entry before the list":     {spliced(t, b, 99, hidden), "something else"},
		"a byte between":               {spliced(t, b, 3, []byte{0}), "should begin"},
		"another name where it stands": {renamed, "should begin"},
		"junk after":                   {append(bytes.Clone(b), "junk"...), ""},
		"an end of its own after":      {append(bytes.Clone(b), b[len(b)-22:]...), ""},
		"junk before":                  {append([]byte("junk"), b...), "should begin"},
		"junk before, list corrected":  {spliced(t, b, 0, []byte("junk")), "should begin"},
		"a comment":                    {commented, "comment"},
		"itself before":                {append(bytes.Clone(b), b...), "something else"},
		"another receipt before":       {append(write(t, provisional, nil), b...), "should begin"},
	} {
		if _, err := read(c.bytes); !errors.Is(err, ErrContainer) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
