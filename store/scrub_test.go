package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"casemate/store/journal"
	"casemate/store/proof"
	"casemate/store/verify"
)

// segmentsOf gives the keys of a document's segments.
func (r *rig) segmentsOf(d Document) [][]byte {
	r.t.Helper()
	rec, err := r.safe.all().record(r.t.Context(), r.safe.vaults[d.VaultName], d.Number)
	if err != nil {
		r.t.Fatal(err)
	}
	var keys [][]byte
	for f, n := range rec.inner.Segments {
		for i := range n {
			keys = append(keys, segmentKey(rec.id, uint16(f+1), i))
		}
	}
	return keys
}

// spoil rots the values of keys on one volume, in its value log, while it runs: there a value stands
// right behind its key. Nobody notices before it is read.
func (r *rig) spoil(volume int, keys ...[]byte) {
	r.t.Helper()
	found := 0
	err := filepath.WalkDir(r.config.Dirs[volume], func(path string, e os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".vlog" {
			return err
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		b, err := io.ReadAll(f)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if at := bytes.Index(b, key); at >= 0 {
				at += len(key) + 200
				if _, err := f.WriteAt([]byte{b[at] ^ 1}, int64(at)); err != nil {
					return err
				}
				found++
			}
		}
		return nil
	})
	if err != nil || found != len(keys) {
		r.t.Fatalf("%d of %d values found in the value logs, %v", found, len(keys), err)
	}
}

// scrubbed runs a scrub to its end and gives its report, read as an auditor would.
func (r *rig) scrubbed() (scrubReport, proof.DocumentID) {
	r.t.Helper()
	before := r.safe.ScrubStatus().LastReport
	if err := r.safe.StartScrub(r.t.Context(), alice); err != nil {
		r.t.Fatal(err)
	}
	return r.scrubReport(before)
}

// scrubReport waits for another report than the one before.
func (r *rig) scrubReport(before proof.DocumentID) (out scrubReport, id proof.DocumentID) {
	r.t.Helper()
	r.until("scrubbed", func() bool {
		st := r.safe.ScrubStatus()
		id = st.LastReport
		return st.State == ScrubIdle && id != before
	})
	var last journal.Entry
	for _, e := range r.acts(ActScrub) {
		if e.Refs["report"] == id.String() {
			last = e
		}
	}
	body := r.read(id, 1)
	if sha256Hex(body) != last.Refs["sha256"] {
		r.t.Error("the entry names another report")
	}
	if err := proof.ParseStrict(body, &out); err != nil {
		r.t.Fatal(err)
	}
	if again, err := proof.Canonical(out); err != nil || !bytes.Equal(again, body) {
		r.t.Errorf("not canonical: %v", err)
	}
	return out, id
}

// TestScrubRepairsRot: bytes that rotted in the value log of one volume are found, written again from
// the twin and read back; the report and the repair's attestation are documents of the safe, and the
// life of the document touched tells of it.
func TestScrubRepairsRot(t *testing.T) {
	r := newRig(t)
	untouched := r.deposit(randomBytes(2000))
	if err := r.safe.Stamp(t.Context()); err != nil {
		t.Fatal(err)
	}
	large := r.deposit(randomBytes(5 << 20))
	bad := r.segmentsOf(large)
	r.spoil(0, bad[2], bad[4])
	report, id := r.scrubbed()
	if !report.Complete || report.Unrepaired != 0 || report.Repaired != 2 || len(report.Findings) != 2 || len(report.Volumes) != 2 {
		t.Fatalf("%+v", report)
	}
	for _, f := range report.Findings {
		if !f.Repaired || f.Code != CodeDamaged || f.Volume != r.config.Dirs[0] || f.What != "document "+large.ID.String() {
			t.Errorf("%+v", f)
		}
	}
	for _, v := range report.Volumes {
		if !v.Complete || v.Documents < 2 || v.Values == 0 || v.Journal == 0 || v.Rounds != 1 { // an attestation may be one more
			t.Errorf("%+v", v)
		}
	}
	for _, key := range bad { // on that volume itself
		if _, err := r.mirror.GetFrom(t.Context(), 0, key); err != nil {
			t.Error(err)
		}
	}
	r.until("attested", func() bool { return r.attested() >= report.Repaired })
	for d, want := range map[proof.DocumentID]bool{large.ID: true, untouched.ID: false} {
		told := false
		for _, e := range r.entries(d.String()) {
			told = told || e.Act == "repair" && e.Refs["attestation"] != ""
		}
		if told != want {
			t.Errorf("the life of %s tells of a repair: %v", d, told)
		}
	}
	r.verifyOutside(id)
	if clean := r.fsck(); clean.Repaired != 0 {
		t.Errorf("repaired once more: %+v", clean)
	}
}

