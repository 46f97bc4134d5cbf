package store

import (
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

	"casemate/raid"
	"casemate/store/identity"
	"casemate/store/journal"
)

// until polls a condition.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("%s: not within two minutes", what)
		}
	}
}

// acts gives the entries of an act, in order.
func (r *rig) acts(act string) (list []journal.Entry) {
	r.t.Helper()
	for _, e := range r.entries("") {
		if e.Act == act {
			list = append(list, e)
		}
	}
	return list
}

// newFillableRig is a rig whose volumes stand on small file systems of their own.
func newFillableRig(t *testing.T) (r *rig, fill, free func()) {
	var dirs []string
	r = newRigOn(t, func(r *rig) {
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
			dirs = append(dirs, dir)
		}
	})
	fill = func() { // to the last byte
		for _, dir := range dirs {
			f, err := os.Create(filepath.Join(dir, "others"))
			if err != nil {
				t.Fatal(err)
			}
			for err == nil {
				_, err = f.Write(make([]byte, 1<<20))
			}
			_ = f.Close()
		}
	}
	free = func() {
		for _, dir := range dirs {
			if err := os.Remove(filepath.Join(dir, "others")); err != nil {
				t.Fatal(err)
			}
		}
	}
	return r, fill, free
}

func TestMaintenanceIsJournaledBeforeAndAfter(t *testing.T) {
	r := newRig(t)
	seen := 0
	err := r.safe.Maintenance(t.Context(), identity.Local(0), "volume-add", "/srv/three", func(context.Context) (string, error) {
		if e := r.lastEntry("volume-add"); e.Result != journal.Intent || e.Object != "/srv/three" || e.Actor.Issuer != identity.LocalIssuer {
			t.Errorf("the intent is journaled as %+v", e)
		}
		seen++
		return "volume 1234", nil
	})
	if err != nil || seen != 1 {
		t.Fatal(err, seen)
	}
	if e := r.lastEntry("volume-add"); e.Result != journal.Done || e.Refs["detail"] != "volume 1234" {
		t.Errorf("the end is journaled as %+v", e)
	}
	bad := errors.New("the directory is not empty")
	if err := r.safe.Maintenance(t.Context(), alice, "volume-replace", "x", func(context.Context) (string, error) { return "", bad }); !errors.Is(err, bad) {
		t.Error(err)
	}
	if e := r.lastEntry("volume-replace"); e.Result != journal.Failed || e.Reason != bad.Error() {
		t.Errorf("a failure is journaled as %+v", e)
	}
	err = r.safe.Maintenance(t.Context(), mallory, "volume-remove", "x", func(context.Context) (string, error) {
		t.Error("done for somebody who may not")
		return "", nil
	})
	if e := r.lastEntry("volume-remove"); !errors.Is(err, identity.ErrForbidden) || e.Result != journal.Refused || e.Actor.Name != "mallory" {
		t.Errorf("%v, journaled as %+v", err, e)
	}
	if n := len(r.acts("volume-remove")); n != 1 {
		t.Errorf("%d entries of a refusal", n)
	}
}

// TestFullVolumesAreMended: what an administrator does about volumes that take no writes is done, and
// the journal tells of it, in order, once they do; events wait as well, and what was too much for the
// queue is counted.
func TestFullVolumesAreMended(t *testing.T) {
	r, fill, free := newFillableRig(t)
	fill()
	r.until("full", func() bool {
		_, err := r.safe.post(t.Context(), posting{draft: r.safe.draft(self, "probe", "", "", journal.Done, "")})
		return errors.Is(err, ErrStorage)
	})
	done := false
	err := r.safe.Maintenance(t.Context(), alice, "volume-replace", "x", func(context.Context) (string, error) { done = true; return "", nil })
	if err != nil || !done {
		t.Fatalf("%v, done %v", err, done)
	}
	for i := range eventsKept + 10 {
		r.safe.VolumeEvent(raid.Event{Kind: raid.EventFenced, Volume: 1, ID: "1234", Dir: "/b", Detail: fmt.Sprint(i)})
	}
	if n := len(r.acts("volume-replace")); n != 0 {
		t.Fatalf("%d entries on full volumes", n)
	}
	free()
	r.until("journaled", func() bool { r.safe.teller.nudge(); return len(r.acts("volume-events-dropped")) == 1 })
	if e := r.acts("volume-replace"); len(e) != 2 || e[0].Result != journal.Intent || e[1].Result != journal.Done {
		t.Errorf("%+v", e)
	}
	fenced := r.acts("volume-fenced")
	for i, e := range fenced {
		if e.Reason != fmt.Sprint(i) || e.Result != journal.Failed || e.Object != "1234" || e.Refs["dir"] != "/b" {
			t.Fatalf("entry %d: %+v", i, e)
		}
	}
	dropped := r.lastEntry("volume-events-dropped").Refs["entries"]
	if dropped != fmt.Sprint(eventsKept+10-len(fenced)) || dropped == "0" {
		t.Errorf("%d entries, %s dropped", len(fenced), dropped)
	}
	// Volumes that take writes again in the middle of the act: its end does not come before its intent.
	fill()
	probe := func() error {
		_, err := r.safe.post(t.Context(), posting{draft: r.safe.draft(self, "probe", "", "", journal.Done, "")})
		return err
	}
	r.until("full again", func() bool { return errors.Is(probe(), ErrStorage) })
	err = r.safe.Maintenance(t.Context(), alice, "volume-add", "x", func(context.Context) (string, error) {
		free()
		r.until("writing again", func() bool { return probe() == nil })
		return "", nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r.until("journaled", func() bool { r.safe.teller.nudge(); return len(r.acts("volume-add")) == 2 })
	if e := r.acts("volume-add"); e[0].Result != journal.Intent || e[1].Result != journal.Done {
		t.Errorf("%+v", e)
	}
	r.fsck()
}

// TestBadValuesAreGathered: hundreds of values found bad become few entries that count them all, also
// when the safe is closed at once.
func TestBadValuesAreGathered(t *testing.T) {
	r := newRig(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				r.safe.VolumeEvent(raid.Event{Kind: raid.EventBadValue, Volume: 0, ID: "1234", Detail: "a value does not read as it was written"})
			}
		})
	}
	wg.Wait()
	r.until("told at once", func() bool { return len(r.acts("volume-bad-value")) > 0 })
	for range 200 { // since told, and no minute has passed: they wait
		r.safe.VolumeEvent(raid.Event{Kind: raid.EventBadValue, Volume: 0, ID: "1234"})
		r.safe.tellGathered(false)
	}
	r.safe.VolumeEvent(raid.Event{Kind: raid.EventLostValue, Volume: 1, ID: "5678", Count: 7})
	r.close()
	r.open()
	total := 0
	entries := r.acts("volume-bad-value")
	for _, e := range entries {
		n := 0
		if _, err := fmt.Sscan(e.Refs["values"], &n); err != nil {
			t.Fatal(err)
		}
		total += n
	}
	if total != 1000 || len(entries) > 2 {
		t.Errorf("%d values in %d entries", total, len(entries))
	}
	if e := r.lastEntry("volume-lost-value"); e.Refs["values"] != "7" || e.Refs["slot"] != "1" {
		t.Errorf("%+v", e)
	}
}

