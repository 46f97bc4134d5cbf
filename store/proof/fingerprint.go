package proof

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// File is one file of a deposited object, as attested.
type File struct {
	Index     int     // from 1, dense
	Name      string  // as the depositor gave it, never normalised
	MediaType string  // type/subtype
	Size      int64   // bytes
	Digests   Digests // of the plain bytes
}

// FileDigest is one file's line pair in fingerprint.txt.
type FileDigest struct {
	Index   int
	Size    int64
	Digests Digests
}

// Fingerprint writes fingerprint.txt: for each file a line for SHA-256 and a
// line for SHA3-256, each "algorithm hex size index". It carries no names, so it
// may be shown to anyone who has the files.
func Fingerprint(files []File) []byte {
	var b bytes.Buffer
	for _, f := range files {
		fmt.Fprintf(&b, "sha256 %x %d %d\n", f.Digests.SHA256, f.Size, f.Index)
		fmt.Fprintf(&b, "sha3-256 %x %d %d\n", f.Digests.SHA3, f.Size, f.Index)
	}
	return b.Bytes()
}

// ObjectDigests is the fingerprint of the whole object: the digests of the file
// when it is alone, else those of fingerprint.txt.
func ObjectDigests(files []File) Digests {
	if len(files) == 1 {
		return files[0].Digests
	}
	return DigestsOf(Fingerprint(files))
}

// ParseFingerprint reads fingerprint.txt; anything but what Fingerprint writes
// is ErrMalformed.
func ParseFingerprint(b []byte) ([]FileDigest, error) {
	if len(b) > MaxMeta {
		return nil, fmt.Errorf("reading fingerprint.txt: %w", ErrTooLarge)
	}
	lines := strings.SplitAfter(string(b), "\n")
	if n := len(lines); n < 3 || n%2 == 0 || lines[n-1] != "" || n/2 > MaxFiles {
		return nil, fmt.Errorf("reading fingerprint.txt: %w: want two lines a file", ErrMalformed)
	}
	out := make([]FileDigest, 0, len(lines)/2)
	for i := 0; i+1 < len(lines); i += 2 {
		fd, err := parseFileDigest(lines[i], lines[i+1], i/2+1)
		if err != nil {
			return nil, fmt.Errorf("reading fingerprint.txt, line %d: %w", i+1, err)
		}
		out = append(out, fd)
	}
	return out, nil
}

// parseFileDigest reads the two lines of one file and accepts them only if
// writing the result gives the same bytes again.
func parseFileDigest(one, two string, index int) (fd FileDigest, err error) {
	a, b := strings.Fields(one), strings.Fields(two)
	if len(a) != 4 || len(b) != 4 {
		return fd, fmt.Errorf("%w: want four words", ErrMalformed)
	}
	fd.Index = index
	if fd.Size, err = strconv.ParseInt(a[2], 10, 64); err != nil || fd.Size < 0 {
		return fd, fmt.Errorf("%w: bad size", ErrMalformed)
	}
	x, err1 := hex.DecodeString(a[1])
	y, err2 := hex.DecodeString(b[1])
	if err1 != nil || err2 != nil || len(x) != 32 || len(y) != 32 {
		return fd, fmt.Errorf("%w: bad digest", ErrMalformed)
	}
	fd.Digests = Digests{SHA256: [32]byte(x), SHA3: [32]byte(y)}
	again := Fingerprint([]File{{Index: index, Size: fd.Size, Digests: fd.Digests}})
	if string(again) != one+two {
		return fd, fmt.Errorf("%w: not as the safe writes it", ErrMalformed)
	}
	return fd, nil
}
