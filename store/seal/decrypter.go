package seal

import (
	"errors"
	"fmt"
	"io"
	"math"
)

// NewDecrypter returns a reader of the stream whose chunks next delivers,
// asked for in order from 0. next answers io.EOF after the last chunk, and a
// chunk it returned is not used any more once it is asked for another.
//
// Each segment is authenticated before a byte of it is returned, and the end
// of the stream is io.EOF only when it is the authenticated end. Otherwise the
// error is ErrCorrupt, or next's own error wrapped; errors are final.
func NewDecrypter(key [32]byte, ad []byte, next func(index uint32) ([]byte, error)) (io.Reader, error) {
	if next == nil {
		return nil, errors.New("stream without source")
	}
	return &decrypter{key: key, ad: streamAD(ad), in: dechunker{next: next}}, nil
}

type decrypter struct {
	key [32]byte
	ad  []byte
	in  dechunker
	r   io.Reader // Tink's reader, made with the first chunk
	err error
}

func (d *decrypter) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	if d.r == nil {
		if err := d.start(); err != nil {
			return 0, d.fail(err)
		}
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := d.r.Read(p)
	if err != nil {
		return 0, d.fail(err)
	}
	return n, nil
}

func (d *decrypter) start() error {
	if err := d.in.fill(); err != nil {
		// No chunk at all is no stream: even an empty one has a first chunk.
		return ErrCorrupt
	}
	first := d.in.chunk
	if len(first) < streamHeader+streamTag || first[0] != streamVersion {
		return ErrCorrupt
	}
	segment := SegmentSize
	if len(first) < SegmentSize {
		// A first chunk that is not full is the only one.
		segment = len(first) + 1
	}
	d.in.chunk = first[1:]
	tink, err := primitive(d.key, segment)
	if err != nil {
		return err
	}
	d.r, err = tink.NewDecryptingReader(&d.in, d.ad)
	return err
}

// fail decides what an error means and keeps it: Tink's reader would answer
// io.EOF to the read after a last segment that did not authenticate.
func (d *decrypter) fail(err error) error {
	clear(d.key[:])
	switch {
	case d.in.err != nil:
		d.err = fmt.Errorf("decrypting stream: %w", d.in.err)
	case err == io.EOF: //nolint:errorlint // io.Reader's contract is the bare value
		d.err = io.EOF
	default:
		d.err = fmt.Errorf("decrypting stream: %w", ErrCorrupt)
	}
	return d.err
}

// dechunker is the chunks as one stream of bytes. Only the last may be short:
// chunks cut otherwise than the encrypter cut them are refused.
type dechunker struct {
	next  func(uint32) ([]byte, error)
	chunk []byte // what is left of the chunk in hand
	index uint64
	short bool // a short chunk was seen
	ended bool
	err   error // ErrCorrupt, or the source's own
}

func (c *dechunker) Read(p []byte) (int, error) {
	for len(c.chunk) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		if c.ended {
			return 0, io.EOF
		}
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.chunk)
	c.chunk = c.chunk[n:]
	return n, nil
}

func (c *dechunker) fill() error {
	if c.index >= math.MaxUint32 {
		c.err = ErrTooLong
		return c.err
	}
	chunk, err := c.next(uint32(c.index)) // #nosec G115 -- bounded above
	switch {
	case err == io.EOF: //nolint:errorlint // io.EOF is the source's bare answer, as of a reader
		c.ended = true
		return io.EOF
	case err != nil:
		c.err = err
	case len(chunk) == 0 || len(chunk) > SegmentSize || c.short:
		c.err = ErrCorrupt
	}
	c.chunk, c.short = chunk, len(chunk) < SegmentSize
	c.index++
	return c.err
}
