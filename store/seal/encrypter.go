package seal

import (
	"errors"
	"fmt"
	"io"
	"math"
)

// NewEncrypter returns a writer that encrypts what is written to it under key,
// bound to ad, and hands it to emit as chunks numbered from 0: SegmentSize
// bytes each, the last one shorter. Every encrypter draws a new salt, so the
// same key may encrypt any number of streams, and an attempt that failed is
// begun again with a new encrypter, never resumed.
//
// Memory stays constant. The slice given to emit is used again once emit
// returns. The stream is complete when Close returned nil, and only then; an
// error, from emit or otherwise, is final, and Close returns it again.
func NewEncrypter(key [32]byte, ad []byte, emit func(index uint32, segment []byte) error) (io.WriteCloser, error) {
	if emit == nil {
		return nil, errors.New("stream without destination")
	}
	return &encrypter{key: key, ad: streamAD(ad), out: chunker{emit: emit}}, nil
}

type encrypter struct {
	key   [32]byte
	ad    []byte
	out   chunker
	small []byte         // what was written so far, while w is nil
	w     io.WriteCloser // Tink's writer
	done  bool
	err   error
}

func (e *encrypter) Write(p []byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	if e.done {
		return 0, errors.New("write to a closed stream")
	}
	if e.w == nil {
		if len(e.small)+len(p) <= smallStream {
			e.small = append(e.small, p...)
			return len(p), nil
		}
		if err := e.start(SegmentSize); err != nil {
			return 0, e.fail(err)
		}
	}
	n, err := e.w.Write(p)
	if err != nil {
		return n, e.fail(err)
	}
	return n, nil
}

func (e *encrypter) Close() error {
	if e.err != nil || e.done {
		return e.err
	}
	e.done = true
	if e.w == nil {
		if err := e.start(streamHeader + len(e.small) + streamTag + 1); err != nil {
			return e.fail(err)
		}
	}
	if err := e.w.Close(); err != nil {
		return e.fail(err)
	}
	clear(e.key[:])
	return nil
}

// start makes Tink's writer for segments of the given length and gives it
// what was gathered.
func (e *encrypter) start(segment int) error {
	p, err := primitive(e.key, segment)
	if err != nil {
		return err
	}
	if e.w, err = p.NewEncryptingWriter(&e.out, e.ad); err != nil {
		return err
	}
	_, err = e.w.Write(e.small)
	clear(e.small)
	e.small = nil
	return err
}

func (e *encrypter) fail(err error) error {
	clear(e.key[:])
	e.err = fmt.Errorf("encrypting stream: %w", err)
	return e.err
}

// chunker turns Tink's writes, the header and then one a segment, into chunks.
type chunker struct {
	emit   func(uint32, []byte) error
	header []byte
	next   uint64
}

func (c *chunker) Write(p []byte) (int, error) {
	if c.header == nil {
		c.header = append([]byte{streamVersion}, p...)
		return len(p), nil
	}
	chunk := p
	if c.next == 0 {
		chunk = append(c.header, p...)
	}
	if c.next >= math.MaxUint32 {
		return 0, ErrTooLong
	}
	if err := c.emit(uint32(c.next), chunk); err != nil { // #nosec G115 -- bounded above
		return 0, err
	}
	c.next++
	return len(p), nil
}
