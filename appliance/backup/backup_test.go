package backup_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"casemate/appliance/backup"
	"casemate/raid"
)

func TestTakeAndRestore(t *testing.T) {
	r := newRig(t)
	big := strings.Repeat("x", 300<<10)
	r.put("k/big", big)
	first := r.take()
	if !first.Whole || first.Number != 1 || len(first.Data) < 3 {
		t.Fatalf("the first is %+v", first.Manifest)
	}
	r.put("k/a", "three", "W/key", "wrapped 2")
	if _, err := r.m.Write(t.Context(), []raid.Op{{Key: []byte("k/b"), Delete: true}}); err != nil {
		t.Fatal(err)
	}
	second := r.take()
	if second.Whole || second.Number != 2 || second.Series != first.ID || second.Swept != 1 || second.Bytes > first.Bytes/2 {
		t.Fatalf("the second is %+v", second)
	}
	r.put("k/c", "four")
	third := r.take()
	if third.Base.Number != 2 || len(r.ended) != 3 || r.ended[2].Manifest != third.Digest {
		t.Fatalf("the third is %+v, the safe was told %+v", third, r.ended)
	}
	r.standing(0, "k/a", "three", "k/b", "", "k/c", "four", "k/big", big, "W/key", "wrapped 2")
	r.standing(2, "k/a", "three", "k/b", "", "k/c", "", "W/key", "wrapped 2")
	// What is kept apart comes from the newest alone: it was made again since the first.
	r.standing(1, "k/a", "one", "k/b", "two", "k/c", "", "W/key", "")

	fourth := r.take(func(o *backup.Options) { o.Full = true })
	if !fourth.Whole || fourth.Series != fourth.ID {
		t.Errorf("a whole one was asked for: %+v", fourth.Manifest)
	}
	r.standing(4, "k/c", "four", "k/big", big)
	r.standing(3, "k/c", "four")

	chain, err := backup.OpenChain(r.dir, 3)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := chain.File(opener(), "config/casemate.toml"); err != nil || string(got) != "origin" {
		t.Errorf("the box gives %q, %v", got, err)
	}
	if got := chain.Numbers(); !slices.Equal(got, []uint64{1, 2, 3}) {
		t.Errorf("the third stands on %v", got)
	}
	if err := chain.CheckFiles(t.Context(), func(err error) { t.Error(err) }, nil); err != nil {
		t.Error(err)
	}
	other, _ := newRecovery()
	if _, err := chain.Contents(backup.RecoveryKey(other)); !errors.Is(err, backup.ErrKey) {
		t.Errorf("another key: %v", err)
	}
	if err := chain.Verify(backup.MACKey([32]byte{1})); !errors.Is(err, backup.ErrForeign) {
		t.Errorf("another safe: %v", err)
	}
}

