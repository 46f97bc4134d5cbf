package volume

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	ringSlots = 64
	ringSlot  = 512 // one sector, so that a torn write damages one head only
)

var ringMagic = []byte("CASEHEAD")

// ring is the file of the last 64 heads. A head is written to the slot of its sequence after
// Badger has committed it, and synced before the batch is acknowledged: a Badger that opens with
// an older head than its ring has lost acknowledged batches. A slot is magic (8), head (80),
// SHA-256 of both (32), zeros.
type ring struct{ f *os.File }

func createRing(path string) (*ring, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600) // #nosec G304 -- our own directory
	if err != nil {
		return nil, err
	}
	// Blocks are allocated now: overwriting them later changes no metadata.
	_, err = f.Write(make([]byte, ringSlots*ringSlot))
	if err = errors.Join(err, f.Sync()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &ring{f}, nil
}

// openRing opens the file and gives the newest head in it.
func openRing(path string) (*ring, Head, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0) // #nosec G304 -- our own directory
	if err != nil {
		return nil, Head{}, fmt.Errorf("opening the ring of heads: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, ringSlots*ringSlot+1))
	if err != nil {
		return nil, Head{}, errors.Join(fmt.Errorf("reading the ring of heads: %w", err), f.Close())
	}
	h, err := ParseRing(b)
	if err != nil {
		return nil, Head{}, errors.Join(err, f.Close())
	}
	return &ring{f}, h, nil
}

// put makes a head durable.
func (r *ring) put(h Head) error {
	var slot [ringSlot]byte
	b := h.append(append(slot[:0], ringMagic...))
	sum := sha256.Sum256(b)
	copy(slot[len(b):], sum[:])
	if _, err := r.f.WriteAt(slot[:], int64(h.Sequence%ringSlots)*ringSlot); err != nil {
		return fmt.Errorf("writing a head: %w", err)
	}
	if err := unix.Fdatasync(int(r.f.Fd())); err != nil {
		return fmt.Errorf("syncing a head: %w", err)
	}
	return nil
}

// clear empties the ring: the volume begins anew from what is put next.
func (r *ring) clear() error {
	if _, err := r.f.WriteAt(make([]byte, ringSlots*ringSlot), 0); err != nil {
		return err
	}
	return r.f.Sync()
}

func (r *ring) close() error { return r.f.Close() }

// ParseRing gives the newest head of a ring; the zero head if it holds none. Torn slots are
// passed over: a slot is torn only by a crash before its batch was acknowledged.
func ParseRing(b []byte) (Head, error) {
	var best Head
	if len(b) != ringSlots*ringSlot {
		return best, fmt.Errorf("a ring of heads of %d bytes", len(b))
	}
	for i := range ringSlots {
		slot := b[i*ringSlot : (i+1)*ringSlot]
		body := slot[:len(ringMagic)+headSize]
		sum := sha256.Sum256(body)
		if !bytes.HasPrefix(slot, ringMagic) || !bytes.Equal(sum[:], slot[len(body):len(body)+len(sum)]) {
			continue
		}
		h, err := parseHead(body[len(ringMagic):])
		if err != nil {
			return best, err
		}
		if h.Sequence > best.Sequence && h.Sequence%ringSlots == uint64(i) { // #nosec G115 -- below 64
			best = h
		}
	}
	return best, nil
}

// ReadHead gives the newest head of the ring of the volume in dir and when the ring was last
// written, reading only.
func ReadHead(dir string) (h Head, written time.Time, err error) {
	f, err := os.OpenFile(filepath.Join(dir, "heads"), os.O_RDONLY|unix.O_NOFOLLOW, 0) // #nosec G304 -- a volume's directory
	if err != nil {
		return h, written, err
	}
	fi, err := f.Stat()
	if err == nil {
		var b []byte
		if b, err = io.ReadAll(io.LimitReader(f, ringSlots*ringSlot+1)); err == nil {
			h, err = ParseRing(b)
		}
		written = fi.ModTime()
	}
	return h, written, errors.Join(err, f.Close())
}
