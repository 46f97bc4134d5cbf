package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"casemate/store/journal"
	"casemate/store/proof"
)

// TestFullVolumes fills both volumes: deposits are refused with their sentence, nothing of the refused
// is kept, what was acknowledged is still read and controlled, and a full safe opens again.
func TestFullVolumes(t *testing.T) {
	r := newRigOn(t, func(r *rig) {
		for i := range r.config.Dirs {
			dir := filepath.Join(t.TempDir(), fmt.Sprint(i))
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=320m"); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
			r.config.Dirs[i] = filepath.Join(dir, "volume")
		}
	})
	kept := map[proof.DocumentID][]byte{}
	for range 100 {
		body := randomBytes(9 << 20)
		d, err := r.safe.Deposit(t.Context(), alice, DepositRequest{Vault: "archives"}, parts(body))
		if errors.Is(err, ErrStorage) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		kept[d.ID] = body
	}
	if len(kept) == 0 || len(kept) == 100 {
		t.Fatalf("%d documents went in", len(kept))
	}
	if err := r.safe.broken(); err != nil {
		t.Fatalf("a full volume broke the safe: %v", err)
	}
	check := func() {
		t.Helper()
		for id, body := range kept {
			if !bytes.Equal(r.read(id, 1), body) {
				t.Errorf("document %s differs", id)
			}
		}
		if _, err := r.safe.Deposit(t.Context(), alice, DepositRequest{Vault: "archives"}, parts(randomBytes(9<<20))); !errors.Is(err, ErrStorage) {
			t.Errorf("a deposit on full volumes: %v", err)
		}
	}
	check()
	if e := r.lastEntry("read"); e.Result != journal.Done {
		t.Errorf("the reading is journaled as %q", e.Result)
	}
	r.close()
	r.open()
	check()
	r.fsck()
}
