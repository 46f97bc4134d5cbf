package backup

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"casemate/raid"
	"casemate/raid/volume"
	"casemate/store"
)

// The content of a backup is a sequence of records: a header, operations, a trailer, and nothing behind it.
//
//	H length(4) JSON           the header, first
//	P key length(2) value length(4) key value
//	D key length(2) key        a removal
//	K like P                   a value kept apart: only on the way from the safe, never on the medium
//	E length(4) JSON           the trailer, last
//	F length(4) JSON           the safe could not go on: instead of the trailer, only on the way
const (
	recHeader  = 'H'
	recPut     = 'P'
	recDelete  = 'D'
	recApart   = 'K'
	recTrailer = 'E'
	recFailure = 'F'
	maxJSON    = 1 << 20
)

// Header says what is to come.
type Header struct {
	ID       string       `json:"id"`
	Number   uint64       `json:"number"`
	Origin   string       `json:"origin"`
	Set      volume.ID    `json:"set"`
	Whole    bool         `json:"whole"`
	Why      string       `json:"why,omitempty"`   // it is whole although an increment was wanted
	Since    *volume.Head `json:"since,omitempty"` // what it is an increment on
	Estimate int64        `json:"estimate"`        // bytes to come, about; 0 when nobody knows
}

// Trailer says what came.
type Trailer struct {
	Point   raid.Point `json:"point"`
	Held    store.Held `json:"held"`
	Values  uint64     `json:"values"`
	Bytes   int64      `json:"bytes"` // of the values
	Apart   uint64     `json:"apart"` // values kept apart
	Damaged uint64     `json:"damaged"`
}

// Failure is why the safe could not go on with its records.
type Failure struct {
	Said string `json:"error"`
	Code string `json:"code,omitempty"` // name of the error, for whoever has words for it
}

func (f *Failure) Error() string { return f.Said }

// RecordWriter writes records.
type RecordWriter struct {
	w   *bufio.Writer
	err error
}

// NewRecordWriter writes to w; what is written is there after Flush.
func NewRecordWriter(w io.Writer) *RecordWriter {
	return &RecordWriter{w: bufio.NewWriterSize(w, 256<<10)}
}

func (w *RecordWriter) text(kind byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(b) > maxJSON {
		return fmt.Errorf("a record of %d bytes", len(b))
	}
	w.put([]byte{kind})
	w.put(binary.BigEndian.AppendUint32(nil, uint32(len(b)))) // #nosec G115 -- bounded above
	w.put(b)
	return w.err
}

func (w *RecordWriter) put(b []byte) {
	if w.err == nil {
		_, w.err = w.w.Write(b)
	}
}

// Header writes the header.
func (w *RecordWriter) Header(h Header) error { return w.text(recHeader, h) }

// Trailer writes the trailer, and all that waits.
func (w *RecordWriter) Trailer(t Trailer) error {
	if err := w.text(recTrailer, t); err != nil {
		return err
	}
	return w.w.Flush()
}

// Fail says in place of all that would follow why nothing does, and writes all that waits.
func (w *RecordWriter) Fail(f Failure) error {
	if err := w.text(recFailure, f); err != nil {
		return err
	}
	return w.w.Flush()
}

// Op writes one operation; one that is kept apart is marked as such.
func (w *RecordWriter) Op(op volume.Op, apart bool) error {
	head := make([]byte, 0, 7)
	switch {
	case len(op.Key) == 0 || len(op.Key) > volume.MaxKey || len(op.Value) > volume.MaxValue || op.Delete != (op.Value == nil) || op.Delete && apart:
		return fmt.Errorf("an operation of %d and %d bytes", len(op.Key), len(op.Value))
	case op.Delete:
		head = binary.BigEndian.AppendUint16(append(head, recDelete), uint16(len(op.Key))) // #nosec G115 -- bounded above
	default:
		kind := byte(recPut)
		if apart {
			kind = recApart
		}
		head = binary.BigEndian.AppendUint16(append(head, kind), uint16(len(op.Key))) // #nosec G115 -- bounded above
		head = binary.BigEndian.AppendUint32(head, uint32(len(op.Value)))             // #nosec G115 -- bounded above
	}
	w.put(head)
	w.put(op.Key)
	w.put(op.Value)
	return w.err
}