// TestOwnVault: nobody but the safe puts anything in; auditors and administrators read it, others do
// not know what is in it.
func TestOwnVault(t *testing.T) {
	r := newRig(t)
	if _, err := r.safe.CreateVault(t.Context(), alice, OwnVault); !errors.Is(err, ErrBadName) {
		t.Errorf("made by a caller: %v", err)
	}
	body := []byte(`{"typ":"a report"}`)
	id, err := r.safe.depositOwn(t.Context(), "report.json", nil, body)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := r.safe.depositOwn(t.Context(), "report.json", nil, body); err != nil || again != id {
		t.Errorf("the same once more: %s, %v", again, err)
	}
	if _, err := r.safe.Deposit(t.Context(), alice, DepositRequest{Vault: OwnVault}, parts([]byte("x"))); !errors.Is(err, ErrForbidden) {
		t.Errorf("deposited by a caller: %v", err)
	}
	r.close()
	r.open()
	auditor := identity.Caller{Name: "aude", Issuer: strings.Repeat("cd", 32), Serial: "2", Roles: []identity.Role{identity.Auditor}}
	admin := identity.Caller{Name: "adam", Issuer: strings.Repeat("cd", 32), Serial: "3", Roles: []identity.Role{identity.Administrator}}
	reader := identity.Caller{Name: "rita", Issuer: strings.Repeat("cd", 32), Serial: "4", Vaults: []string{"*"},
		Roles: []identity.Role{identity.Reader, identity.Depositor, identity.Officer}}
	for _, who := range []identity.Caller{auditor, admin} {
		list, _, err := r.safe.List(t.Context(), who, OwnVault, 0, 0)
		if err != nil || len(list) != 1 || list[0].ID != id {
			t.Errorf("%s: %+v, %v", who.Name, list, err)
		}
		if _, body, err := r.safe.Read(t.Context(), who, id, 1); err != nil {
			t.Errorf("%s: %v", who.Name, err)
		} else {
			_ = body.Close()
		}
		if vaults, _ := r.safe.Vaults(t.Context(), who); len(vaults) != 1 || vaults[0].Name != OwnVault {
			t.Errorf("%s sees %+v", who.Name, vaults)
		}
	}
	if _, _, err := r.safe.List(t.Context(), reader, OwnVault, 0, 0); !errors.Is(err, ErrForbidden) {
		t.Errorf("a reader lists: %v", err)
	}
	if _, err := r.safe.Stat(t.Context(), reader, id); !errors.Is(err, ErrUnknownDocument) {
		t.Errorf("a reader asks: %v", err)
	}
	if _, _, err := r.safe.Read(t.Context(), reader, id, 1); !errors.Is(err, ErrUnknownDocument) {
		t.Errorf("a reader reads: %v", err)
	}
	// And those who look after the safe still read nobody else's.
	theirs := r.deposit([]byte("theirs"))
	everywhere := admin
	everywhere.Vaults = []string{"*"}
	if _, _, err := r.safe.Read(t.Context(), everywhere, theirs.ID, 1); !errors.Is(err, identity.ErrForbidden) {
		t.Errorf("an administrator reads: %v", err)
	}
	if _, err := r.safe.Check(t.Context(), everywhere, theirs.ID); !errors.Is(err, identity.ErrForbidden) {
		t.Errorf("an administrator has it checked: %v", err)
	}
	auditing := auditor
	auditing.Vaults = everywhere.Vaults
	if report, err := r.safe.Check(t.Context(), auditing, theirs.ID); err != nil || !report.OK {
		t.Errorf("an auditor has it checked: %+v, %v", report, err)
	}
	if d, err := r.safe.Stat(t.Context(), auditor, id); err != nil || d.Attestation.Depositor.Name != "casemate" || d.Attestation.Depositor.Serial != "0" {
		t.Errorf("%+v, %v", d.Attestation.Depositor, err)
	}
	if err := r.safe.Stamp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r.mustPass(id).Provisional {
		t.Error("still provisional")
	}
	r.fsck()
}
