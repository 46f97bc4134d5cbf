package evidence

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"
)

// changed is a copy of a group with something done to it.
func changed(group [][32]byte, change func([][32]byte) [][32]byte) [][32]byte {
	return change(append([][32]byte(nil), group...))
}

func TestAnotherGroupIsRefused(t *testing.T) {
	a := newTSA(t)
	_, group := objects("deposit", 6)
	_, other := objects("other", 5)
	r := a.round(t, other, group)
	first := r.record(t, 1)
	records := map[string][]byte{
		"first":             first,
		"timestamp renewed": renewTimestamp(t, a, first),
		"hash tree renewed": renewHashTree(t, a, first, group),
	}
	groups := map[string][][32]byte{
		"nothing":           nil,
		"an object less":    group[:5],
		"an object more":    append(append([][32]byte(nil), group...), other[0]),
		"an object twice":   append(append([][32]byte(nil), group...), group[0]),
		"an object changed": changed(group, func(g [][32]byte) [][32]byte { g[3][31] ^= 1; return g }),
		"another group":     other,
		"its group hash":    {GroupHash(group)},
	}
	for kind, record := range records {
		parsed := parsed(t, record)
		if err := parsed.Verify(changed(group, func(g [][32]byte) [][32]byte { g[0], g[5] = g[5], g[0]; return g }), a.check); err != nil {
			t.Errorf("%s, in another order: %v", kind, err)
		}
		for name, g := range groups {
			if err := parsed.Verify(g, a.check); !errors.Is(err, ErrMismatch) {
				t.Errorf("%s, %s: %v", kind, name, err)
			}
		}
	}
	// One object of a group stood in its list, and so is proved by itself.
	if err := parsed(t, first).Verify(group[:1], a.check); err != nil {
		t.Errorf("one object by itself: %v", err)
	}
}

// A renewal that does not cover what it renews proves nothing.
func TestRenewalsMustCover(t *testing.T) {
	a := newTSA(t)
	_, group := objects("deposit", 6)
	_, other := objects("other", 5)
	r := a.round(t, other, group)
	first, stranger := r.record(t, 1), a.round(t, group).record(t, 0)

	mix := func(der []byte, change func(*Record)) []byte {
		m := parsed(t, der)
		change(&m)
		return marshalled(t, m)
	}
	twice := renewTimestamp(t, a, renewTimestamp(t, a, first))
	chained := renewHashTree(t, a, first, group)
	cases := map[string][]byte{
		"the renewed stamp replaced": mix(renewTimestamp(t, a, first), func(m *Record) { m.chains[0][0] = parsed(t, stranger).chains[0][0] }),
		"a renewal left out":         mix(renewTimestamp(t, a, twice), func(m *Record) { m.chains[0] = append(m.chains[0][:2:2], m.chains[0][3]) }),
		"renewals swapped":           mix(twice, func(m *Record) { m.chains[0][1], m.chains[0][2] = m.chains[0][2], m.chains[0][1] }),
		"the renewed chain replaced": mix(chained, func(m *Record) { m.chains[0] = parsed(t, stranger).chains[0] }),
		"the renewed chain left out": mix(chained, func(m *Record) { m.chains = m.chains[1:] }),
		"a chain renewed later":      mix(chained, func(m *Record) { m.chains[0] = parsed(t, renewTimestamp(t, a, first)).chains[0] }),
		"a stamp over the group":     mix(first, func(m *Record) { m.chains[0] = append(m.chains[0], parsed(t, stranger).chains[0][0]) }),
	}
	for name, der := range cases {
		// Where nothing but the token binds a stamp, openssl is who notices.
		if err := parsed(t, der).Verify(group, a.check); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Without its one renewal between, the first stamp still stands under the
// last, which covers all before it: sound, and held to a stricter time.
func TestLastStampCoversTheFirst(t *testing.T) {
	a := newTSA(t)
	_, group := objects("deposit", 6)
	r := parsed(t, renewTimestamp(t, a, renewTimestamp(t, a, a.round(t, group).record(t, 0))))
	r.chains[0] = append(r.chains[0][:1:1], r.chains[0][2])
	if err := r.Verify(group, a.check); err != nil {
		t.Error(err)
	}
}

func TestTokensAreCheckedNewestFirst(t *testing.T) {
	a := newTSA(t)
	_, group := objects("deposit", 6)
	der := renewTimestamp(t, a, renewHashTree(t, a, renewTimestamp(t, a, a.round(t, group).record(t, 0)), group))
	r := parsed(t, der)
	var got [][]byte
	err := r.Verify(group, func(token []byte, digest [32]byte) error {
		got = append([][]byte{token}, got...)
		return a.check(token, digest)
	})
	if err != nil || !bytes.Equal(bytes.Join(got, nil), bytes.Join(r.Tokens(), nil)) || len(got) != 4 {
		t.Errorf("%d tokens, %v", len(got), err)
	}
	errTSA := errors.New("authority unknown")
	for refused := range 4 {
		calls := 0
		err := r.Verify(group, func([]byte, [32]byte) error {
			if calls++; calls == refused+1 {
				return errTSA
			}
			return nil
		})
		if !errors.Is(err, errTSA) || calls != refused+1 {
			t.Errorf("token %d refused: %v after %d", refused, err, calls)
		}
	}
}

// A token over another digest is openssl's to refuse.
func TestTokenOfAnotherRound(t *testing.T) {
	a := newTSA(t)
	_, group := objects("deposit", 6)
	der, err := NewRecord(group, nil, a.stamp(t, sha256.Sum256([]byte("another"))))
	if err != nil {
		t.Fatal(err)
	}
	if err := parsed(t, der).Verify(group, a.check); err == nil {
		t.Error("accepted")
	}
}
