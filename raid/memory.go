package raid

import (
	"context"
	"errors"
	"maps"
	"slices"

	"casemate/raid/volume"
)

// memory is what the manifests kept say of a key that one volume has and another lacks. Badger can lose
// either: the key of a value, which was never removed, or the mark that it was, which brings the older
// value back. The last manifest after the value's batch that names the key tells which; it is sealed, and
// no disk can forge it. If none of those kept names it, and some were trimmed since, a volume that lacks the key
// may still bear the mark of its removal, and is not given the value again then; else the value is
// taken for lost where it lacks, for losing is the worse mistake, and the journal tells the store.
type memory struct {
	since   uint64 // the batch of the newest value there is, zero if none is sound
	seen    uint64 // manifests up to it were looked at
	last    uint64 // the newest of them that names the key after since, zero none
	removed bool   // that is a removal
	trimmed bool   // not all manifests since are kept
}

// memories are those of contested keys.
type memories map[string]*memory

// removes says whether what a batch put was removed by a later one.
func (p *memory) removes(batch uint64) bool { return p.last > batch && p.removed }

// replaces says whether what a batch put was replaced by a later one.
func (p *memory) replaces(batch uint64) bool { return p.last > batch && !p.removed }

// wants is how far back a walk must go, at most, for what is to be learned of keys; not beyond most.
func (past memories) wants(most uint64) (low uint64) {
	low = most
	for _, p := range past {
		low = min(low, max(p.since, p.seen))
	}
	return low
}

// recall looks at the manifests of batches that were acknowledged since the last time, from the head back as
// far as the keys want that were not met on the way, and manifests are kept, each the one its successor names.
func (m *Mirror) recall(ctx context.Context, past memories) error {
	head := m.committed()
	unmet := maps.Clone(past) // in this walk: what comes later in it is older
	low, want := unmet.wants(head.Sequence), head.Digest
	for sequence := head.Sequence; sequence > low; sequence-- {
		man, err := m.recorded(ctx, sequence, want)
		if errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt) {
			for _, p := range past {
				p.trimmed = p.trimmed || sequence > max(p.since, p.seen)
			}
			break
		}
		if err != nil {
			return err
		}
		want = man.previous
		left := len(unmet)
		for _, e := range slices.Backward(man.entries) {
			p := unmet[string(e.key)]
			if p == nil || sequence <= max(p.since, p.seen) {
				continue
			}
			p.last, p.removed = sequence, e.remove
			delete(unmet, string(e.key))
		}
		if len(unmet) < left {
			low = unmet.wants(sequence)
		}
	}
	for _, p := range past {
		p.seen = head.Sequence
	}
	return nil
}

// recorded reads the manifest of a batch from any volume in sync that has the one of this digest. One that
// does not answer may have it: that others do not is then no answer.
func (m *Mirror) recorded(ctx context.Context, sequence uint64, digest volume.Digest) (*manifest, error) {
	missing := ErrNotFound
	var down error
	list, _, _ := m.sources()
	for _, s := range list {
		man, k, err := m.manifest(ctx, s, sequence)
		switch {
		case err == nil && k.head.Digest == digest:
			return man, nil
		case err == nil, errors.Is(err, ErrCorrupt):
			missing = ErrCorrupt
		case !errors.Is(err, ErrNotFound):
			down = err
		}
	}
	if down != nil {
		return nil, down
	}
	return nil, missing
}
