package raid

import (
	"context"
	"errors"
	"fmt"
	"io"

	"casemate/raid/volume"
)

// Restored is what Restore wrote.
type Restored struct {
	Values  uint64 // values and removals taken
	Bytes   int64
	Damaged uint64 // of the values, those that no volume had whole: they read as ErrCorrupt
}

// Restore makes volumes of what a snapshot gave: the first directory gets all of it, the others are
// empty members that the mirror fills when it opens. Each value is authenticated before it is written, none
// may be of a batch after the point, and the last batch's manifest must be the one that the point names. next
// gives the operations in their order, io.EOF at the end. c needs Command, Dirs, Key, MinFree and Log.
//
// The volumes are those of the mirror as it was, so whatever witnesses saw later batches notices that
// this is an older state when the mirror opens, and persons decide. A crash leaves a volume marked as being
// filled, which is never the truth: its directory is emptied, and the restoring begun again.
func Restore(ctx context.Context, c Config, p Point, next func() (volume.Op, error)) (out Restored, err error) {
	if c.StateDir == "" {
		c.StateDir = "-" // not looked at
	}
	if err := c.fill(); err != nil {
		return out, err
	}
	if err := p.Check(); err != nil {
		return out, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	declared, err := p.seat(c.Dirs)
	if err != nil {
		return out, err
	}
	auth, err := newAuthority(c.Key)
	if err != nil {
		return out, err
	}
	for i := len(declared) - 1; i >= 0; i-- {
		if err := create(auth, declared[i].Roster.Seats[i].Dir, declared[i], volume.Empty); err != nil {
			return out, err
		}
	}
	t := &implant{c: &c, point: p, seal: sealer{key: c.Key, set: p.Declared.Set}}
	if t.proc, err = start(c.Command, declared[0].Roster.Seats[0].Dir, c.Log); err != nil {
		return out, err
	}
	if err = t.run(ctx, next); err != nil {
		t.proc.kill()
		<-t.proc.exited
		return t.out, fmt.Errorf("filling the volume %q: %w", declared[0].Roster.Seats[0].Dir, err)
	}
	return t.out, t.proc.stop(ctx)
}

// seat gives what each of the directories is declared to be: the volume that was read first, then the
// other members of its epoch.
func (p Point) seat(dirs []string) ([]volume.Declared, error) {
	dirs, err := absolute(dirs)
	if err != nil {
		return nil, err
	}
	ids := []volume.ID{p.Declared.Volume}
	for _, id := range p.Declared.History.Last().Members {
		if id != p.Declared.Volume {
			ids = append(ids, id)
		}
	}
	if len(dirs) == 0 || len(dirs) > len(ids) {
		return nil, fmt.Errorf("%w: the mirror had %d volumes in sync, %d are to be made; add others once it is open", ErrDirectory, len(ids), len(dirs))
	}
	roster := volume.Roster{Number: p.Declared.Roster.Number}
	for i, dir := range dirs {
		roster.Seats = append(roster.Seats, volume.Seat{ID: ids[i], Dir: dir})
	}
	out := make([]volume.Declared, len(dirs))
	for i := range dirs {
		out[i] = volume.Declared{Set: p.Declared.Set, Volume: ids[i], History: p.Declared.History, Roster: roster}
	}
	return out, nil
}

// implant is a volume being filled from outside any mirror.
type implant struct {
	c     *Config
	point Point
	seal  sealer
	proc  *process
	out   Restored
}

func (t *implant) ask(ctx context.Context, r volume.Request) error {
	_, err := t.proc.client.Control(ctx, r)
	return err
}

// run fills the volume and takes the mark away at last.
func (t *implant) run(ctx context.Context, next func() (volume.Op, error)) error {
	open, cancel := context.WithTimeout(ctx, openWait)
	defer cancel()
	hello := volume.Request{Act: volume.ActHello, Protocol: volume.Protocol, Build: volume.Build(), MinFree: t.c.MinFree, Shut: true}
	if err := t.ask(open, hello); err != nil {
		return err
	}
	if err := t.ask(ctx, volume.Request{Act: volume.ActRebuild, Reason: "being restored from a backup", Head: t.point.Head}); err != nil {
		return err
	}
	if err := t.copyAll(ctx, next); err != nil {
		return err
	}
	if err := t.proveHead(ctx); err != nil {
		return err
	}
	for _, r := range []volume.Request{
		{Act: volume.ActHead, Head: t.point.Head}, {Act: volume.ActFinish}, {Act: volume.ActMark, Mark: volume.Ready},
	} {
		if err := t.ask(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// copyAll writes what next gives, one transaction being written while the next is gathered.
func (t *implant) copyAll(ctx context.Context, next func() (volume.Op, error)) error {
	var under <-chan error
	wait := func() error {
		if under == nil {
			return nil
		}
		select {
		case err := <-under:
			under = nil
			return full(err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for {
		ops, end, err := t.gather(next)
		if err != nil {
			return err
		}
		if err := wait(); err != nil {
			return err
		}
		if len(ops) > 0 {
			under = t.proc.client.StartRefill(ops, 0)
		}
		if end {
			return wait()
		}
	}
}

// full gives a volume's refusal for lack of space the mirror's name.
func full(err error) error {
	if errors.Is(err, volume.ErrNoSpace) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// gather takes the operations of one transaction, each value authenticated.
func (t *implant) gather(next func() (volume.Op, error)) (ops []volume.Op, end bool, err error) {
	open := opener{sealer: &t.seal}
	for bytes := 0; bytes < copyBytes && len(ops) < MaxOps/4; {
		op, err := next()
		if errors.Is(err, io.EOF) {
			return ops, true, nil
		}
		if err != nil {
			return nil, false, err
		}
		if err := t.judge(&open, op); err != nil {
			return nil, false, err
		}
		// A key twice in one transaction: the later one holds.
		ops, bytes = append(ops, op), bytes+len(op.Key)+len(op.Value)
		t.out.Values, t.out.Bytes = t.out.Values+1, t.out.Bytes+int64(len(op.Value))
	}
	return ops, false, nil
}

// judge refuses what no snapshot of this mirror, up to this point, has given.
func (t *implant) judge(open *opener, op volume.Op) error {
	if len(op.Key) == 0 || len(op.Key) > MaxKey || len(op.Value) > volume.MaxValue || op.Delete != (op.Value == nil) {
		return fmt.Errorf("%w: an operation of %d and %d bytes", ErrCorrupt, len(op.Key), len(op.Value))
	}
	if _, meta := volume.ParseManifestKey(op.Key); op.Key[0] == volume.MetaPrefix && !meta {
		return fmt.Errorf("%w: a key that only a volume itself writes", ErrCorrupt)
	}
	if op.Delete {
		return nil
	}
	_, sequence, err := open.unseal(nil, op.Key, op.Value)
	if errors.Is(err, errGap) && op.Key[0] != volume.MetaPrefix {
		t.out.Damaged++
		return nil
	}
	if err != nil {
		return err
	}
	if sequence > t.point.Head.Sequence {
		return fmt.Errorf("%w: a value of batch %d, after %d", ErrCorrupt, sequence, t.point.Head.Sequence)
	}
	return nil
}

// proveHead demands the manifest of the last batch, as the point names it.
func (t *implant) proveHead(ctx context.Context) error {
	head := t.point.Head
	if head.Sequence == 0 {
		return nil
	}
	key := volume.ManifestKey(head.Sequence)
	stored, err := t.proc.client.Get(ctx, key)
	if err != nil {
		return fmt.Errorf("%w: the manifest of batch %d: %w", ErrCorrupt, head.Sequence, err)
	}
	text, _, err := t.seal.unsealCopy(key, stored)
	if err != nil {
		return err
	}
	man, err := parseManifest(text)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if man.set != t.point.Declared.Set || man.head(text) != head {
		return fmt.Errorf("%w: batch %d is not the one that the backup names", ErrCorrupt, head.Sequence)
	}
	return nil
}

// CheckValue says whether a stored value is the one that a mirror of this set wrote under its key, and
// of which batch it is: zero for what a snapshot gives for a value that no volume had whole.
func CheckValue(key [32]byte, set volume.ID, at, stored []byte) (sequence uint64, err error) {
	_, sequence, err = (&sealer{key: key, set: set}).unseal(nil, at, stored)
	if errors.Is(err, errGap) && len(at) > 0 && at[0] != volume.MetaPrefix {
		return 0, nil
	}
	return sequence, err
}

// SequenceOf gives the batch that a stored value claims to be of; nothing is checked.
func SequenceOf(stored []byte) (uint64, bool) {
	sequence, _, ok := identify(stored)
	return sequence, ok
}
