package raid_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"casemate/raid"
	"casemate/raid/raidtest"
)

// tally is what a campaign did, for whoever reads its log.
type tally struct {
	mu                   sync.Mutex
	faults               map[string]int
	batches, reads, lost int64
	voyages              int
}

func (y *tally) count(fault string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.faults[fault]++
}

func (y *tally) add(l *ledger, lost bool) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.voyages++
	y.batches += l.acknowledged.Load()
	y.reads += l.reads.Load()
	if lost {
		y.lost++
	}
}

func (y *tally) String() string {
	y.mu.Lock()
	defer y.mu.Unlock()
	var b strings.Builder
	total := 0
	for _, name := range slices.Sorted(maps.Keys(y.faults)) {
		fmt.Fprintf(&b, "%6d %s\n", y.faults[name], name)
		total += y.faults[name]
	}
	return fmt.Sprintf("%s%6d faults injected in %d mirrors, %d batches acknowledged, %d reads; mirrors that lost anything: %d",
		b.String(), total, y.voyages, y.batches, y.reads, y.lost)
}

// TestCampaign strikes mirrors at random, one after the other, while writers and readers are at
// work: one volume, in one way or two at once, or both. After each strike nothing acknowledged is
// lost, no wrong byte was served, the mirror did not stop if a good volume was left, and it is
// healthy again by itself or by what an administrator does; at the end of each mirror both volumes
// pass a full audit, and again after a restart.
//
// CASEMATE_SEED replays the seed that a failure names; CASEMATE_CAMPAIGN (a duration) and
// CASEMATE_LONG (an hour) make it longer.
func TestCampaign(t *testing.T) {
	length := 20 * time.Second
	if os.Getenv("CASEMATE_LONG") != "" {
		length = time.Hour
	}
	if s := os.Getenv("CASEMATE_CAMPAIGN"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil {
			t.Fatal(err)
		}
		length = d
	}
	end := time.Now().Add(length)
	seeds := make(chan uint64)
	go func() {
		defer close(seeds)
		if s := os.Getenv("CASEMATE_SEED"); s != "" {
			n, err := strconv.ParseUint(s, 10, 64)
			if err != nil {
				t.Errorf("CASEMATE_SEED: %v", err)
				return
			}
			seeds <- n
			return
		}
		for seed := uint64(1); seed <= 2 || time.Now().Before(end); seed++ {
			if seed > 2 { // two that are always the same, then others
				seed = uint64(time.Now().UnixNano())
			}
			seeds <- seed
		}
	}()
	y := &tally{faults: map[string]int{}}
	t.Run("mirrors", func(t *testing.T) {
		for side := range 2 {
			t.Run(strconv.Itoa(side), func(t *testing.T) {
				t.Parallel()
				for seed := range seeds {
					if seed > 2 && time.Now().After(end) {
						continue // it waited for its turn too long
					}
					if !t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { voyage(t, seed, end, y) }) {
						return
					}
				}
			})
		}
	})
	t.Logf("campaign:\n%s", y)
}

// strikesAVoyage is how often a mirror is struck before a new one takes its place.
const strikesAVoyage = 12

// voyage is the life of one mirror in a campaign. It is cut short at the campaign's end.
func voyage(t *testing.T, seed uint64, end time.Time, y *tally) {
	r := rand.New(rand.NewPCG(seed, 0))
	s := newSite(t, 3*diskSize)
	t.Cleanup(func() {
		y.add(s.led, t.Failed())
		if t.Failed() {
			t.Logf("to have it again: CASEMATE_SEED=%d go test -run TestCampaign ./raid", seed)
		}
	})
	s.open()
	for n := range strikesAVoyage {
		if n > 1 && time.Now().After(end) {
			break
		}
		s.start(r.Uint64(), time.Duration(1+r.IntN(5))*time.Millisecond)
		s.goesOn(5 + r.Int64N(40))
		what := s.fate(r)
		y.count(what)
		s.crew.end()
		s.settled()
		if r.IntN(3) == 0 {
			s.close()
			s.open()
			s.settled()
		}
		if t.Failed() {
			t.Fatalf("strike %d: %s", n+1, what)
		}
		t.Logf("strike %d: %s", n+1, what)
	}
	s.verify()
	s.close()
	s.open()
	s.healthy()
	s.verify()
}

// fate strikes the mirror in a way chosen at random and has it come back; it gives what it did.
func (s *site) fate(r *rand.Rand) (what string) {
	s.t.Helper()
	victim := r.IntN(2)
	switch r.IntN(8) {
	case 0, 1:
		b := blows[r.IntN(len(blows))]
		s.blow(b)
		what = "both: " + b.name
	case 2:
		w := wholes[r.IntN(len(wholes))]
		s.crew.end()
		s.settled()
		s.close()
		s.whole(w, victim)
		what = "closed: " + w.name
	case 3:
		s.crew.end()
		kinds := slices.Sorted(maps.Keys(raidtest.Kinds))
		kind, h, clean := kinds[r.IntN(len(kinds))], harms[r.IntN(len(harms))], r.IntN(2) == 0
		s.settled()
		s.harm(victim, clean, kind, h)
		what = fmt.Sprintf("closed: %s %s", kind, h.name)
	default:
		k := strikes[r.IntN(len(strikes))]
		what = k.name
		if r.IntN(2) == 0 {
			what += ", then killed on its way back"
			k.back = func(s *site, v int) { s.harry(r, v) }
		}
		s.strike(k, victim)
	}
	return what
}

// harry kills a volume while it is being brought back, at random moments.
func (s *site) harry(r *rand.Rand, victim int) {
	s.t.Helper()
	for range 1 + r.IntN(2) {
		for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if v := s.volume(victim); v.State != raid.InSync && v.PID > 1 {
				break
			}
		}
		time.Sleep(time.Duration(r.IntN(60)) * time.Millisecond)
		pid := s.pid(victim)
		s.kill(victim)
		eventually(s.t, "it is known to be dead", func() bool { return pid <= 1 || s.pid(victim) != pid })
	}
}
