package store

import (
	"errors"
	"testing"
	"time"
)

// TestOwnVaultIsNoCallers: a vault of the safe's name that a caller once made is not taken for the safe's
// own, whose depositor nobody else may be.
func TestOwnVaultIsNoCallers(t *testing.T) {
	r := newRig(t)
	if _, err := r.safe.makeVault(t.Context(), alice, OwnVault, false); err != nil {
		t.Fatal(err)
	}
	if id, err := r.safe.depositOwn(t.Context(), "report.json", nil, []byte(`{}`)); !errors.Is(err, ErrVaultExists) {
		t.Errorf("deposited as %s: %v", id, err)
	}
	if n := r.safe.vaults[OwnVault].public().Documents; n != 0 {
		t.Errorf("%d documents in a caller's vault", n)
	}
}

// TestOwingVolumeIsScrubbedOnceADay: a volume that no scrub reaches to its end is tried again, and makes
// at most one report a day.
func TestOwingVolumeIsScrubbedOnceADay(t *testing.T) {
	r := newRig(t)
	volume, now := r.mirror.Status().Volumes[1].ID, r.safe.now()
	owing := func(since time.Duration) {
		c := r.safe.scrub
		c.mu.Lock()
		c.rec = scrubRecord{State: ScrubIdle, Owing: []string{volume},
			Last: lastScrub{Begun: now.Add(-50 * time.Hour), Whole: now.Add(-49 * time.Hour), Finished: now.Add(-since)}}
		c.mu.Unlock()
		r.safe.considerScrub(t.Context())
	}
	owing(time.Hour)
	if state := r.safe.scrubState(); state != ScrubIdle {
		t.Fatalf("an hour after the last it is %s", state)
	}
	owing(owingWait + time.Hour)
	r.safe.scrub.nudge()
	r.until("scrubbed", func() bool { return r.safe.scrubState() == ScrubIdle && len(r.acts(ActScrub)) == 2 })
	c := r.safe.scrub
	c.mu.Lock()
	left, last := c.rec.Owing, c.rec.Last
	c.mu.Unlock()
	if len(left) != 0 || !last.Finished.After(now.Add(-time.Hour)) || !last.Whole.Equal(now.Add(-49*time.Hour)) {
		t.Errorf("owing %v, %+v", left, last)
	}
}
