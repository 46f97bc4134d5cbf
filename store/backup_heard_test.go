package store

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// TestHeardOf: a backup is known again by the journal when nothing else remembers it; one whose end was never heard is
// not, and one of another history is none of this safe's.
func TestHeardOf(t *testing.T) {
	r := newRig(t)
	r.deposit([]byte("one"))
	take := func(id string, found bool, fails error) (held Held) {
		t.Helper()
		err := r.safe.Backup(t.Context(), alice, "/media/stick", func(context.Context) (BackedUp, error) {
			var release func()
			held, release = r.safe.Hold()
			release()
			return BackedUp{ID: id, Series: strings.Repeat("5", 32), Number: 999999, At: time.Now(), Sequence: 1 << 40,
				Entries: 1 << 32, Manifest: digestOf(id), Found: found}, fails
		})
		if !errors.Is(err, fails) {
			t.Fatal(err)
		}
		r.deposit([]byte("after " + id))
		return held
	}
	heard := func(what, id string, h Held, mine, ended bool) {
		t.Helper()
		m, e, err := r.safe.HeardOf(t.Context(), id, digestOf(id), h)
		if err != nil || m != mine || e != ended {
			t.Errorf("%s: mine %v, ended %v, %v", what, m, e, err)
		}
	}
	first, later, failed := strings.Repeat("1", 32), strings.Repeat("2", 32), strings.Repeat("3", 32)
	one, two, three := take(first, false, nil), take(later, true, nil), take(failed, false, errors.New("pulled"))
	heard("one that is remembered", first, one, true, true)
	for _, id := range []string{first, later} {
		if !strings.HasSuffix(r.detailOf(id), "manifest sha256 "+digestOf(id)) {
			t.Errorf("the journal has not all of the manifest's digest: %q", r.detailOf(id))
		}
	}

	r.safe.backups.rec = Backups{Last: r.safe.backups.rec.Last} // as an earlier version left it, and on other media since
	r.safe.backups.rec.Last.Manifest = digestOf("another")
	heard("one that the journal alone has", first, one, true, true)
	heard("one that was found later", later, two, true, true)
	heard("one that failed", failed, three, true, false)
	heard("one never begun", first[:31], one, true, false)

	forged, longer := one, one
	forged.Root = "00" + forged.Root[2:]
	longer.Entries += 1000
	for what, h := range map[string]Held{"another journal": forged, "a longer one": longer, "none": {}} {
		heard(what, first, h, false, false)
	}
}

func digestOf(id string) string { return strings.Repeat(id[:1], 64) }

// detailOf is what the journal says of a backup that was done.
func (r *rig) detailOf(id string) (detail string) {
	for _, e := range r.entries("") {
		if e.Act == ActBackup && strings.HasPrefix(e.Refs["detail"], id) {
			detail = e.Refs["detail"]
		}
	}
	return detail
}
