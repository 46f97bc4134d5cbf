package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"casemate/hsm"
	"casemate/hsm/hsmtest"
	"casemate/raid"
	"casemate/store/journal"
	"casemate/store/proof"
	"casemate/store/timestamp"
)

// load is documents that are deposited on some goroutines until stop is called.
type load struct {
	r    *rig
	ctx  context.Context
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu   sync.Mutex
	kept map[proof.DocumentID][]byte // what was acknowledged, with its bytes
}

// load begins one. Its errors must be of the classes given.
func (r *rig) load(workers int, allowed ...error) *load {
	l := &load{r: r, kept: map[proof.DocumentID][]byte{}}
	l.ctx, l.stop = context.WithCancel(r.t.Context())
	for range workers {
		l.wg.Go(func() {
			for l.ctx.Err() == nil {
				body := randomBytes(3000)
				d, err := r.safe.Deposit(context.Background(), alice, DepositRequest{Vault: "archives"}, parts(body))
				if err == nil {
					l.mu.Lock()
					l.kept[d.ID] = body
					l.mu.Unlock()
					continue
				}
				known := false
				for _, class := range allowed {
					known = known || errors.Is(err, class)
				}
				if !known {
					r.t.Errorf("a deposit failed with %v", err)
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	return l
}

// more waits until one more document was acknowledged.
func (l *load) more() {
	l.r.t.Helper()
	count := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.kept)
	}
	before := count()
	l.r.until("another deposit", func() bool { return count() > before })
}

// end stops it and gives what was acknowledged.
func (l *load) end() map[proof.DocumentID][]byte {
	l.stop()
	l.wg.Wait()
	return l.kept
}

func (r *rig) mustHold(kept map[proof.DocumentID][]byte) {
	r.t.Helper()
	for id, body := range kept {
		if got := r.read(id, 1); !bytes.Equal(got, body) {
			r.t.Errorf("document %s differs", id)
		}
	}
}

// TestTokenProcessDies kills the token process again and again under a load: deposits fail with
// their sentence meanwhile, the safe seals again by itself, nothing acknowledged is lost.
func TestTokenProcessDies(t *testing.T) {
	r := newRig(t)
	load := r.load(8, ErrSealUnavailable)
	for range 4 {
		load.more()
		r.token.Kill()
		_, err := r.safe.Deposit(t.Context(), alice, DepositRequest{Vault: "archives"}, parts([]byte("not sealed")))
		if !errors.Is(err, ErrSealUnavailable) {
			t.Errorf("without a token: %v", err)
		}
		r.token.Restart()
	}
	load.more() // no restart of the safe
	r.mustHold(load.end())
	if err := r.safe.Stamp(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.fsck()
}

// TestTokenRefuses: a failed seal keeps nothing but its entries.
func TestTokenRefuses(t *testing.T) {
	r := newRig(t)
	real := r.safe.token
	r.safe.token = &interposed{Token: real, beforeSeal: func() error { return hsm.ErrUnavailable }}
	_, err := r.safe.Deposit(t.Context(), alice, DepositRequest{Vault: "archives"}, parts(randomBytes(stageBytes+5)))
	if !errors.Is(err, ErrSealUnavailable) {
		t.Errorf("%v", err)
	}
	if e := r.lastEntry(ActDeposit); e.Result != journal.Failed || e.Reason != ErrSealUnavailable.Error() {
		t.Errorf("journaled as %q, %q", e.Result, e.Reason)
	}
	r.nothingKept(0)
	r.safe.token = real
	d := r.deposit([]byte("x"))
	if d.Number != 2 {
		t.Errorf("number %d: the one that failed was given twice", d.Number)
	}
	r.fsck()
}

// TestCheckpointNotHeard: the token signed, its answer was lost; the next checkpoint follows from the
// one that was signed.
func TestCheckpointNotHeard(t *testing.T) {
	r := newRig(t)
	r.deposit([]byte("x"))
	if _, err := r.safe.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.safe.checkpointing.Lock()
	real := r.safe.token
	r.safe.token = &interposed{Token: real, afterSign: func() error { return hsm.ErrUnavailable }}
	r.safe.checkpointing.Unlock()
	r.deposit([]byte("y"))
	if _, _, err := r.safe.publish(t.Context()); !errors.Is(err, ErrSealUnavailable) {
		t.Fatalf("a lost answer: %v", err)
	}
	r.safe.checkpointing.Lock()
	r.safe.token = real
	r.safe.checkpointing.Unlock()
	r.deposit([]byte("z"))
	note, err := r.safe.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c, err := proof.ParseCheckpointNote(note, r.safe.vkey); err != nil || c.Size < r.safe.log.Size()-1 {
		t.Errorf("checkpoint %+v, %v", c, err)
	}
}

// TestAuthorityAway: deposits go on, receipts stay provisional, the state says so; when it answers
// all of them are proved.
func TestAuthorityAway(t *testing.T) {
	r := newRig(t)
	r.tsa.set(timestamp.ErrUnreachable)
	d := r.deposit([]byte("x"))
	if err := r.safe.Stamp(t.Context()); !errors.Is(err, timestamp.ErrUnreachable) {
		t.Errorf("a round without an authority: %v", err)
	}
	r.clock.mu.Lock()
	r.clock.shift = 25 * time.Hour
	r.clock.mu.Unlock()
	if s := r.safe.Status(t.Context()); s.Pending != 1 || !s.Late {
		t.Errorf("status %+v", s)
	}
	r.clock.mu.Lock()
	r.clock.shift = 0
	r.clock.mu.Unlock()
	r.tsa.set(nil)
	if err := r.safe.Stamp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := r.safe.Status(t.Context()); s.Pending != 0 || s.Late || s.Round != 1 {
		t.Errorf("status %+v", s)
	}
	if r.mustPass(d.ID).Provisional {
		t.Error("still provisional")
	}
}

// TestRoundsAreManyAndFound spreads documents over rounds, across a restart.
func TestRoundsAreManyAndFound(t *testing.T) {
	r := newRig(t)
	var ids []proof.DocumentID
	for i := range 5 {
		for range i + 1 {
			ids = append(ids, r.deposit(randomBytes(10)).ID)
		}
		if i == 2 {
			r.close()
			r.open()
		}
		if err := r.safe.Stamp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for i, id := range ids {
		d, err := r.safe.Stat(t.Context(), alice, id)
		if err != nil {
			t.Fatal(err)
		}
		want := uint64(1)
		for n := i + 1; n > int(want); want++ {
			n -= int(want)
		}
		if d.Round != want {
			t.Errorf("document %d: round %d, want %d", i, d.Round, want)
		}
		r.mustPass(id)
	}
}

// TestVolumeDamaged flips bytes in the files of one volume: everything is still read, from the
// other, and the control says which copy is not what was sealed.
func TestVolumeDamaged(t *testing.T) {
	r := newRig(t)
	body := randomBytes(4 << 20)
	d := r.deposit(body)
	r.close()
	flipped := 0
	err := filepath.WalkDir(r.config.Dirs[0], func(path string, e os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".vlog" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if at := bytes.IndexByte(b[min(len(b)-1, 1<<20):], 0x5a); at > 0 {
			b[at+1<<20] ^= 1
			flipped++
		}
		return os.WriteFile(path, b, 0o600)
	})
	if err != nil || flipped == 0 {
		t.Fatalf("%d files damaged, %v", flipped, err)
	}
	r.open()
	if got := r.read(d.ID, 1); !bytes.Equal(got, body) {
		t.Fatal("wrong bytes were served")
	}
	if s := r.safe.Status(t.Context()).Volumes; len(s.Volumes) != 2 {
		t.Errorf("status %+v", s)
	}
}

// TestRolledBack puts an older copy of both volumes back: the token remembers a longer journal.
func TestRolledBack(t *testing.T) {
	r := newRig(t)
	r.deposit([]byte("before"))
	r.close()
	old := t.TempDir()
	for i, dir := range append([]string{r.config.StateDir}, r.config.Dirs...) {
		if err := os.CopyFS(filepath.Join(old, fmt.Sprint(i)), os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
	}
	r.open()
	r.deposit([]byte("after"))
	if _, err := r.safe.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.close()
	for i, dir := range append([]string{r.config.StateDir}, r.config.Dirs...) {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(dir, os.DirFS(filepath.Join(old, fmt.Sprint(i)))); err != nil {
			t.Fatal(err)
		}
	}
	mirror, err := raid.Open(t.Context(), r.config)
	if err != nil {
		return // found even earlier
	}
	defer mirror.Close() //nolint:errcheck // it holds nothing new
	r.mirror = mirror
	if safe, err := Open(t.Context(), r.settings()); !errors.Is(err, ErrIntegrity) {
		if err == nil {
			_ = safe.Close()
		}
		t.Errorf("volumes rolled back together: %v", err)
	}
	r.decidedAfterAll()
}

// decidedAfterAll: two officers give up what the token signed of the journal. Only their decision about
// this very checkpoint opens the safe; it goes on, says so in the journal, and needs no decision again.
func (r *rig) decidedAfterAll() {
	r.t.Helper()
	settings := r.settings()
	for name, decision := range map[string]func(uint64, [32]byte) (hsm.Decision, bool, error){
		"none": func(uint64, [32]byte) (d hsm.Decision, found bool, err error) { return },
		"of nobody": func(uint64, [32]byte) (hsm.Decision, bool, error) {
			return hsm.Decision{Statement: []byte("x"), Signatures: [][]byte{{1}, {2}}}, true, nil
		},
		"about another": func(n uint64, root [32]byte) (hsm.Decision, bool, error) {
			return hsmtest.Decision(n-1, root), true, nil
		},
		"about other roots": func(n uint64, root [32]byte) (hsm.Decision, bool, error) {
			root[0]++
			return hsmtest.Decision(n, root), true, nil
		},
	} {
		settings.Decision = decision
		if safe, err := Open(r.t.Context(), settings); !errors.Is(err, ErrIntegrity) {
			if err == nil {
				_ = safe.Close()
			}
			r.t.Errorf("a decision %s: %v, want ErrIntegrity", name, err)
		}
	}
	settings.Decision = func(n uint64, root [32]byte) (hsm.Decision, bool, error) { return hsmtest.Decision(n, root), true, nil }
	safe, err := Open(r.t.Context(), settings)
	if err != nil {
		r.t.Fatal(err)
	}
	told := func() (n int) {
		err := safe.log.Audit(r.t.Context(), 0, safe.log.Size(), func(e journal.Entry) error {
			if e.Act == "journal-resume" && e.Refs["given-up"] != "" && e.Refs["statement"] != "" {
				n++
			}
			return nil
		})
		if err != nil {
			r.t.Fatal(err)
		}
		return n
	}
	r.until("the journal tells that it was resumed", func() bool { return told() > 0 })
	if _, err := safe.Checkpoint(r.t.Context()); err != nil {
		r.t.Errorf("after the decision no checkpoint is signed: %v", err)
	}
	if err := safe.Close(); err != nil {
		r.t.Fatal(err)
	}
	settings.Decision = nil
	if safe, err = Open(r.t.Context(), settings); err != nil {
		r.t.Fatalf("opened again: %v", err)
	}
	if n := told(); n != 1 {
		r.t.Errorf("the journal tells %d times of one decision", n)
	}
	if err := safe.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// TestFsckSeesGaps: a record that is gone leaves a number that nothing explains, and an entry that
// tells of a document which is not there.
func TestFsckSeesGaps(t *testing.T) {
	r := newRig(t)
	for range 3 {
		r.deposit([]byte("x"))
	}
	v := r.safe.vaults["archives"]
	if err := r.safe.commitBatch([]raid.Op{{Key: recordKey(v.ID, 2), Delete: true}, {Key: recordKey(v.ID, 3), Delete: true}}); err != nil {
		t.Fatal(err)
	}
	report, err := r.safe.Fsck(t.Context(), FsckOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	gaps, missing, tallies := 0, 0, 0
	for _, f := range report.Findings {
		switch {
		case f.Detail == "it is missing and the journal does not say why":
			gaps++
		case f.Detail == "the journal says it was deposited; it is not there":
			missing++
		case strings.HasPrefix(f.Detail, "its tally says 3 documents and 3 bytes, there are 1 and 1"):
			tallies++
		}
	}
	if gaps != 4 || missing != 4 || tallies != 2 { // on each of the two volumes
		t.Errorf("%+v", report.Findings)
	}
}

// TestBothVolumesDie: nobody knows then which batch was the last to be durable. The safe stops by
// itself, and a new start finds everything that was acknowledged.
func TestBothVolumesDie(t *testing.T) {
	r := newRig(t)
	load := r.load(4, ErrStorage, ErrClosed)
	load.more()
	for _, v := range r.mirror.Status().Volumes {
		if err := syscall.Kill(v.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-r.safe.Fatal():
	case <-time.After(time.Minute):
		t.Fatal("the safe goes on without a volume")
	}
	if _, err := r.safe.Deposit(t.Context(), alice, DepositRequest{Vault: "archives"}, parts([]byte("x"))); !errors.Is(err, ErrStorage) {
		t.Errorf("a deposit in a broken safe: %v", err)
	}
	kept := load.end()
	_ = errors.Join(r.safe.Close(), r.mirror.Close())
	r.open()
	r.mustHold(kept)
	r.fsck()
}
