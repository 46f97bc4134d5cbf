package verify

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"casemate/store/proof"
)

func judgeWith(t testing.TB, b []byte, dir, policy string) (Report, error) {
	t.Helper()
	trust, err := LoadTrust(dir)
	if err != nil {
		t.Fatal(err)
	}
	trust.Policies = []string{policy}
	return Receipt(context.Background(), bytes.NewReader(b), int64(len(b)), nil, trust, time.Now())
}

// FuzzReceipt: whatever a stranger sends, the verdict is never yes unless it is
// the honest receipt's content.
func FuzzReceipt(f *testing.F) {
	w := newWorld(f)
	d := w.make(f, recipe{})
	trust, err := LoadTrust(w.trust)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(d.write(f, true))
	f.Add(d.write(f, false))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Receipt(context.Background(), bytes.NewReader(b), int64(len(b)), nil, trust, time.Now())
		if r.OK != (err == nil) {
			t.Fatalf("OK is %v, error is %v", r.OK, err)
		}
		if !r.OK || r.Provisional {
			return
		}
		// Seeds of another run are sealed by that run's keys, so only this one's pass.
		got, err := r.Attestation.Marshal()
		if err != nil || !bytes.Equal(got, d.receipt.Attestation) {
			t.Fatalf("another receipt was verified: %s", got)
		}
	})
}

func FuzzLoadTrust(f *testing.F) {
	w := newWorld(f)
	for _, name := range proof.TrustNames() {
		b, err := loadFile(filepath.Join(w.trust, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		for _, name := range proof.TrustNames() {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := LoadTrust(dir); err == nil {
			t.Fatal("one file served as all three")
		}
	})
}
