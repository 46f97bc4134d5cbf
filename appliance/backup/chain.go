package backup

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"

	"casemate/raid"
	"casemate/raid/volume"
	"casemate/store/seal"
)

// Opener gives the key of one backup; it is shown the envelope.
type Opener func(number uint64, envelope []byte) ([32]byte, error)

// RecoveryKey opens envelopes with a recovery key.
func RecoveryKey(private *rsa.PrivateKey) Opener {
	return func(number uint64, envelope []byte) ([32]byte, error) {
		key, err := openKey(envelope, private)
		if err != nil {
			return key, fmt.Errorf("number %d: %w", number, err)
		}
		return key, nil
	}
}

// maxOpened bounds a file with an opened key: 64 digits and a line feed.
const maxOpened = 1 << 10

// OpenedKeys reads the keys from a folder where they were opened elsewhere: 000001.key is what stands in
// 000001.recipients, as openssl wrote it; nobody else may read it.
func OpenedKeys(dir string) Opener {
	return func(number uint64, _ []byte) (key [32]byte, err error) {
		name := filepath.Join(dir, nameOf(number, "key"))
		text, err := ReadSecret(name, maxOpened)
		if errors.Is(err, ErrExposed) {
			return key, err
		}
		if err != nil {
			return key, fmt.Errorf("%w: number %d needs %q: %w", ErrKey, number, name, err)
		}
		return ParseKey(text)
	}
}

// Chain is a backup with all that it stands on: a whole one first, each other an increment on the one before.
type Chain struct {
	dir    string
	links  []kept
	newest kept // of the folder: its keys serve every backup of it
}

// OpenChain finds the backup of a number in a folder, the newest for 0, and what it stands on: each
// manifest names the one before by its digest, so none can be exchanged.
func OpenChain(dir string, number uint64) (*Chain, error) {
	found, bad, newest, err := manifests(dir)
	if err != nil {
		return nil, err
	}
	if newest == 0 {
		return nil, fmt.Errorf("%w: %q", ErrNone, dir)
	}
	if number == 0 {
		number = newest
	}
	c := &Chain{dir: dir}
	for next, named := number, ""; ; {
		k, ok := found[next]
		switch {
		case bad[next] != nil:
			return nil, bad[next]
		case !ok:
			return nil, fmt.Errorf("%w: the manifest of number %d is missing", ErrBroken, next)
		case named != "" && named != k.digest:
			return nil, fmt.Errorf("%w: number %d is another than the one that the next stands on", ErrBroken, next)
		}
		c.links = append(c.links, k)
		if k.Whole {
			break
		}
		next, named = k.Base.Number, k.Base.SHA256
	}
	slices.Reverse(c.links)
	for _, k := range c.links {
		if k.Set != c.links[0].Set || k.Origin != c.links[0].Origin || k.Series != c.links[0].ID {
			return nil, fmt.Errorf("%w: number %d is of another safe or series than number %d", ErrBroken, k.Number, c.links[0].Number)
		}
	}
	if bad[newest] != nil {
		return nil, bad[newest]
	}
	if c.newest = found[newest]; c.newest.Set != c.links[0].Set {
		return nil, fmt.Errorf("%w: the newest in the folder is of another safe", ErrBroken)
	}
	return c, nil
}

// Last is the manifest of the backup that the chain is about.
func (c *Chain) Last() Manifest { return c.links[len(c.links)-1].Manifest }

// Digest is the SHA-256 of that manifest's file.
func (c *Chain) Digest() string { return c.links[len(c.links)-1].digest }

// Numbers are the backups that it consists of, the whole one first.
func (c *Chain) Numbers() (list []uint64) {
	for _, k := range c.links {
		list = append(list, k.Number)
	}
	return list
}

// Verify says whether this safe made every backup of the chain; key is MACKey's.
func (c *Chain) Verify(key [32]byte) error {
	for _, k := range append(slices.Clone(c.links), c.newest) {
		if err := k.Verify(key); err != nil {
			return fmt.Errorf("number %d: %w", k.Number, err)
		}
	}
	return nil
}

// files are all that must be there for the chain to be restored.
func (c *Chain) files() (list []File) {
	for _, k := range c.links {
		list = append(append(list, k.Envelope, k.Box), k.Data...)
	}
	if c.newest.Number != c.Last().Number {
		list = append(list, c.newest.Envelope)
	}
	return append(list, c.newest.Keys)
}

// Bytes is what there is to read.
func (c *Chain) Bytes() (total int64) {
	for _, f := range c.files() {
		total += f.Size
	}
	return total
}

// CheckFiles reads every file and compares its digest; it needs no key. Each fault is told, and there is an
// error if there was one.
func (c *Chain) CheckFiles(ctx context.Context, fault func(error), progress func(int64)) error {
	bad := 0
	var read int64
	for _, f := range c.files() {
		err := c.checkFile(ctx, f, func(n int64) {
			if read += n; progress != nil {
				progress(read)
			}
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			bad++
			fault(err)
		}
	}
	if bad > 0 {
		return fmt.Errorf("%w: %d files", ErrBroken, bad)
	}
	return nil
}

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