// RecordReader reads records strictly.
type RecordReader struct {
	Header  Header
	Trailer Trailer // once Next gave io.EOF
	r       *bufio.Reader
	apart   bool // whether records kept apart may come
	done    bool
}

// NewRecordReader reads the header. What breaks the form is ErrBroken. With apart set it reads what the safe
// sends: values kept apart may come, and what follows the trailer is not looked at.
func NewRecordReader(r io.Reader, apart bool) (*RecordReader, error) {
	in := &RecordReader{r: bufio.NewReaderSize(r, 256<<10), apart: apart}
	kind, err := in.r.ReadByte()
	if err == nil && kind != recHeader {
		return nil, fmt.Errorf("%w: it does not begin with a header", ErrBroken)
	}
	if err == nil {
		err = in.json(&in.Header)
	}
	if err != nil {
		return nil, torn(err)
	}
	return in, nil
}

// torn makes an end in the middle what it is.
func torn(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends before its end", ErrBroken)
	}
	return err
}

func (r *RecordReader) json(v any) error {
	var n [4]byte
	if _, err := io.ReadFull(r.r, n[:]); err != nil {
		return torn(err)
	}
	size := binary.BigEndian.Uint32(n[:])
	if size > maxJSON {
		return fmt.Errorf("%w: a record of %d bytes", ErrBroken, size)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(r.r, b); err != nil {
		return torn(err)
	}
	return strictly(b, v)
}

// strictly decodes JSON that knows no other fields and has one form only.
func strictly(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	again, err := json.Marshal(v)
	if err != nil || !bytes.Equal(again, b) {
		return fmt.Errorf("%w: a record has another form than it is written in", ErrBroken)
	}
	return nil
}

// Next gives the next operation, and whether it is one kept apart; io.EOF behind the trailer, when nothing
// more stands there on a medium.
func (r *RecordReader) Next() (op volume.Op, apart bool, err error) {
	if r.done {
		return op, false, io.EOF
	}
	kind, err := r.r.ReadByte()
	if err != nil {
		return op, false, torn(err)
	}
	switch {
	case kind == recPut, kind == recDelete, kind == recApart && r.apart:
		op, err = r.op(kind)
		return op, kind == recApart, err
	case kind == recTrailer:
		if err := r.json(&r.Trailer); err != nil {
			return op, false, err
		}
		r.done = true
		if r.apart { // on the way from the safe, which says more when it has been told the end
			return op, false, io.EOF
		}
		if _, err := r.r.ReadByte(); !errors.Is(err, io.EOF) {
			return op, false, errors.Join(fmt.Errorf("%w: something stands behind its end", ErrBroken), err)
		}
		return op, false, io.EOF
	case kind == recFailure && r.apart:
		f := &Failure{}
		if err := r.json(f); err != nil {
			return op, false, err
		}
		return op, false, f
	}
	return op, false, fmt.Errorf("%w: a record of kind %d", ErrBroken, kind)
}

func (r *RecordReader) op(kind byte) (op volume.Op, err error) {
	var head [6]byte
	n := 6
	if kind == recDelete {
		n = 2
	}
	if _, err := io.ReadFull(r.r, head[:n]); err != nil {
		return op, torn(err)
	}
	keys, values := int(binary.BigEndian.Uint16(head[:])), int(binary.BigEndian.Uint32(head[2:]))
	if keys == 0 || keys > volume.MaxKey || values > volume.MaxValue || values == 0 && kind != recDelete {
		return op, fmt.Errorf("%w: an operation of %d and %d bytes", ErrBroken, keys, values)
	}
	b := make([]byte, keys+values)
	if _, err := io.ReadFull(r.r, b); err != nil {
		return op, torn(err)
	}
	op = volume.Op{Key: b[:keys:keys], Delete: kind == recDelete}
	if !op.Delete {
		op.Value = b[keys:]
	}
	return op, nil
}
