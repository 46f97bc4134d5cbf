package appliance

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"casemate/appliance/backup"
	"casemate/store"
	"casemate/store/identity"
)

// ErrNoSession says that no backup or drill of that name is under way.
var ErrNoSession = errors.New("no such backup or drill is under way")

// backups is the safe's end of backups and drills. The files are written by the command, which may be
// another user and see other mounts; the safe gives the records, signs the manifest and journals. One at a
// time.
type backups struct {
	a    *Appliance
	life context.Context //nolint:containedctx // of the safe that serves them
	mu   sync.Mutex
	now  *session
}

// during is the context of a request, which ends with the safe's serving as well.
func (b *backups) during(request context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(request)
	stop := context.AfterFunc(b.life, cancel)
	return ctx, func() { stop(); cancel() }
}

// session is a backup or a drill under way: an act of the journal is open.
type session struct {
	id      string
	request backup.Request
	base    *backup.Manifest
	header  backup.Header
	trailer backup.Trailer
	given   bool   // everything was
	sealed  string // digest of the manifest that was signed
	macKey  [32]byte
	ended   chan backup.Ended
	drilled chan drillEnd
	over    chan struct{} // closed once its end is journaled
}

// drillEnd is how a drill ended, as the command says it.
type drillEnd struct {
	ID      string        `json:"id"`
	Drilled store.Drilled `json:"drilled"`
	Held    store.Held    `json:"held"`
}

// series is the identity of the whole backup that this one goes back to.
func (s *session) series() string {
	if s.header.Whole || s.base == nil {
		return s.id
	}
	return s.base.Series
}

// claimPatience is how long a new one waits for the end of another: one whose command was just stopped is still
// being journaled.
const claimPatience = 30 * time.Second

