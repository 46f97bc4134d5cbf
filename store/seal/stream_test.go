package seal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/tink-crypto/tink-go/v2/streamingaead/subtle"
)

var (
	streamKey = [32]byte{1, 2, 3}
	streamPut = []byte("vault/document/run")
)

func random(t testing.TB, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return b
}

func encrypt(t testing.TB, key [32]byte, ad []byte, r io.Reader) [][]byte {
	t.Helper()
	var chunks [][]byte
	w, err := NewEncrypter(key, ad, func(i uint32, segment []byte) error {
		if int(i) != len(chunks) {
			t.Fatalf("chunk %d after %d", i, len(chunks))
		}
		chunks = append(chunks, bytes.Clone(segment))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, r); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return chunks
}

func from(chunks [][]byte) func(uint32) ([]byte, error) {
	return func(i uint32) ([]byte, error) {
		if int(i) >= len(chunks) {
			return nil, io.EOF
		}
		return chunks[i], nil
	}
}

func decrypt(t testing.TB, key [32]byte, ad []byte, next func(uint32) ([]byte, error)) ([]byte, error) {
	t.Helper()
	r, err := NewDecrypter(key, ad, next)
	if err != nil {
		t.Fatal(err)
	}
	return io.ReadAll(r)
}

func TestStreamComesBack(t *testing.T) {
	for _, size := range []int{
		0, 1, 2048, smallStream - 1, smallStream, smallStream + 1, firstRoom - 1, firstRoom, firstRoom + 1,
		firstRoom + nextRoom - 1, firstRoom + nextRoom, firstRoom + nextRoom + 1, firstRoom + 3*nextRoom,
	} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			plain := random(t, size)
			chunks := encrypt(t, streamKey, streamPut, bytes.NewReader(plain))
			stored, count := int64(0), int64(len(chunks))
			for i, chunk := range chunks {
				stored += int64(len(chunk))
				if i < len(chunks)-1 && len(chunk) != SegmentSize || len(chunk) > SegmentSize {
					t.Errorf("chunk %d has %d bytes", i, len(chunk))
				}
			}
			if s, n := StreamSize(int64(size)); s != stored || n != count {
				t.Errorf("%d bytes in %d chunks, StreamSize says %d in %d", stored, count, s, n)
			}
			got, err := decrypt(t, streamKey, streamPut, from(chunks))
			if err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%d of %d bytes came back, %v", len(got), size, err)
			}
		})
	}
}

// The bytes behind the version byte are Tink's, whichever side wrote them.
func TestStreamIsTinks(t *testing.T) {
	tink, err := subtle.NewAESGCMHKDF(streamKey[:], "SHA256", 32, SegmentSize, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 100, smallStream + 1, 3 << 20} {
		plain := random(t, size)
		chunks := encrypt(t, streamKey, streamPut, bytes.NewReader(plain))
		r, err := tink.NewDecryptingReader(bytes.NewReader(bytes.Join(chunks, nil)[1:]), streamAD(streamPut))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("Tink read %d of %d bytes, %v", len(got), size, err)
		}
		stored := bytes.NewBuffer([]byte{streamVersion})
		w, err := tink.NewEncryptingWriter(stored, streamAD(streamPut))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := decrypt(t, streamKey, streamPut, from(cut(stored.Bytes(), SegmentSize))); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("we read %d of %d bytes, %v", len(got), size, err)
		}
	}
}

func cut(b []byte, size int) (chunks [][]byte) {
	for len(b) > size {
		chunks, b = append(chunks, b[:size]), b[size:]
	}
	return append(chunks, b)
}

func TestEveryStreamHasItsOwnSalt(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		header := string(encrypt(t, streamKey, streamPut, bytes.NewReader(nil))[0][2:streamHeader])
		if seen[header] {
			t.Fatal("salt used twice")
		}
		seen[header] = true
	}
}

