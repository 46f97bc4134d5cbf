package web

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"casemate/store/identity"
)

// maxStrangers bounds how many entries one gathering puts into the journal. What is
// beyond is counted together, by code.
const maxStrangers = 256

// strangers counts refusals of callers without a valid certificate: the journal is
// never shortened, so nobody may fill it for free.
type strangers struct {
	now func() time.Time
	mu  sync.Mutex
	by  map[strangerKey]*stranger
}

type strangerKey struct{ from, issuer, serial, code string }

// stranger is one line of a gathering.
type stranger struct {
	who   identity.Caller
	code  string
	count int
	since time.Time
}

func (s stranger) reason() string {
	if s.count == 1 {
		return s.code
	}
	return fmt.Sprintf("%s, %d times since %s", s.code, s.count, s.since.UTC().Format(time.RFC3339))
}

func newStrangers(now func() time.Time) *strangers {
	return &strangers{now: now, by: map[strangerKey]*stranger{}}
}

func (s *strangers) add(who identity.Caller, code string) {
	who = identity.Caller{Issuer: who.Issuer, Serial: who.Serial, From: network(who.From)}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strangerKey{who.From, who.Issuer, who.Serial, code}
	if s.by[key] == nil && len(s.by) >= maxStrangers {
		who = identity.Caller{From: "many"}
		key = strangerKey{from: who.From, code: code}
	}
	if s.by[key] == nil {
		s.by[key] = &stranger{who: who, code: code, since: s.now()}
	}
	s.by[key].count++
}

// take gives what was gathered, oldest first, and begins anew.
func (s *strangers) take() []stranger {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []stranger
	for _, one := range s.by {
		all = append(all, *one)
	}
	clear(s.by)
	slices.SortFunc(all, func(a, b stranger) int {
		return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.who.From, b.who.From), cmp.Compare(a.code, b.code))
	})
	return all
}

// network is what counts as one source: an IPv4 address, or the /64 of an IPv6
// address, all of which is one party's.
func network(from string) string {
	a, err := netip.ParseAddr(from)
	if err != nil || a.Unmap().Is4() {
		return from
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return from
	}
	return p.String()
}
