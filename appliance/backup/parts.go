package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"casemate/store/seal"
)

func (c *Chain) checkFile(ctx context.Context, f File, progress func(int64)) error {
	p := c.parts([]File{f})
	defer p.close()
	buf := make([]byte, 1<<20)
	for {
		n, err := p.Read(buf)
		progress(int64(n))
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}

// parts reads files one after the other; each must have the length and the digest that the manifest says,
// and the end is io.EOF only then.
type parts struct {
	dir  string
	left []File
	cur  *os.File
	sum  hash.Hash
	size int64
}

func (c *Chain) parts(files []File) *parts { return &parts{dir: c.dir, left: files} }

func (p *parts) Read(b []byte) (int, error) {
	for {
		if p.cur == nil {
			if len(p.left) == 0 {
				return 0, io.EOF
			}
			if err := p.open(); err != nil {
				return 0, err
			}
		}
		n, err := p.cur.Read(b)
		_, _ = p.sum.Write(b[:n])
		p.size += int64(n)
		if n > 0 {
			if p.size > p.left[0].Size {
				return 0, fmt.Errorf("%w: %s is longer than it was", ErrBroken, p.left[0].Name)
			}
			return n, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("%s: %w: %w", p.left[0].Name, ErrMedium, err)
		}
		f := p.left[0]
		p.close()
		if p.size != f.Size || hex.EncodeToString(p.sum.Sum(nil)) != f.SHA256 {
			return 0, fmt.Errorf("%w: %s has %d bytes of another digest, %d were written", ErrBroken, f.Name, p.size, f.Size)
		}
		p.left = p.left[1:]
	}
}

func (p *parts) open() (err error) {
	if p.cur, _, err = openPlain(filepath.Join(p.dir, p.left[0].Name)); err != nil {
		return err
	}
	p.sum, p.size = sha256.New(), 0
	return nil
}

func (p *parts) close() {
	if p.cur != nil {
		_ = p.cur.Close() // only read
		p.cur = nil
	}
}

// plain deciphers a stream of files. The reader's end is the stream's authenticated end.
func (c *Chain) plain(k kept, kind string, files []File, key [32]byte) (io.Reader, func(), error) {
	p := c.parts(files)
	buf := make([]byte, seal.SegmentSize)
	r, err := seal.NewDecrypter(streamKey(key, kind), streamAD(k.ID, kind), func(uint32) ([]byte, error) {
		n, err := io.ReadFull(p, buf)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = nil
		}
		return buf[:n], err
	})
	return broken{r}, p.close, err
}

// broken makes what does not decipher ErrBroken.
type broken struct{ r io.Reader }

func (b broken) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if errors.Is(err, seal.ErrCorrupt) {
		err = fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return n, err
}

// key opens a backup's envelope.
func (c *Chain) key(k kept, open Opener) (key [32]byte, err error) {
	envelope, err := readSmall(filepath.Join(c.dir, k.Envelope.Name), maxEnvelope)
	if err != nil {
		return key, err
	}
	if Digest(envelope) != k.Envelope.SHA256 {
		return key, fmt.Errorf("%w: %s is another than was written", ErrBroken, k.Envelope.Name)
	}
	return open(k.Number, envelope)
}
