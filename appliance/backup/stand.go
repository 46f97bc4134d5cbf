package backup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
)

// stand says on what the next backup of a folder stands: the newest there, as the request's base, or nothing, and
// then why. One whose command died after it had its name, and before the safe was told, is read whole first: if it
// is as it was written, it counts, and is a base like any other.
func stand(ctx context.Context, o Options, safe Safe, newest uint64, r *Request) (why string, err error) {
	if newest == 0 {
		return "", nil
	}
	chain, err := OpenChain(o.Dir, newest)
	if errors.Is(err, ErrMedium) {
		return "", err
	}
	if err != nil {
		return wanted(o, WhyBroken), nil
	}
	last := chain.links[len(chain.links)-1]
	is, err := safe.Knows(ctx, last.text)
	switch {
	case err != nil:
		return "", err
	case is == Foreign:
		return wanted(o, WhyForeign), nil
	case is == Orphan:
		if err := chain.checkLast(ctx); err != nil {
			return wanted(o, WhyBroken), ctx.Err()
		}
		r.Orphan = last.text
	}
	switch {
	case o.Full:
	case !chain.lies():
		return WhyBroken, nil
	case slices.ContainsFunc(chain.links, func(k kept) bool { return k.Damaged > 0 }):
		return WhyDamaged, nil // what a repair brought back is no batch, and so in no increment
	default:
		r.Base = last.text
	}
	return "", nil
}

// wanted is a reason for a whole backup, unless one was asked for.
func wanted(o Options, why string) string {
	if o.Full {
		return ""
	}
	return why
}

// lies says whether all that a restoring needs is there, in its length: an increment may be put on it. That it is
// also what was written, verify tells.
func (c *Chain) lies() bool {
	for _, f := range c.files() {
		info, err := os.Lstat(filepath.Join(c.dir, f.Name))
		if err != nil || !info.Mode().IsRegular() || info.Size() != f.Size {
			return false
		}
	}
	return true
}

// checkLast reads the files of the last backup alone, as the medium has them.
func (c *Chain) checkLast(ctx context.Context) error {
	last := c.Last()
	for _, f := range append([]File{last.Envelope, last.Keys, last.Box}, last.Data...) {
		if err := forget(c.dir, f); err != nil {
			return err
		}
		if err := c.checkFile(ctx, f, func(int64) {}); err != nil {
			return err
		}
	}
	return nil
}