// Whatever is done to a stream, what came out before is a prefix of what went
// in, and the end is an error, once and again.
func TestTamperedStream(t *testing.T) {
	plain := random(t, firstRoom+2*nextRoom+100)
	good := encrypt(t, streamKey, streamPut, bytes.NewReader(plain))
	twin := encrypt(t, streamKey, streamPut, bytes.NewReader(plain))
	full := encrypt(t, streamKey, streamPut, bytes.NewReader(plain[:firstRoom+nextRoom]))
	flipped := func(chunk, at int) [][]byte {
		c := append([][]byte(nil), good...)
		c[chunk] = bytes.Clone(c[chunk])
		c[chunk][(at+len(c[chunk]))%len(c[chunk])] ^= 1
		return c
	}
	cases := map[string][][]byte{
		"nothing":                      {},
		"an empty chunk":               {{}},
		"header alone":                 {good[0][:streamHeader]},
		"version":                      flipped(0, 0),
		"header length":                flipped(0, 1),
		"salt":                         flipped(0, 2),
		"nonce prefix":                 flipped(0, streamHeader-1),
		"first byte":                   flipped(0, streamHeader),
		"a middle chunk":               flipped(1, 500),
		"last byte":                    flipped(3, -1),
		"last chunk missing":           good[:3],
		"first chunk missing":          good[1:],
		"middle chunk missing":         {good[0], good[2], good[3]},
		"chunks swapped":               {good[0], good[2], good[1], good[3]},
		"chunk repeated":               {good[0], good[1], good[1], good[2], good[3]},
		"chunk of another run":         {good[0], twin[1], good[2], good[3]},
		"end cut":                      {good[0], good[1], good[2], good[3][:50]},
		"a chunk too many":             append(append([][]byte(nil), good...), good[3]),
		"an empty one too many":        append(append([][]byte(nil), good...), nil),
		"more behind the full":         append(append([][]byte(nil), full...), good[3]),
		"an empty one behind the full": append(append([][]byte(nil), full...), nil),
		"cut elsewhere, later":         {good[0], good[1][:500], good[1][500:], good[2], good[3]},
		"cut elsewhere":                cut(bytes.Join(good, nil), SegmentSize/2),
		"oversized chunk":              {bytes.Join(good[:2], nil), good[2], good[3]},
	}
	for name, chunks := range cases {
		t.Run(name, func(t *testing.T) {
			r, err := NewDecrypter(streamKey, streamPut, from(chunks))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if !errors.Is(err, ErrCorrupt) || !bytes.HasPrefix(plain, got) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if n, again := r.Read(make([]byte, 1)); n != 0 || !errors.Is(again, ErrCorrupt) {
				t.Errorf("read on: %d, %v", n, again)
			}
		})
	}
	for name, other := range map[string]struct {
		key [32]byte
		ad  []byte
	}{"another key": {[32]byte{9}, streamPut}, "another place": {streamKey, []byte("vault/document/run2")}} {
		if got, err := decrypt(t, other.key, other.ad, from(good)); len(got) != 0 || !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

// Every byte of a short stream counts.
func TestEveryAlteredByteOfAStreamIsRefused(t *testing.T) {
	good := encrypt(t, streamKey, streamPut, bytes.NewReader(random(t, 40)))[0]
	for i := range good {
		altered := bytes.Clone(good)
		altered[i] ^= 0x80
		if got, err := decrypt(t, streamKey, streamPut, from([][]byte{altered})); len(got) != 0 || !errors.Is(err, ErrCorrupt) {
			t.Fatalf("byte %d: %d bytes, %v", i, len(got), err)
		}
		if got, err := decrypt(t, streamKey, streamPut, from([][]byte{good[:i]})); len(got) != 0 || !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut at %d: %d bytes, %v", i, len(got), err)
		}
	}
}

var errDisk = errors.New("disk")

func TestSourceAndDestinationErrorsStay(t *testing.T) {
	for _, size := range []int{10, smallStream + 1, 3 << 20} {
		w, err := NewEncrypter(streamKey, nil, func(uint32, []byte) error { return errDisk })
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(make([]byte, size)) // fails now or at Close
		for range 2 {
			if err := w.Close(); !errors.Is(err, errDisk) {
				t.Errorf("close: %v", err)
			}
		}
		if _, err := w.Write([]byte{1}); !errors.Is(err, errDisk) {
			t.Errorf("write: %v", err)
		}
	}
	plain := random(t, 2<<20)
	chunks := encrypt(t, streamKey, nil, bytes.NewReader(plain))
	for _, failing := range []error{errDisk, io.ErrUnexpectedEOF, fmt.Errorf("cut: %w", io.EOF)} {
		for at := range chunks {
			got, err := decrypt(t, streamKey, nil, func(i uint32) ([]byte, error) {
				if int(i) == at {
					return nil, failing
				}
				return chunks[i], nil
			})
			if !errors.Is(err, failing) || errors.Is(err, ErrCorrupt) || !bytes.HasPrefix(plain, got) {
				t.Errorf("chunk %d: %d bytes, %v", at, len(got), err)
			}
		}
	}
}

func TestStreamMisused(t *testing.T) {
	if _, err := NewEncrypter(streamKey, nil, nil); err == nil {
		t.Error("encrypter without destination")
	}
	if _, err := NewDecrypter(streamKey, nil, nil); err == nil {
		t.Error("decrypter without source")
	}
	w, err := NewEncrypter(streamKey, nil, func(uint32, []byte) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Error(err)
	}
	if _, err := w.Write([]byte{1}); err == nil {
		t.Error("write after close")
	}
}

func TestStreamReadsAsAReaderShould(t *testing.T) {
	plain := random(t, firstRoom+1000)
	chunks := encrypt(t, streamKey, streamPut, iotest.HalfReader(bytes.NewReader(plain)))
	r, err := NewDecrypter(streamKey, streamPut, from(chunks))
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(r, plain); err != nil {
		t.Error(err)
	}
}

// zeros is an endless source that allocates nothing.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestStreamMemoryIsConstant(t *testing.T) {
	allocated := func(size int64) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		w, err := NewEncrypter(streamKey, nil, func(uint32, []byte) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(w, zeros{}, size); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	if got := allocated(256 << 20); got > 5<<20 {
		t.Errorf("256 MiB allocated %d bytes", got)
	}
	if got := allocated(2 << 10); got > 64<<10 {
		t.Errorf("2 KiB allocated %d bytes", got)
	}
}
