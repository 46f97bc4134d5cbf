package store

import (
	"context"
	"encoding/json"
	"fmt"

	"casemate/raid"
	"casemate/store/proof"
	"casemate/store/seal"
)

const (
	// inlineBytes is how much ciphertext an object may have to ride in the batch of its intent.
	inlineBytes = 256 << 10
	// stageBytes is how much ciphertext one staged batch carries: the best shape for the volumes.
	stageBytes = 16 << 20
	blockBytes = 1 << 20
)

// stageRecord says what a deposit under way may have written, so that a sweep can take it away
// without a search. It is written before, or in the same batch as, the segments it names.
type stageRecord struct {
	Vault    proof.VaultID `json:"vault"`
	Number   uint64        `json:"number"` // 0 until the intent is journaled
	Segments []uint32      `json:"segments"`
}

func (r stageRecord) value() []byte {
	b, _ := json.Marshal(r) // plain numbers: cannot fail
	return b
}

// join gives what either of two records of one document names.
func (r stageRecord) join(other stageRecord) stageRecord {
	if len(other.Segments) > len(r.Segments) {
		r, other = other, r
	}
	r.Number = max(r.Number, other.Number)
	r.Segments = append([]uint32(nil), r.Segments...)
	for i, n := range other.Segments {
		r.Segments[i] = max(r.Segments[i], n)
	}
	return r
}

// intake receives the files of one object: one pass over the bytes, digests on one side, cipher
// and volumes on the other. Nothing it writes is visible.
type intake struct {
	safe   *Safe
	vault  *vault
	id     proof.DocumentID
	key    [32]byte
	files  []proof.File
	counts []uint32 // segments of each file

	large   bool      // it holds one of the safe's places for large objects
	pending []raid.Op // ciphertext not yet on the volumes
	weight  int
	staged  bool // something is on the volumes
	flights flights
}

func (s *Safe) newIntake(v *vault) *intake {
	return &intake{safe: s, vault: v, id: proof.NewDocumentID(), key: s.newKey()}
}

// stage describes what the intake has written or is about to.
func (in *intake) stage(number uint64) stageRecord {
	return stageRecord{Vault: in.vault.ID, Number: number, Segments: append([]uint32(nil), in.counts...)}
}

// file receives one file.
func (in *intake) file(ctx context.Context, part Part) error {
	index := uint16(len(in.files) + 1) //nolint:gosec // MaxFiles is far below
	in.counts = append(in.counts, 0)
	emit := func(n uint32, segment []byte) error {
		in.counts[index-1] = n + 1
		return in.add(ctx, raid.Op{Key: segmentKey(in.id, index, n), Value: append([]byte(nil), segment...)})
	}
	w, err := seal.NewEncrypter(in.key, segmentAD(in.vault.ID, in.id, index), emit)
	if err != nil {
		return err
	}
	digests, size, head, err := pump(ctx, part.Body, w)
	if err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	in.files = append(in.files, proof.File{Index: int(index), Name: part.Name,
		MediaType: mediaType(part.MediaType, head), Size: size, Digests: digests})
	return nil
}

// add keeps a segment in memory while the object is small and sends full batches on their way.
func (in *intake) add(ctx context.Context, op raid.Op) error {
	if !in.large && in.weight+len(op.Value) > inlineBytes {
		if err := in.enlarge(ctx); err != nil {
			return err
		}
	}
	if in.weight+len(op.Value) > stageBytes { // the short ends of earlier files may stand before it
		if err := in.flush(ctx); err != nil {
			return err
		}
	}
	in.pending = append(in.pending, op)
	in.weight += len(op.Value)
	if in.weight < stageBytes {
		return in.flights.failed()
	}
	return in.flush(ctx)
}

// enlarge takes one of the places for large objects, each of which may hold about 50 MiB: callers
// beyond them wait, they do not exhaust the machine.
func (in *intake) enlarge(ctx context.Context) error {
	select {
	case in.safe.large <- struct{}{}:
		in.large = true
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrIncomplete, ctx.Err())
	}
}

// end gives the place back, once nothing is under way.
func (in *intake) end() {
	in.flights.wait()
	if in.large {
		<-in.safe.large
		in.large = false
	}
}

// largeObjects is how many objects of more than inlineBytes come in at once.
const largeObjects = 16

// flush stages what is pending. The stage record rides in the batch, so a crash at any moment
// leaves segments only where a stage record names them.
func (in *intake) flush(ctx context.Context) error {
	if len(in.pending) == 0 {
		return nil
	}
	f := &in.flights
	slot := f.turn % stageSlots
	f.turn++
	if before := f.busy[slot]; before != nil {
		select {
		case <-before:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrIncomplete, ctx.Err())
		}
	}
	ops := append(in.pending, raid.Op{Key: stageKey(in.id, slot), Value: in.stage(0).value()})
	in.pending, in.weight, in.staged = nil, 0, true
	done := make(chan struct{})
	f.busy[slot] = done
	go func() {
		defer close(done)
		if err := in.safe.commitBatch(ops); err != nil {
			f.fail(err)
		}
	}()
	return f.failed()
}

// settle waits for the batches under way. After it, either everything received is on the volumes
// or in pending (small objects), or an error is told.
func (in *intake) settle(ctx context.Context) error {
	if in.staged || in.weight > inlineBytes {
		if err := in.flush(ctx); err != nil {
			return err
		}
	}
	in.flights.wait()
	return in.flights.failed()
}

// discard takes away what was staged, in batches. The stage record stays: it goes in the batch of
// the entry that tells how the deposit ended, so that a crash in between leaves both to the sweep.
func (s *Safe) discard(id proof.DocumentID, counts []uint32) error {
	const perBatch = 4096
	var ops []raid.Op
	for f, n := range counts {
		for i := range n {
			ops = append(ops, raid.Op{Key: segmentKey(id, uint16(f+1), i), Delete: true}) //nolint:gosec // MaxFiles
			if len(ops) == perBatch {
				if err := s.commitBatch(ops); err != nil {
					return err
				}
				ops = nil
			}
		}
	}
	if len(ops) == 0 {
		return nil
	}
	return s.commitBatch(ops)
}
