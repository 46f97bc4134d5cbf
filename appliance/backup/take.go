package backup

import (
	"archive/tar"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Request is what is asked of the safe.
type Request struct {
	Medium string `json:"medium"`         // as the operator named it, for the journal
	Number uint64 `json:"number"`         // that the backup will have in its folder
	Base   []byte `json:"base,omitempty"` // the manifest before it; none: a whole one is wanted
	// Orphan is the newest manifest there, of a backup whose end the safe never heard of; every file of it was read
	// and is as it says.
	Orphan []byte `json:"orphan,omitempty"`
}

// Standing is what a safe says of a manifest that it is shown.
type Standing string

// What a safe may say.
const (
	Known   Standing = "known"   // it made the backup, and heard that it came to its end
	Orphan  Standing = "orphan"  // it made the backup, and never heard that it came to its end
	Foreign Standing = "foreign" // it did not make it
	// GivenUp is one that it made, of a history that persons gave up when an older state was restored.
	GivenUp Standing = "given-up"
)

// Ended is the last word on a backup: its manifest's digest, or why there is none.
type Ended struct {
	Manifest string `json:"manifest,omitempty"`
	Failed   string `json:"failed,omitempty"`
}

// Safe is what a backup is taken of. Between Begin and End an act of the journal is open.
type Safe interface {
	// Knows says what a manifest is to the safe.
	Knows(ctx context.Context, manifest []byte) (Standing, error)
	// Begin gives the records, those kept apart among them.
	Begin(ctx context.Context, r Request) (io.ReadCloser, error)
	// Seal puts the safe's MAC on the manifest of the backup under way, if it says what was given.
	Seal(ctx context.Context, m Manifest) (Manifest, error)
	// End says how it ended, and gives how the safe took it.
	End(ctx context.Context, id string, e Ended) error
}

// Options are the choices of one backup.
type Options struct {
	Dir        string
	Full       bool // a whole one, whatever there is
	Recipients []*x509.Certificate
	Box        func(*tar.Writer) error // configuration and public material
	Version    string
	Now        func() time.Time
	Progress   func(bytes int64, of int64) // now and then; of is 0 when nobody knows
	PartBytes  int64                       // zero is 1 GiB
}

// Taken is a backup that is on its medium.
type Taken struct {
	Manifest
	Digest string // of the manifest's file
	Why    string // it is whole although an increment was wanted
	Swept  int    // superseded files of keys taken away
}

// Take makes a backup in a folder, in this order, each step of which a crash leaves so that what was there
// before is whole:
//
//  1. the folder is locked; the newest backup is the base; a folder of another safe is refused. What interrupted backups left is taken away.
//  2. records come from the safe and go, enciphered, into temporary files; so do the keys and the box.
//  3. every file is synced; the safe signs the manifest; it is synced.
//  4. the files get their names, the manifest last: from then on there is a backup.
//  5. the files of keys of earlier backups of this safe are taken away; the safe is told.
func Take(ctx context.Context, o Options, safe Safe) (Taken, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return Taken{}, mediumError(err)
	}
	unlock, err := lock(o.Dir)
	if err != nil {
		return Taken{}, err
	}
	defer unlock()
	found, _, newest, err := manifests(o.Dir)
	if err != nil {
		return Taken{}, err
	}
	if newest >= maxNumber {
		return Taken{}, fmt.Errorf("%w: no number is left in %q", ErrFull, o.Dir)
	}
	r := Request{Medium: o.Dir, Number: newest + 1}
	why, err := stand(ctx, o, safe, newest, found, &r)
	if err != nil {
		return Taken{}, err
	}
	own, err := superseded(ctx, o.Dir, safe, found)
	if err != nil {
		return Taken{}, err
	}
	if err := sweep(o.Dir, newest); err != nil {
		return Taken{}, err
	}
	base := found[newest]
	t := &taking{o: o, safe: safe, m: &medium{dir: o.Dir, number: r.Number, most: o.PartBytes}, why: why, own: own}
	if t.m.most <= 0 {
		t.m.most = partBytes
	}
	in, err := safe.Begin(ctx, r)
	if err != nil {
		return Taken{}, err
	}
	defer in.Close() //nolint:errcheck // the end has been said
	if err := t.run(ctx, in, base); err != nil {
		t.m.abandon()
		if gaveUp := (*Failure)(nil); t.id != "" && !errors.As(err, &gaveUp) {
			err = errors.Join(err, safe.End(context.WithoutCancel(ctx), t.id, Ended{Failed: err.Error()}))
		}
		return Taken{}, err
	}
	return t.done, safe.End(context.WithoutCancel(ctx), t.id, Ended{Manifest: t.done.Digest})
}

// taking is one backup being written.
type taking struct {
	o    Options
	safe Safe
	m    *medium
	id   string
	key  [32]byte
	why  string   // it is whole, where the safe gives no other reason
	own  []uint64 // numbers of this safe whose files of keys this one supersedes
	done Taken
}

func (t *taking) run(ctx context.Context, from io.Reader, base kept) error {
	in, err := NewRecordReader(from, true)
	if err != nil {
		return err
	}
	h := in.Header
	t.id = h.ID
	if h.Number != t.m.number || !h.Whole && base.ID == "" {
		return fmt.Errorf("%w: the safe gives number %d, %d was asked for", ErrBroken, h.Number, t.m.number)
	}
	if room, err := free(t.o.Dir); err != nil || room < h.Estimate {
		return errors.Join(err, fmt.Errorf("%w: %d bytes are free, about %d are needed", ErrFull, room, h.Estimate))
	}
	_, _ = rand.Read(t.key[:])
	out := Manifest{Typ: manifestType, V: 1, Origin: h.Origin, ID: h.ID, Number: h.Number, Series: h.ID, At: t.o.Now().UTC().Truncate(time.Second),
		Version: t.o.Version, Set: h.Set, Whole: h.Whole, Recipients: namesOf(t.o.Recipients)}
	if !h.Whole {
		out.Series, out.Base = base.Series, &Base{Number: base.Number, SHA256: base.digest}
	}
	envelope, err := sealKey(t.o.Recipients, t.key)
	if err != nil {
		return err
	}
	if out.Envelope, err = t.m.write(nameOf(h.Number, kindRecipients), envelope); err != nil {
		return err
	}
	if err := t.content(ctx, in, &out); err != nil {
		return err
	}
	if out.Box, err = t.box(); err != nil {
		return err
	}
	trailer := in.Trailer
	out.Head, out.Held, out.Values, out.Bytes = trailer.Point.Head, trailer.Held, trailer.Values, trailer.Bytes
	out.Apart, out.Damaged = trailer.Apart, trailer.Damaged
	return t.commit(ctx, out, h.Why)
}