// attested adds up the values of all repair attestations, as an auditor reads them.
func (r *rig) attested() (values uint64) {
	r.t.Helper()
	r.safe.tellGathered(true)
	r.safe.teller.nudge()
	for _, e := range r.acts("repair-attested") {
		id, err := proof.ParseDocumentID(e.Refs["attestation"])
		if err != nil {
			r.t.Fatal(err)
		}
		var a repairAttestation
		body := r.read(id, 1)
		if err := proof.ParseStrict(body, &a); err != nil || a.Typ != RepairTyp || len(a.From) != 1 || a.Volume == a.From[0] || len(a.Documents) != 1 {
			r.t.Errorf("%s: %v", body, err)
		}
		if sha256Hex(body) != e.Refs["sha256"] {
			r.t.Error("the entry names another attestation")
		}
		values += a.Values
	}
	return values
}

// verifyOutside verifies a document's receipt with nothing but the receipt, the document and the trust.
func (r *rig) verifyOutside(id proof.DocumentID) {
	r.t.Helper()
	if err := r.safe.Stamp(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	_, write, err := r.safe.Receipt(r.t.Context(), alice, id, true)
	if err != nil {
		r.t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := write(&buf); err != nil {
		r.t.Fatal(err)
	}
	got, err := verify.Receipt(r.t.Context(), bytes.NewReader(buf.Bytes()), int64(buf.Len()), nil, r.safe.trust, time.Now())
	if err != nil || !got.OK || got.Provisional || got.Attestation.Depositor.Name != "casemate" {
		r.t.Errorf("%+v, %v", got.Steps, err)
	}
}

// TestScrubKilled: a scrub cut off by kill -9 goes on where it was, and its report counts everything
// once.
func TestScrubKilled(t *testing.T) {
	r := newRig(t)
	const documents = 12
	for range documents {
		r.deposit(randomBytes(3000))
	}
	r.crash("in the scrub", 7)
	c := r.safe.scrub
	c.mu.Lock()
	at := c.taken
	c.mu.Unlock()
	if at.Phase != phaseDocuments || at.Number < 3 {
		t.Errorf("taken up at %+v", at)
	}
	report, _ := r.scrubReport(proof.DocumentID{})
	for _, v := range report.Volumes {
		if !v.Complete || v.Documents != documents {
			t.Errorf("%+v", v)
		}
	}
	if len(report.Volumes) != 2 || report.Unrepaired != 0 || len(report.Findings) != 0 {
		t.Errorf("%+v", report)
	}
	r.fsck()
}

// TestScrubPaused: paused, it stays where it is, also across a restart, until it is started again.
func TestScrubPaused(t *testing.T) {
	r := newRig(t)
	for range 6 {
		r.deposit(randomBytes(3000))
	}
	if err := r.safe.PauseScrub(t.Context(), alice); !errors.Is(err, ErrNoScrub) {
		t.Errorf("nothing to pause: %v", err)
	}
	if err := r.safe.PauseScrub(t.Context(), mallory); err == nil {
		t.Error("paused by mallory")
	}
	reached, goOn := make(chan struct{}), make(chan struct{})
	r.safe.scrub.hook = func(at position) {
		if at.Phase == phaseDocuments && at.Number == 3 {
			close(reached)
			<-goOn
		}
	}
	if err := r.safe.StartScrub(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	<-reached
	if st := r.safe.ScrubStatus(); st.State != ScrubRunning || st.Phase != "documents" || st.Documents != 3 || st.Volume == "" || st.Total < st.Done {
		t.Errorf("%+v", st)
	}
	if err := r.safe.PauseScrub(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	r.close()
	r.open()
	if st := r.safe.ScrubStatus(); st.State != ScrubPaused || st.Documents < 3 || st.Documents > 4 {
		t.Errorf("after a restart: %+v", st)
	}
	if len(r.acts(ActScrub)) != 1 {
		t.Error("it went on by itself")
	}
	report, _ := r.scrubbed()
	if !report.Complete || report.Unrepaired != 0 || report.Volumes[0].Documents != 6 || report.Volumes[1].Documents != 6 {
		t.Errorf("%+v", report)
	}
	if e := r.acts(ActScrubPause); len(e) != 5 || e[1].Result != refusedResult || e[1].Reason != ErrNoScrub.Error() || e[4].Result != journal.Done {
		t.Errorf("%+v", e)
	}
}

func (c *testClock) at(shift time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shift = shift
}

// TestScrubWithinThirtyDays: the first begins by itself within half of the period, the next early enough
// to be finished within it; one that is held up is said to be late. (The token knows the real time and
// refuses to seal the reports of other days: they wait until the clock is right again.)
func TestScrubWithinThirtyDays(t *testing.T) {
	const day = 24 * time.Hour
	r := newRig(t)
	r.deposit([]byte("x"))
	begins := func(shift time.Duration) bool {
		r.clock.at(shift)
		r.safe.considerScrub(t.Context())
		return r.safe.scrubState() != ScrubIdle
	}
	if begins(14 * day) {
		t.Error("begun after 14 days")
	}
	if !begins(15*day + time.Hour) {
		t.Error("not begun after 15 days")
	}
	r.safe.scrub.nudge()
	r.until("waiting for the token", func() bool { st := r.safe.ScrubStatus(); return st.Phase == "report" && st.Problem != "" })
	r.clock.at(0)
	r.safe.scrub.nudge()
	_, first := r.scrubReport(proof.DocumentID{})
	if st := r.safe.ScrubStatus(); !st.LastFinished.After(r.safe.now()) || time.Until(st.NextDue) > 30*day {
		t.Errorf("a clock that ran ahead put the next one off: %+v", st)
	}
	r.clock.at(15*day + 2*time.Hour)
	st := r.safe.ScrubStatus()
	if st.Overdue || st.NextDue.Sub(st.LastFinished) != 30*day || st.NextDue.Sub(st.NextStart) != 5*day || time.Until(st.LastFinished) < 15*day {
		t.Errorf("%+v", st)
	}
	if begins(15*day + 24*day) {
		t.Error("begun 24 days after the last")
	}
	held := make(chan struct{})
	r.safe.scrub.hook = func(position) { <-held }
	if !begins(15*day + 26*day) {
		t.Error("not begun 26 days after the last")
	}
	r.safe.scrub.nudge()
	begins(15*day + 31*day)
	begins(15*day + 32*day)
	c := r.safe.scrub
	r.safe.measure(r.safe.newSurvey(0, position{}, true, &FsckReport{}))
	c.mu.Lock()
	if c.floor > minRate {
		t.Errorf("late, it goes at %.0f bytes a second whoever waits", c.floor)
	}
	c.mu.Unlock()
	late := 0
	for _, e := range r.acts(ActScrub) {
		if e.Result == journal.Failed {
			late++
		}
	}
	if late != 1 || !r.safe.ScrubStatus().Overdue {
		t.Errorf("told %d times, status %+v", late, r.safe.ScrubStatus())
	}
	close(held)
	r.until("waiting for the token", func() bool { st := r.safe.ScrubStatus(); return st.Phase == "report" && st.Problem != "" })
	r.clock.at(0)
	r.safe.scrub.nudge()
	r.scrubReport(first)
	if st := r.safe.ScrubStatus(); st.Overdue || st.NextStart.IsZero() {
		t.Errorf("%+v", st)
	}
}

// TestScrubBesideDeposits: deposits and rounds that come in while everything is read are neither held
// up nor found wanting.
func TestScrubBesideDeposits(t *testing.T) {
	r := newRig(t)
	for range 10 {
		r.deposit(randomBytes(3000))
	}
	r.safe.scrub.rate = 16 << 30
	stop := make(chan struct{})
	var made, beside atomic.Int64
	r.safe.scrub.hook = func(at position) { // in the middle of each volume, two more come in: one begun there
		if at.Phase != phaseDocuments || at.Number != 5 {
			return
		}
		before := made.Load()
		for end := time.Now().Add(time.Minute); made.Load() < before+2; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Error("the scrub holds deposits up")
				return
			}
		}
		beside.Add(1)
	}
	kept := map[proof.DocumentID][]byte{}
	var deposits sync.WaitGroup
	deposits.Go(func() {
		for ; ; time.Sleep(50 * time.Millisecond) { // a steady stream
			select {
			case <-stop:
				return
			default:
			}
			body := randomBytes(3000)
			d, err := r.safe.Deposit(context.Background(), alice, DepositRequest{Vault: "archives"}, parts(body))
			if err != nil {
				t.Error(err)
				return
			}
			kept[d.ID] = body
			made.Add(1)
		}
	})
	const scrubs = 2
	for range scrubs {
		report, _ := r.scrubbed()
		if report.Unrepaired != 0 || len(report.Findings) != 0 || !report.Complete {
			t.Errorf("%+v", report.Findings)
		}
		if err := r.safe.Stamp(t.Context()); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	deposits.Wait()
	if n := beside.Load(); n < 2*scrubs {
		t.Errorf("deposits came in beside the reading of %d volumes, not of %d", n, 2*scrubs)
	}
	r.mustHold(kept)
	r.fsck()
}

// TestScrubVolumeLeaves: a volume killed under the scrub does not hold it up, and is scrubbed when it is
// back, by itself.
func TestScrubVolumeLeaves(t *testing.T) {
	r := newRig(t)
	for range 6 {
		r.deposit(randomBytes(3000))
	}
	victim := r.mirror.Status().Volumes[0]
	killed := false
	r.safe.scrub.hook = func(at position) {
		if !killed && at.Phase == phaseDocuments && at.Number == 3 {
			killed = true
			if err := syscall.Kill(victim.PID, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		}
	}
	r.scrubbed()
	r.until("scrubbed as well", func() bool {
		r.safe.scrub.nudge()
		for _, e := range r.acts(ActScrub) {
			if e.Result != journal.Done {
				continue
			}
			id, err := proof.ParseDocumentID(e.Refs["report"])
			if err != nil {
				t.Fatal(err)
			}
			var got scrubReport
			if err := json.Unmarshal(r.read(id, 1), &got); err != nil {
				t.Fatal(err)
			}
			if got.Unrepaired != 0 {
				t.Fatalf("%+v", got.Findings)
			}
			for _, v := range got.Volumes {
				if v.ID == victim.ID && v.Complete && v.Documents >= 6 { // the first report is one more
					return true
				}
			}
		}
		return false
	})
	r.fsck()
}

// TestScrubOfAVolumeFilledAnew: where the scrub was in a database that is no more says nothing about the
// one in its place.
func TestScrubOfAVolumeFilledAnew(t *testing.T) {
	r := newRig(t)
	for range 4 {
		r.deposit(randomBytes(300))
	}
	halfway := func(at position) bool { return at.Phase == phaseDocuments && at.Number == 2 }
	for _, c := range []struct {
		name  string
		other uint64 // generations since
		first phase
	}{{"the same", 0, phaseDocuments}, {"another", 1, phaseJournal}} {
		reached, goOn := make(chan struct{}), make(chan struct{})
		r.safe.scrub.hook = func(at position) {
			if halfway(at) {
				close(reached)
				<-goOn
			}
		}
		if err := r.safe.StartScrub(t.Context(), alice); err != nil {
			t.Fatal(err)
		}
		<-reached
		if err := r.safe.PauseScrub(t.Context(), alice); err != nil {
			t.Fatal(err)
		}
		close(goOn)
		r.close()
		r.open()
		var first phase
		r.safe.scrub.hook = func(at position) {
			if first == "" {
				first = at.Phase
			}
		}
		r.safe.scrub.mu.Lock()
		r.safe.scrub.rec.Filled += c.other
		r.safe.scrub.mu.Unlock()
		if report, _ := r.scrubbed(); report.Unrepaired != 0 || first != c.first {
			t.Errorf("%s: begun in %s, %+v", c.name, first, report)
		}
	}
}
