package backup

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"

	"casemate/raid"
	"casemate/raid/volume"
)

// content writes the data as they come, and the keys behind them.
func (t *taking) content(ctx context.Context, in *RecordReader, out *Manifest) error {
	data, err := t.m.stream(t.id, kindData, t.key)
	if err != nil {
		return err
	}
	defer data.drop()
	w := NewRecordWriter(data)
	if err := w.Header(in.Header); err != nil {
		return err
	}
	var keys []volume.Op
	var bytes, said int64
	apartBytes := 0
	for {
		op, apart, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && !apart {
			err = w.Op(op, false)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if apart {
			keys = append(keys, op)
			if apartBytes += len(op.Value); apartBytes > raid.MaxApart {
				return fmt.Errorf("%w: more than %d bytes are kept apart", ErrBroken, raid.MaxApart)
			}
		}
		if bytes += int64(len(op.Value)); bytes-said > 8<<20 && t.o.Progress != nil {
			said = bytes
			t.o.Progress(bytes, in.Header.Estimate)
		}
	}
	if err := w.Trailer(in.Trailer); err != nil {
		return err
	}
	if out.Data, err = data.end(); err != nil {
		return err
	}
	out.Keys, err = t.keys(in, keys)
	return err
}

// keys writes the values kept apart into their own file.
func (t *taking) keys(in *RecordReader, ops []volume.Op) (File, error) {
	s, err := t.m.stream(t.id, kindKeys, t.key)
	if err != nil {
		return File{}, err
	}
	defer s.drop()
	w := NewRecordWriter(s)
	err = w.Header(in.Header)
	for _, op := range ops {
		if err == nil {
			err = w.Op(op, false)
		}
	}
	if err == nil {
		err = w.Trailer(in.Trailer)
	}
	if err != nil {
		return File{}, err
	}
	return s.finish()
}

func (t *taking) box() (File, error) {
	s, err := t.m.stream(t.id, kindBox, t.key)
	if err != nil {
		return File{}, err
	}
	defer s.drop()
	w := tar.NewWriter(&boxWriter{w: s})
	if t.o.Box != nil {
		err = t.o.Box(w)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return File{}, err
	}
	return s.finish()
}
