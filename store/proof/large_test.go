//go:build long

package proof

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// zeros is a file of that many zero bytes.
func zeros(n int64) io.ReadCloser {
	return io.NopCloser(io.LimitReader(zeroReader{}, n))
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// A receipt beyond 4 GiB is ZIP64, and both Info-ZIP and OpenReceipt read it.
func TestReceiptBeyond4GiB(t *testing.T) {
	const size = 4<<30 + 5
	files := sampleFiles()[:1]
	files[0].Size = size
	path := filepath.Join(t.TempDir(), "large.asice")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := WriteReceipt(f, sampleReceipt(t), files, func(f File) (io.ReadCloser, error) { return zeros(f.Size), nil }); err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	r, err := OpenReceipt(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	body, err := r.Documents["document-0001.pdf"].Open()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, body); err != nil || n != size {
		t.Fatalf("%d bytes, %v", n, err)
	}
	out, err := exec.Command("sh", "-c", `unzip -p "$0" document-0001.pdf | wc -c; unzip -Z -l "$0" | grep document`, path).Output()
	if err != nil || !strings.Contains(string(out), "4294967301\n") || len(strings.Fields(string(out))) != 11 {
		t.Fatalf("unzip: %v\n%s", err, out)
	}
}
