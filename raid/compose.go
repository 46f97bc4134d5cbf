package raid

import (
	"fmt"

	"casemate/raid/volume"
)

// How many manifests are kept: enough to catch up after a crash when all volumes are in sync, and
// as long as is reasonable while one is away; a volume further behind is filled anew.
const (
	keepInSync   = 1024
	keepDegraded = 32768
)

// measure checks a batch against the limits and gives its bytes on the wire.
func measure(ops []Op) (int64, error) {
	total, inline, listed := 0, 0, manifestHeader
	for _, op := range ops {
		switch {
		case len(op.Key) == 0 || len(op.Key) > MaxKey || op.Key[0] == volume.MetaPrefix:
			return 0, fmt.Errorf("%w: a key of %d bytes, or one that begins with zero", ErrTooLarge, len(op.Key))
		case len(op.Value) > MaxValue:
			return 0, fmt.Errorf("%w: a value of %d bytes", ErrTooLarge, len(op.Value))
		}
		size := len(op.Key) + 7
		listed += len(op.Key) + 23
		inline += len(op.Key) + 24
		if !op.Delete {
			size += len(op.Value) + sealOverhead
			if len(op.Value)+sealOverhead < volume.ValueThreshold {
				inline += len(op.Value) + sealOverhead
			}
		}
		total += size
	}
	switch {
	case len(ops) == 0:
		return 0, fmt.Errorf("%w: it is empty", ErrTooLarge)
	case len(ops) > MaxOps, total > MaxBytes+len(ops)*(sealOverhead+7), inline > MaxInline, listed > maxManifest:
		return 0, fmt.Errorf("%w: %d operations, %d bytes, of them %d inline, manifest %d",
			ErrTooLarge, len(ops), total, inline, listed)
	}
	return int64(total + listed + 1024), nil
}

// compose seals a batch and lays it out for the volumes, as the one that follows prev.
func (m *Mirror) compose(ops []Op, prev volume.Head, epoch, trim uint64) (*volume.Batch, error) {
	seal, err := m.seal.batch(prev.Sequence + 1)
	if err != nil {
		return nil, err
	}
	b := volume.NewBuilder(m.pool)
	man := manifest{set: m.set, epoch: epoch, sequence: prev.Sequence + 1, previous: prev.Digest}
	man.entries = make([]entry, len(ops))
	for i, op := range ops {
		e := entry{key: op.Key, remove: op.Delete}
		if !op.Delete {
			e.size = len(op.Value) + sealOverhead
		}
		room, err := b.Add(op.Key, e.size, op.Delete)
		if err != nil {
			b.Drop()
			return nil, err
		}
		if !op.Delete {
			e.tag = seal.seal(room, op.Key, op.Value)
		}
		man.entries[i] = e
	}
	text := man.append(make([]byte, 0, manifestHeader+len(ops)*64))
	key := volume.ManifestKey(man.sequence)
	room, err := b.Add(key, len(text)+sealOverhead, false)
	if err != nil {
		b.Drop()
		return nil, err
	}
	seal.seal(room, key, text)
	return b.Finish(man.head(text), trim), nil
}

// trimMark is the oldest sequence whose manifest is still wanted after a batch of this sequence.
func (m *Mirror) trimMark(sequence uint64, degraded bool) uint64 {
	keep := uint64(keepInSync)
	if degraded {
		keep = m.away
	}
	if sequence <= keep {
		return 0
	}
	return sequence - keep
}
