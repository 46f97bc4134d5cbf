package module

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"casemate/hsm"
)

// witness keeps the mirror's mark in two places: a file of the state directory, synced, and a data
// object of the token. The newer counts. The object outlives a state directory put back from a
// copy; the file makes durable what a software token only hands to the system, and is all there is
// with a token that keeps no data objects.
//
// Order: file, new object, older objects destroyed. Killed anywhere in it, the mark nobody was told
// of may be found, or the one before; never none.
type witness struct {
	guard *guard
	token *token
	path  string
	log   *slog.Logger

	mu      sync.Mutex
	opening bool        // the safe must not stand still for want of a second place
	inToken atomic.Bool // the token kept the last mark, as far as is known
}

// openWitness reads the mark and brings both places to the same, which also finds out whether the
// token keeps data objects: by doing it, since a token's lists of what it can do lie.
func openWitness(ctx context.Context, g *guard, t *token, path string, log *slog.Logger) (*witness, error) {
	w := &witness{guard: g, token: t, path: path, log: log, opening: true}
	defer func() { w.opening = false }()
	w.inToken.Store(true)
	found, err := w.read(ctx)
	if err != nil {
		return nil, err
	}
	if found.lost() {
		// Said at every question until the mirror sets its next mark.
		log.Error("the mirror's mark can not be read", "file", path, "damaged", found.damaged)
		return w, nil
	}
	best := found.best
	if best.serial == 0 {
		best.serial = 1
	}
	return w, w.write(ctx, found, best)
}

// get is the mark set last, nil if none ever was.
func (w *witness) get(ctx context.Context) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	found, err := w.read(ctx)
	if err != nil {
		return nil, err
	}
	if len(found.best.mark) == 0 && !found.lost() {
		return nil, nil
	}
	if found.lost() {
		return nil, auditError(fmt.Sprintf("the mirror's mark can not be read in any place: %v", errors.Join(found.damaged...)))
	}
	return found.best.mark, nil
}

// set replaces the mark; one whose order number is lower than the last's is hsm.ErrConflict.
func (w *witness) set(ctx context.Context, mark []byte) error {
	if len(mark) < hsm.MinWitness || len(mark) > hsm.MaxWitness {
		return refused(fmt.Sprintf("a mark has %d to %d bytes", hsm.MinWitness, hsm.MaxWitness))
	}
	// From here to the end whatever the caller does; the guard's alarm bounds it.
	ctx = context.WithoutCancel(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	found, err := w.read(ctx)
	if err != nil {
		return err
	}
	if order := binary.BigEndian.Uint64(mark); order < found.best.order() {
		return &reasonError{hsm.ErrConflict, fmt.Sprintf("mark %d was kept, %d would go back", found.best.order(), order)}
	}
	next := found.best
	if !bytes.Equal(next.mark, mark) {
		next = envelope{serial: found.best.serial + 1, mark: mark}
	}
	return w.write(ctx, found, next)
}

// place says where marks are kept, for Info.
func (w *witness) place() string {
	if w.inToken.Load() {
		return hsm.WitnessToken
	}
	return hsm.WitnessFile
}

// marks is what both places hold.
type marks struct {
	best    envelope // serial 0: none
	inFile  uint64   // serial of the file's
	objects []dataObject
	closed  bool // the token gives no data objects back
	damaged []error
}

// lost tells whether something was kept and nothing of it can be read.
func (m marks) lost() bool { return m.best.serial == 0 && len(m.damaged) > 0 }

func (m *marks) add(b []byte, where string) uint64 {
	e, err := parseEnvelope(b)
	if err != nil {
		m.damaged = append(m.damaged, fmt.Errorf("in the %s: %w", where, err))
	}
	if e.serial > m.best.serial {
		m.best = e
	}
	return e.serial
}

func (w *witness) read(ctx context.Context) (marks, error) {
	var m marks
	b, err := os.ReadFile(w.path)
	switch {
	case err == nil:
		m.inFile = m.add(b, "file")
	case !errors.Is(err, fs.ErrNotExist):
		return m, fmt.Errorf("reading the mirror's mark: %w: %w", hsm.ErrUnavailable, err)
	}
	m.objects, err = do(ctx, w.guard, "reading the mirror's mark", w.token.readMarks)
	if err != nil {
		m.closed = true
		return m, w.refuses(err)
	}
	for i := range m.objects {
		m.objects[i].serial = m.add(m.objects[i].value, "token")
	}
	return m, nil
}

// write brings both places to one envelope; what is there already is left alone.
func (w *witness) write(ctx context.Context, found marks, e envelope) error {
	if found.inFile != e.serial {
		if err := writeFile(w.path, e.marshal()); err != nil {
			return fmt.Errorf("keeping the mirror's mark: %w: %w", hsm.ErrUnavailable, err)
		}
	}
	if found.closed {
		return nil
	}
	_, err := do(ctx, w.guard, "keeping the mirror's mark", func() (struct{}, error) {
		return struct{}{}, w.token.writeMark(found.objects, e)
	})
	if err == nil {
		w.inToken.Store(true)
		return nil
	}
	if len(found.objects) > 0 && !w.opening {
		return err // it keeps an older one: it must keep this one, too, and is asked again
	}
	return w.refuses(err)
}

// refuses goes on with the file alone when the token is alive and does not keep such objects. A
// token that is lost, or that has no session free, is an error.
func (w *witness) refuses(err error) error {
	if w.guard.isDead() || errors.Is(err, hsm.ErrBusy) {
		return err
	}
	if w.inToken.Swap(false) {
		w.log.Warn("the token does not keep the mirror's mark: a file does, alone", "file", w.path, "reason", err)
	}
	return nil
}
