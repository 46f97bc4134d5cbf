package appliance

import (
	"testing"

	"casemate/appliance/wire"
	"casemate/raid"
	"casemate/store"
)

// TestStatusReasons: what stands against a deposit, and what does not.
func TestStatusReasons(t *testing.T) {
	volume := func(state raid.VolumeState, free int64) raid.VolumeStatus {
		return raid.VolumeStatus{State: state, Free: free, Size: 1000, Floor: 100}
	}
	two := raid.Status{MinCopies: 1, Volumes: []raid.VolumeStatus{volume(raid.InSync, 500), volume(raid.InSync, 500)}}
	with := func(change func(*store.Status)) store.Status {
		s := store.Status{Volumes: two}
		s.Volumes.Volumes = append([]raid.VolumeStatus{}, two.Volumes...)
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		given store.Status
		want  []string
	}{
		"well":                              {with(func(*store.Status) {}), nil},
		"one volume of two":                 {with(func(s *store.Status) { s.Volumes.Volumes[1].State = raid.Faulted }), nil},
		"one volume where two are wanted":   {with(func(s *store.Status) { s.Volumes.Volumes[1].State, s.Volumes.MinCopies = raid.Syncing, 2 }), []string{wire.ReasonVolumes}},
		"no volume":                         {with(func(s *store.Status) { s.Volumes.Volumes = nil }), []string{wire.ReasonVolumes}},
		"read-only":                         {with(func(s *store.Status) { s.Volumes.ReadOnly = true }), []string{wire.ReasonVolumes}},
		"full":                              {with(func(s *store.Status) { s.Volumes.Volumes[0] = volume(raid.InSync, 99) }), []string{wire.ReasonSpace}},
		"a full one that is not in sync":    {with(func(s *store.Status) { s.Volumes.Volumes[0] = volume(raid.Faulted, 99) }), nil},
		"space not known":                   {with(func(s *store.Status) { s.Volumes.Volumes[0].Free = -1 }), nil},
		"the clock":                         {with(func(s *store.Status) { s.ClockProblem = "no server" }), []string{wire.ReasonClock}},
		"a round that failed":               {with(func(s *store.Status) { s.RoundProblem, s.Late = "no authority", true }), nil},
		"the last attempt to seal failed":   {with(func(s *store.Status) { s.TokenProblem = "busy" }), nil},
		"the clock, and a volume that fell": {with(func(s *store.Status) { s.ClockProblem, s.Volumes.ReadOnly = "x", true }), []string{wire.ReasonClock, wire.ReasonVolumes}},
	} {
		got := statusReasons(c.given)
		if len(got) != len(c.want) {
			t.Errorf("%s: %+v, want %v", name, got, c.want)
			continue
		}
		for i, r := range got {
			if r.Code != c.want[i] || r.Message == "" {
				t.Errorf("%s: %+v, want %v", name, got, c.want)
			}
		}
	}
}

// TestStatusConcerns: what wants a person though deposits are taken.
func TestStatusConcerns(t *testing.T) {
	for name, c := range map[string]struct {
		given store.Status
		want  string
	}{
		"well":               {store.Status{Volumes: raid.Status{State: raid.Healthy}}, ""},
		"a volume is away":   {store.Status{Volumes: raid.Status{State: raid.Degraded}}, " " + wire.ReasonDegraded},
		"a volume is filled": {store.Status{Volumes: raid.Status{State: raid.Resilvering}}, " " + wire.ReasonDegraded},
		"no authority":       {store.Status{Volumes: raid.Status{State: raid.Healthy}, Late: true, Pending: 3}, " " + wire.ReasonLate},
		"both":               {store.Status{Volumes: raid.Status{State: raid.Degraded}, Late: true}, " " + wire.ReasonDegraded + " " + wire.ReasonLate},
	} {
		got := ""
		for _, r := range statusConcerns(c.given) {
			if got += " " + r.Code; r.Message == "" {
				t.Errorf("%s: no text for %s", name, r.Code)
			}
		}
		if got != c.want {
			t.Errorf("%s:%s, want%s", name, got, c.want)
		}
	}
}