func (b *backups) claim(ctx context.Context) (*session, error) {
	patience := time.NewTimer(claimPatience)
	defer patience.Stop()
	for {
		b.mu.Lock()
		other := b.now
		if other == nil {
			var id [16]byte
			_, _ = rand.Read(id[:])
			b.now = &session{id: hex.EncodeToString(id[:]), ended: make(chan backup.Ended, 1), drilled: make(chan drillEnd, 1), over: make(chan struct{})}
			other = b.now
			b.mu.Unlock()
			return other, nil
		}
		b.mu.Unlock()
		select {
		case <-other.over:
		case <-patience.C:
			return nil, backup.ErrBusy
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (b *backups) release() {
	b.mu.Lock()
	close(b.now.over)
	b.now = nil
	b.mu.Unlock()
}

// find gives the session of an identity.
func (b *backups) find(id string) (*session, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now == nil || b.now.id != id {
		return nil, ErrNoSession
	}
	return b.now, nil
}

// take gives the records of a backup to w, then waits until the command says how it ended. Killed
// anywhere, the journal calls it interrupted; the medium says what it has.
func (b *backups) take(ctx context.Context, who identity.Caller, q backup.Request, w io.Writer, flush func() error) error {
	s, err := b.claim(ctx)
	if err != nil {
		return err
	}
	defer b.release()
	if err := b.adopt(ctx, who, q); err != nil {
		return err
	}
	return b.a.safe.Backup(ctx, who, q.Medium, func(ctx context.Context) (store.BackedUp, error) {
		var done store.BackedUp
		h, err := b.header(ctx, s, q)
		if err != nil {
			return done, err
		}
		from := backup.Source{Mirror: b.a.mirror, Hold: b.a.safe.Hold, Apart: store.KeptApart(), CodeOf: codeOf}
		h, t, err := backup.Give(ctx, from, h, w)
		if err == nil {
			b.mu.Lock()
			s.header, s.trailer, s.given = h, t, true
			b.mu.Unlock()
		}
		if err := errors.Join(err, flush()); err != nil { // the command hears why, too
			return done, err
		}
		select {
		case <-ctx.Done():
			return done, ctx.Err()
		case e := <-s.ended:
			if e.Failed != "" {
				return done, fmt.Errorf("the medium: %s", e.Failed)
			}
			return store.BackedUp{ID: s.id, Series: s.series(), Number: h.Number, Whole: h.Whole, At: time.Now().UTC().Truncate(time.Second), //nolint:forbidigo // told to people
				Sequence: t.Point.Head.Sequence, Entries: t.Held.Entries, Manifest: e.Manifest}, nil
		}
	})
}

// header says what is to come: a whole one, or an increment on a manifest that is this safe's.
func (b *backups) header(ctx context.Context, s *session, q backup.Request) (backup.Header, error) {
	held, release := b.a.safe.Hold()
	release()
	h := backup.Header{ID: s.id, Number: q.Number, Origin: b.a.config.Origin,
		Estimate: int64(held.Bytes+held.Bytes/50+8192*held.Documents+1024*held.Entries) + 1<<20} // #nosec G115 -- an estimate
	var err error
	if h.Set, s.macKey, err = b.own(ctx); err != nil {
		return h, err
	}
	s.request = q
	if len(q.Base) == 0 {
		return h, nil
	}
	m, err := backup.ParseManifest(q.Base)
	if err == nil {
		err = m.Verify(s.macKey)
	}
	if err != nil || m.Set != h.Set || m.Number >= q.Number {
		return h, fmt.Errorf("%w: nothing is put on it", backup.ErrForeign)
	}
	s.base, h.Since = &m, &m.Head
	return h, nil
}

// seal signs the manifest of the backup under way, if it says what was given.
func (b *backups) seal(m backup.Manifest) (backup.Manifest, error) {
	s, err := b.find(m.ID)
	if err != nil {
		return m, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	h, t := s.header, s.trailer
	same := s.given && m.Number == h.Number && m.Origin == h.Origin && m.Set == h.Set && m.Whole == h.Whole && m.Head == t.Point.Head &&
		m.Held == t.Held && m.Values == t.Values && m.Bytes == t.Bytes && m.Apart == t.Apart && m.Damaged == t.Damaged
	if same && !m.Whole {
		same = s.base != nil && m.Base != nil && m.Base.Number == s.base.Number && m.Base.SHA256 == backup.Digest(s.request.Base) && m.Series == s.base.Series
	}
	if !same {
		return m, fmt.Errorf("%w: the manifest says what this safe did not give", backup.ErrForeign)
	}
	if m, err = m.Sign(s.macKey); err != nil {
		return m, err
	}
	text, err := m.Encode()
	if err == nil {
		_, err = backup.ParseManifest(text) // nothing is signed that would not be read
	}
	s.sealed = backup.Digest(text)
	return m, err
}

// end takes the last word on the backup under way.
func (b *backups) end(id string, e backup.Ended) error {
	s, err := b.find(id)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.Failed == "" && (s.sealed == "" || e.Manifest != s.sealed) {
		return fmt.Errorf("%w: another manifest than was signed", backup.ErrForeign)
	}
	select {
	case s.ended <- e:
		return nil
	default:
		return ErrNoSession // its end was said already
	}
}

// drill opens the act of a drill, tells its name, and waits for its end.
func (b *backups) drill(ctx context.Context, who identity.Caller, medium string, began func(id string) error) error {
	s, err := b.claim(ctx)
	if err != nil {
		return err
	}
	defer b.release()
	return b.a.safe.Drill(ctx, who, medium, func(ctx context.Context) (store.Drilled, store.Held, error) {
		if err := began(s.id); err != nil {
			return store.Drilled{}, store.Held{}, err
		}
		select {
		case <-ctx.Done():
			return store.Drilled{}, store.Held{}, ctx.Err()
		case e := <-s.drilled:
			return e.Drilled, e.Held, nil
		}
	})
}

func (b *backups) drilled(e drillEnd) error {
	s, err := b.find(e.ID)
	if err != nil {
		return err
	}
	select {
	case s.drilled <- e:
		return nil
	default:
		return ErrNoSession
	}
}
