package backup

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
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
