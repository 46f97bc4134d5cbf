package raid

import (
	"context"
	"slices"
	"time"

	"casemate/raid/volume"
)

// PushOne gives one volume alone the batch that would come next, as a crash between the two does.
func (m *Mirror) PushOne(ctx context.Context, slot int, ops []Op) error {
	m.mu.Lock()
	b, err := m.compose(ops, m.next, m.history.Last().Number, 0)
	mem := m.members[slot]
	m.mu.Unlock()
	if err != nil {
		return err
	}
	return m.push(ctx, mem, b, 0)
}

// Remind does now what is done once a minute: the witnesses are told what they do not know.
func (m *Mirror) Remind() error { return m.remind() }

// SetFloor makes a volume refuse below minFree without the mirror's knowledge.
func (m *Mirror) SetFloor(ctx context.Context, slot int, minFree int64) error {
	m.mu.Lock()
	mem := m.members[slot]
	m.mu.Unlock()
	if _, err := mem.proc.client.Hello(ctx, minFree, false); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	mem.state.Floor, mem.asked = 0, m.c.Now().Add(time.Hour) // it is not asked again
	return nil
}

// Seal and Open expose the sealing of values, ParseManifest the manifests.
func Seal(key [32]byte, sequence uint64, k, plain []byte) []byte {
	s := sealer{key: key, set: volume.ID{1}}
	b, err := s.batch(sequence)
	if err != nil {
		panic(err)
	}
	room := make([]byte, len(plain)+sealOverhead)
	b.seal(room, k, plain)
	return room
}

// Unseal opens what Seal sealed.
func Unseal(key [32]byte, k, stored []byte) ([]byte, uint64, error) {
	s := sealer{key: key, set: volume.ID{1}}
	return s.unsealCopy(k, stored)
}

// Remanifest parses a manifest and encodes it again.
func Remanifest(b []byte) ([]byte, error) {
	m, err := parseManifest(b)
	if err != nil {
		return nil, err
	}
	return m.append(nil), nil
}

// SampleManifest is an encoded manifest of two entries.
func SampleManifest() []byte {
	m := manifest{set: volume.ID{1}, epoch: 2, sequence: 3, entries: []entry{
		{key: []byte("k"), size: 100, tag: tag{7}}, {key: []byte("l"), remove: true},
	}}
	return m.append(nil)
}

// Reclaiming says whether a volume is giving space back.
func (m *Mirror) Reclaiming(slot int) bool {
	s, err := m.source(slot)
	if err != nil {
		return false
	}
	st, err := s.client.Control(context.Background(), volume.Request{Act: volume.ActStatus})
	return err == nil && st.Reclaim != nil
}

// Forge writes bytes of no mirror under a key of one volume, as its database takes them.
func (m *Mirror) Forge(ctx context.Context, slot int, key, stored []byte) error {
	s, err := m.source(slot)
	if err != nil {
		return err
	}
	return s.client.Refill(ctx, []volume.Op{{Key: key, Value: stored}}, volume.FlagRepair)
}

// Stored gives a value as one volume stores it.
func (m *Mirror) Stored(ctx context.Context, slot int, key []byte) ([]byte, error) {
	s, err := m.source(slot)
	if err != nil {
		return nil, err
	}
	return m.stored(ctx, s, key)
}

// Unlist is what Badger does that loses a key.
func (m *Mirror) Unlist(ctx context.Context, slot int, key []byte) error {
	s, err := m.source(slot)
	if err != nil {
		return err
	}
	return s.client.Refill(ctx, []volume.Op{{Key: key, Delete: true}}, volume.FlagRepair)
}

// CureWith has what a repair would write written and read back, and says how many came back right.
func (m *Mirror) CureWith(ctx context.Context, slot int, key, stored []byte) (int, error) {
	s, err := m.source(slot)
	if err != nil {
		return 0, err
	}
	right, _, err := m.cure(ctx, s, []diagnosis{{key: key, wrong: wrongBad, value: stored}})
	return len(right), err
}

// Recorded reads the manifest of the head from whichever volume has it; the volumes are asked in turn.
func (m *Mirror) Recorded(ctx context.Context) error {
	head := m.committed()
	m.mu.Lock()
	for _, mem := range m.members {
		mem.slow.Store(false)
	}
	m.mu.Unlock()
	_, err := m.recorded(ctx, head.Sequence, head.Digest)
	return err
}

// SetAway sets how many manifests are kept while a member is away.
func (m *Mirror) SetAway(manifests uint64) { m.away = manifests }

// SetLag sets how many bytes the cursor of a copy stays behind it.
func (m *Mirror) SetLag(bytes int64) { m.lag = bytes }

// SampleMark is an encoded mark under a key.
func SampleMark(key [32]byte) []byte {
	a, err := newAuthority(key)
	if err != nil {
		panic(err)
	}
	b, err := mark{Order: 7, Set: volume.ID{1}, Epoch: 2, EpochID: volume.ID{3}, Head: 4, Digest: volume.Digest{5}}.encode(a)
	if err != nil {
		panic(err)
	}
	return b
}

// Remark parses a mark and encodes it again.
func Remark(key [32]byte, b []byte) ([]byte, error) {
	a, err := newAuthority(key)
	if err != nil {
		panic(err)
	}
	k, err := parseMark(b, a)
	if err != nil {
		return nil, err
	}
	return k.encode(a)
}

// ReadNotes reads whatever a state directory holds.
func ReadNotes(dir string) {
	_, _ = readRecord(dir)
	_, _ = readDecision(dir)
	_, _ = readRefused(dir)
}

// Waits says whether the oldest batch in flight was answered by every member in sync but those in these slots.
func (m *Mirror) Waits(slots ...int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.flight) == 0 {
		return false
	}
	_, _, silent := m.flight[0].tally(m.insync())
	for _, mem := range silent {
		if !slices.Contains(slots, mem.slot) {
			return false
		}
	}
	return len(silent) == len(slots)
}

// Pausing says whether writers are held back.
func (m *Mirror) Pausing() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.paused > 0
}

// Quiet says whether no key waits to be repaired in the background, or is being repaired.
func (m *Mirror) Quiet() bool {
	m.suspects.mu.Lock()
	defer m.suspects.mu.Unlock()
	return m.suspects.away+len(m.suspects.list) == 0
}

// Calls is how many are reading and writing.
func (m *Mirror) Calls() int64 { return m.calls.under.Load() }

// Recall says which batch the manifests kept name last for each key, from the head back to a batch, zero if none, and
// whether that may be for want of a manifest.
func (m *Mirror) Recall(ctx context.Context, since uint64, keys ...string) (last []uint64, trimmed []bool, err error) {
	past := memories{}
	for _, key := range keys {
		past[key] = &memory{since: since}
	}
	err = m.recall(ctx, past)
	for _, key := range keys {
		last, trimmed = append(last, past[key].last), append(trimmed, past[key].trimmed)
	}
	return last, trimmed, err
}
