package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// stand says on what the next backup of a folder stands: the newest there, as the request's base, or nothing, and
// then why. One whose command died after it had its name, and before the safe was told, is read whole first: if it
// is as it was written, it counts, and is a base like any other. A folder whose newest manifest that reads is not
// this safe's, or of what it gave up, is refused, whatever was asked for: behind a newer backup what lies there would not
// be restored any more, and it may be all there is.
func stand(ctx context.Context, o Options, safe Safe, newest uint64, found map[uint64]kept, r *Request) (why string, err error) {
	if newest == 0 {
		return "", nil
	}
	var is Standing
	if len(found) > 0 {
		number := slices.Max(slices.Collect(maps.Keys(found)))
		if is, err = safe.Knows(ctx, found[number].text); err != nil {
			return "", err
		}
		switch is {
		case Foreign:
			return "", fmt.Errorf("%w: number %d in %q is another safe's; nothing there was changed", ErrForeign, number, o.Dir)
		case GivenUp:
			return "", fmt.Errorf("%w: number %d in %q; nothing there was changed", ErrGivenUp, number, o.Dir)
		case Known, Orphan:
		default:
			return "", fmt.Errorf("what the safe says of a manifest is unknown: %q", is)
		}
	}
	chain, err := OpenChain(o.Dir, newest)
	if errors.Is(err, ErrMedium) {
		return "", err
	}
	if err != nil {
		return wanted(o, WhyBroken), nil
	}
	last := chain.links[len(chain.links)-1]
	if is == Orphan {
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

// superseded are the numbers of a folder that this safe made, as their manifests prove, and whose files of keys a newer
// backup takes away. Those of a number that nothing proves to be its own stay where they are.
func superseded(ctx context.Context, dir string, safe Safe, found map[uint64]kept) (own []uint64, err error) {
	for number, k := range found {
		if _, err := os.Lstat(filepath.Join(dir, k.Keys.Name)); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		is, err := safe.Knows(ctx, k.text)
		if err != nil {
			return nil, err
		}
		if is != Foreign {
			own = append(own, number)
		}
	}
	return own, nil
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