// TestOnlyWhatIsKeptApartOpens demands that no value kept apart stands in the data of any backup.
func TestOnlyWhatIsKeptApartOpens(t *testing.T) {
	r := newRig(t)
	r.take()
	r.put("W/other", "wrapped 3", "W/key", "wrapped 4", "k/a", "two")
	r.take()
	keys, err := filepath.Glob(filepath.Join(r.dir, "*.keys-001"))
	if err != nil || len(keys) != 1 {
		t.Fatalf("files of keys: %v, %v", keys, err)
	}
	chain, err := backup.OpenChain(r.dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	in, err := chain.Contents(opener())
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var apart []string
	for {
		op, err := in.Next()
		if err != nil {
			break
		}
		if strings.HasPrefix(string(op.Key), "W/") {
			apart = append(apart, string(op.Key))
		} else if len(apart) > 0 {
			t.Errorf("%q comes behind what is kept apart", op.Key)
		}
	}
	if !slices.Equal(apart, []string{"W/key", "W/other"}) {
		t.Errorf("kept apart: %v", apart)
	}
	if err := os.Remove(keys[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := r.restore(0); !errors.Is(err, backup.ErrBroken) {
		t.Errorf("without its keys: %v", err)
	}
}

// TestOpensslOpensTheEnvelope has the outside world open what the recovery key is to open.
func TestOpensslOpensTheEnvelope(t *testing.T) {
	r := newRig(t)
	_, first := recovery()
	otherKey, second := newRecovery()
	r.take(func(o *backup.Options) { o.Recipients = []*x509.Certificate{first, second} })
	dir := t.TempDir()
	secret := filepath.Join(dir, "recovery.key")
	if err := os.WriteFile(secret, pemOf(t, otherKey), 0o600); err != nil {
		t.Fatal(err)
	}
	certificate := filepath.Join(dir, "recovery.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: second.Raw})
	if err := os.WriteFile(certificate, text, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("openssl", "cms", "-decrypt", "-inform", "DER", "-in", filepath.Join(r.dir, "000001.recipients"),
		"-recip", certificate, "-inkey", secret, "-out", filepath.Join(dir, "000001.key")).CombinedOutput()
	if err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
	chain, err := backup.OpenChain(r.dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	opened := filepath.Join(dir, "000001.key")
	for _, exposed := range []func() error{
		func() error { return os.Chmod(opened, 0o640) },
		func() error { return errors.Join(os.Chmod(opened, 0o600), os.Chown(opened, 12345, 0)) },
	} {
		if err := exposed(); err != nil {
			t.Fatal(err)
		}
		if _, err := chain.Contents(backup.OpenedKeys(dir)); !errors.Is(err, backup.ErrExposed) {
			t.Errorf("a key that somebody else may read: %v", err)
		}
	}
	if err := os.Chown(opened, os.Getuid(), 0); err != nil {
		t.Fatal(err)
	}
	in, err := chain.Contents(backup.OpenedKeys(dir))
	if err != nil {
		t.Fatalf("with what openssl opened: %v", err)
	}
	in.Close()
	private, err := backup.ParseRecoveryKey(pemOf(t, otherKey))
	if err != nil {
		t.Fatal(err)
	}
	if in, err = chain.Contents(backup.RecoveryKey(private)); err != nil {
		t.Fatal(err)
	}
	in.Close()
	both := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: first.Raw}), text...)
	if list, err := backup.Recipients(both); err != nil || len(list) != 2 {
		t.Errorf("recipients: %d, %v", len(list), err)
	}
	for name, bad := range map[string][]byte{"none": nil, "a key": pemOf(t, otherKey), "rubbish": append(slices.Clone(text), 'x'), "one twice": append(slices.Clone(text), text...)} {
		if _, err := backup.Recipients(bad); !errors.Is(err, backup.ErrRecipient) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestInterrupted breaks a backup off everywhere in its records: what was there before stands, and the next
// backup is made.
func TestInterrupted(t *testing.T) {
	r := newRig(t)
	r.put("k/big", strings.Repeat("x", 200<<10))
	r.take()
	for i, cut := range []int64{1, 100, 5000, 100 << 10} {
		r.put("k/n", strings.Repeat("y", 120<<10+i))
		r.cut = cut
		if _, err := backup.Take(t.Context(), r.options(), r); err == nil {
			t.Fatalf("cut off after %d bytes, and taken", cut)
		}
		left, err := filepath.Glob(filepath.Join(r.dir, ".*"))
		if err != nil || len(left) > 0 {
			t.Errorf("cut off after %d bytes: it left %v", cut, left)
		}
		r.standing(0, "k/a", "one", "k/n", "")
	}
	r.cut = 0
	ctx, cancel := context.WithCancel(t.Context())
	r.before = func(string) { cancel() }
	o := r.options()
	if _, err := backup.Take(ctx, o, r); err != nil { // everything was written already
		t.Fatal(err)
	}
	r.standing(0, "k/a", "one")
}

// TestEachFileHarmed harms each file of a chain in each way: nothing of it restores, and what the other
// numbers hold still does.
func TestEachFileHarmed(t *testing.T) {
	r := newRig(t)
	r.put("k/big", strings.Repeat("x", 100<<10))
	r.take()
	r.put("k/a", "two")
	r.take()
	r.put("k/a", "three")
	r.take()
	names, err := filepath.Glob(filepath.Join(r.dir, "*"))
	if err != nil || len(names) < 11 {
		t.Fatalf("files: %v, %v", names, err)
	}
	flip := func(at func(n int) int) func([]byte) []byte {
		return func(b []byte) []byte {
			b = slices.Clone(b)
			b[at(len(b))] ^= 4
			return b
		}
	}
	ways := map[string]func([]byte) []byte{
		"missing": nil, "empty": func([]byte) []byte { return []byte{} },
		"cut":           func(b []byte) []byte { return b[:len(b)/2] },
		"longer":        func(b []byte) []byte { return append(slices.Clone(b), 0) },
		"first flipped": flip(func(int) int { return 0 }), "middle flipped": flip(func(n int) int { return n / 2 }), "last flipped": flip(func(n int) int { return n - 1 }),
	}
	for _, name := range names {
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for way, harm := range ways {
			if harm == nil {
				err = os.Remove(name)
			} else {
				err = os.WriteFile(name, harm(whole), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			r.refused(filepath.Base(name)+" "+way, strings.HasPrefix(filepath.Base(name), "00000") && strings.Contains(name, ".box-") && !strings.HasPrefix(filepath.Base(name), "000003"))
		}
		if err := os.WriteFile(name, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.standing(0, "k/a", "three")
}

// refused demands that a harmed chain is not restored, and that the check without any key says so.
func (r *rig) refused(what string, boxOfBefore bool) {
	r.t.Helper()
	chain, err := backup.OpenChain(r.dir, 3)
	if err == nil {
		if err := chain.CheckFiles(r.t.Context(), func(error) {}, nil); !errors.Is(err, backup.ErrBroken) {
			r.t.Errorf("%s: the check says %v", what, err)
		}
		if boxOfBefore {
			return // not needed to restore the last
		}
		if err = chain.Verify(r.mac); err == nil {
			err = drain(chain, true)
		}
	}
	if !errors.Is(err, backup.ErrBroken) && !errors.Is(err, backup.ErrForeign) {
		r.t.Errorf("%s: %v", what, err)
	}
}

// drain reads all that a chain holds, the last box too if there is one.
func drain(chain *backup.Chain, box bool) error {
	if box {
		if _, err := chain.File(opener(), "config/casemate.toml"); err != nil {
			return err
		}
	}
	in, err := chain.Contents(opener())
	if err != nil {
		return err
	}
	defer in.Close()
	for {
		if _, err := in.Next(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// TestManifestThatCountsOtherwise: a signed manifest that says something else than its files hold is refused.
func TestManifestThatCountsOtherwise(t *testing.T) {
	r := newRig(t)
	for name, lie := range map[string]func(*backup.Manifest){
		"values": func(m *backup.Manifest) { m.Values++ }, "bytes": func(m *backup.Manifest) { m.Bytes-- }, "apart": func(m *backup.Manifest) { m.Apart = 0 },
		"head": func(m *backup.Manifest) { m.Head.Digest[3] ^= 1 }, "held": func(m *backup.Manifest) { m.Held.Documents = 7 }, "id": func(m *backup.Manifest) { m.ID, m.Series = "other", "other" },
	} {
		r.dir = filepath.Join(t.TempDir(), "medium")
		r.lie = lie
		r.take()
		if _, err := r.restore(0); !errors.Is(err, backup.ErrBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFilesExchanged exchanges files between two folders of the same safe, and between numbers of one.
func TestFilesExchanged(t *testing.T) {
	r := newRig(t)
	first := r.dir
	r.take()
	r.put("k/a", "two")
	r.take()
	r.dir = filepath.Join(t.TempDir(), "other")
	r.take()
	r.put("k/a", "three")
	r.take()
	second := r.dir
	names, err := filepath.Glob(filepath.Join(first, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		theirs := filepath.Join(second, filepath.Base(name))
		mine, err := os.ReadFile(theirs)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		other, err2 := os.ReadFile(name)
		if err := errors.Join(err, err2, os.WriteFile(theirs, other, 0o600)); err != nil {
			t.Fatal(err)
		}
		chain, err := backup.OpenChain(second, 0)
		if err == nil {
			err = chain.CheckFiles(t.Context(), func(error) {}, nil)
		}
		if !errors.Is(err, backup.ErrBroken) {
			t.Errorf("%s of another folder: %v", filepath.Base(name), err)
		}
		if err := os.WriteFile(theirs, mine, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// A whole number of another folder, one that holds together.
	third := filepath.Join(t.TempDir(), "third")
	if err := os.CopyFS(third, os.DirFS(second)); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !strings.HasPrefix(filepath.Base(name), "000001.") {
			continue
		}
		text, err := os.ReadFile(name)
		if err := errors.Join(err, os.WriteFile(filepath.Join(third, filepath.Base(name)), text, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := backup.OpenChain(third, 1); err != nil {
		t.Errorf("number 1 does not hold together: %v", err)
	}
	if _, err := backup.OpenChain(third, 0); !errors.Is(err, backup.ErrBroken) || !strings.Contains(err.Error(), "another than the one that the next stands on") {
		t.Errorf("an increment on another base: %v", err)
	}
	// An increment alone, its base gone.
	for _, name := range names {
		if strings.HasPrefix(filepath.Base(name), "000001.manifest") {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := backup.OpenChain(first, 0); !errors.Is(err, backup.ErrBroken) {
		t.Errorf("an increment without its base: %v", err)
	}
	r.dir = first
	if got := r.take(); !got.Whole {
		t.Error("an increment on what does not stand")
	}
	r.standing(0, "k/a", "three")
}
