package verify

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"casemate/store/proof"
)

var update = flag.Bool("update", false, "make the golden receipt anew (only before a format is released)")

const goldenDir = "testdata/golden"

// goldenAt is when the golden receipt is judged: its certificates do not live
// for ever, its bytes do.
var goldenAt = time.Date(2026, 12, 24, 18, 0, 0, 0, time.UTC)

// goldenReceipt is a receipt made once, and the trust to judge it with.
func goldenReceipt(t testing.TB) ([]byte, Trust) {
	t.Helper()
	b, err1 := os.ReadFile(filepath.Join(goldenDir, "receipt.asice"))
	trust, err2 := LoadTrust(filepath.Join(goldenDir, "trust"))
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return b, trust
}

func updateGolden(t *testing.T) {
	t.Helper()
	w := newWorld(t)
	d := w.make(t, recipe{bodies: [][]byte{[]byte("a deed\n"), {}}, names: []string{"deed.txt", "empty"}})
	if err := os.MkdirAll(filepath.Join(goldenDir, "trust"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(goldenDir, "receipt.asice"), d.write(t, true))
	for _, name := range proof.TrustNames() {
		b, err := loadFile(filepath.Join(w.trust, name))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(goldenDir, "trust", name), b)
	}
}

// A receipt handed out once verifies in every later version, and in no later
// version does another.
func TestGoldenReceipt(t *testing.T) {
	if *update {
		updateGolden(t)
	}
	b, trust := goldenReceipt(t)
	r, err := Receipt(context.Background(), bytes.NewReader(b), int64(len(b)), nil, trust, goldenAt)
	if err != nil || !r.OK || r.Provisional || r.ProvedAt.Year() != 2026 {
		t.Fatalf("%v %+v", err, r)
	}
	bothRefuse(t, ErrSeal, b, newWorld(t).trust)
}

// FuzzReceipt: whatever a stranger sends, the verdict is never yes unless it is
// the honest receipt's content.
func FuzzReceipt(f *testing.F) {
	b, trust := goldenReceipt(f)
	honest, err := proof.OpenReceipt(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Receipt(context.Background(), bytes.NewReader(b), int64(len(b)), nil, trust, goldenAt)
		if r.OK != (err == nil) {
			t.Fatalf("OK is %v, error is %v", r.OK, err)
		}
		if !r.OK {
			return
		}
		got, err := r.Attestation.Marshal()
		if err != nil || !bytes.Equal(got, honest.Attestation) {
			t.Fatalf("another receipt was verified: %s", got)
		}
	})
}
