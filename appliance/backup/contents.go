package backup

import (
	"errors"
	"fmt"
	"io"

	"casemate/raid"
	"casemate/raid/volume"
)

// Contents are the operations of a chain in their order, those kept apart at the end. Each stream is
// checked against its manifest to the last byte; only then Next gives io.EOF.
type Contents struct {
	Point   raid.Point // known before the first operation
	Skipped uint64     // values kept apart that are newer than the backup
	c       *Chain
	open    Opener
	todo    []section
	in      *RecordReader
	done    func()
	values  uint64
	bytes   int64
}

type section struct {
	k    kept
	kind string
}

// Contents opens the chain: the last trailer is read first, since it says what volumes are to be made.
func (c *Chain) Contents(open Opener) (*Contents, error) {
	t := &Contents{c: c, open: open}
	for _, k := range c.links {
		t.todo = append(t.todo, section{k, kindData})
	}
	t.todo = append(t.todo, section{c.newest, kindKeys})
	// The keys' file has the trailer of the newest backup; an older one's stands at the end of its data.
	last := section{c.newest, kindKeys}
	if c.newest.Number != c.Last().Number {
		last = section{c.links[len(c.links)-1], kindData}
	}
	trailer, err := t.trailer(last)
	if err != nil {
		return nil, err
	}
	t.Point = trailer.Point
	if err := t.Point.Check(); err != nil || t.Point.Head != c.Last().Head || t.Point.Declared.Set != c.Last().Set {
		return nil, errors.Join(fmt.Errorf("%w: what it holds is not what its manifest says", ErrBroken), err)
	}
	return t, nil
}

func (t *Contents) trailer(s section) (Trailer, error) {
	if err := t.enter(s); err != nil {
		return Trailer{}, err
	}
	defer t.leave()
	for {
		if _, _, err := t.in.Next(); errors.Is(err, io.EOF) {
			return t.in.Trailer, nil
		} else if err != nil {
			return Trailer{}, fmt.Errorf("number %d, %s: %w", s.k.Number, s.kind, err)
		}
	}
}

// enter begins a section.
func (t *Contents) enter(s section) error {
	key, err := t.c.key(s.k, t.open)
	if err != nil {
		return err
	}
	files := s.k.Data
	if s.kind == kindKeys {
		files = []File{s.k.Keys}
	}
	r, done, err := t.c.plain(s.k, s.kind, files, key)
	if err != nil {
		return err
	}
	if t.in, err = NewRecordReader(r, false); err != nil {
		done()
		return fmt.Errorf("number %d, %s: %w", s.k.Number, s.kind, err)
	}
	t.done, t.values, t.bytes = done, 0, 0
	if h := t.in.Header; h.ID != s.k.ID || h.Number != s.k.Number || h.Set != s.k.Set || h.Whole != s.k.Whole || h.Origin != s.k.Origin {
		t.leave()
		return fmt.Errorf("%w: number %d holds another backup than its manifest says", ErrBroken, s.k.Number)
	}
	return nil
}

func (t *Contents) leave() {
	t.done()
	t.in = nil
}

// Close lets go of the files.
func (t *Contents) Close() {
	if t.in != nil {
		t.leave()
	}
}

// Next gives the next operation, io.EOF at the proved end of all.
func (t *Contents) Next() (volume.Op, error) {
	for {
		if len(t.todo) == 0 {
			return volume.Op{}, io.EOF
		}
		s := t.todo[0]
		if t.in == nil {
			if err := t.enter(s); err != nil {
				return volume.Op{}, err
			}
		}
		op, _, err := t.in.Next()
		switch {
		case errors.Is(err, io.EOF):
			if err := t.agrees(s); err != nil {
				return volume.Op{}, err
			}
			t.leave()
			t.todo = t.todo[1:]
			continue
		case err != nil:
			return volume.Op{}, fmt.Errorf("number %d, %s: %w", s.k.Number, s.kind, err)
		}
		t.values, t.bytes = t.values+1, t.bytes+int64(len(op.Value))
		if s.kind == kindKeys {
			if sequence, ok := raid.SequenceOf(op.Value); !ok || sequence > t.Point.Head.Sequence {
				t.Skipped++
				continue
			}
		}
		return op, nil
	}
}

// agrees demands that a section was what its manifest says.
func (t *Contents) agrees(s section) error {
	got, k := t.in.Trailer, s.k
	counted := got.Values == t.values && got.Bytes == t.bytes
	if s.kind == kindKeys {
		counted = got.Apart == t.values
	}
	if !counted || got.Point.Head != k.Head || got.Held != k.Held || got.Values != k.Values || got.Bytes != k.Bytes || got.Apart != k.Apart || got.Damaged != k.Damaged {
		return fmt.Errorf("%w: number %d does not hold what its manifest says", ErrBroken, k.Number)
	}
	return nil
}
