package store

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"casemate/raid"
	"casemate/store/identity"
	"casemate/store/journal"
)

// Acts of backup and restoring in the journal.
const (
	ActBackup  = "backup"
	ActDrill   = "backup-drill"
	ActRestore = "restore"
)

// BackedUp is a backup whose medium has all of it.
type BackedUp struct {
	ID       string    `json:"id"`
	Series   string    `json:"series"` // identity of the whole backup that it goes back to
	Number   uint64    `json:"number"` // in its folder, from 1
	Whole    bool      `json:"whole"`  // not an increment
	At       time.Time `json:"at"`
	Sequence uint64    `json:"sequence"`        // of the last batch in it
	Entries  uint64    `json:"entries"`         // of the journal in it
	Manifest string    `json:"manifest"`        // SHA-256, hexadecimal
	Found    bool      `json:"found,omitempty"` // on its medium, by a later one: the safe had not heard that it came to its end
}

// Drilled is how a drill ended.
type Drilled struct {
	Backup    string    `json:"backup"`
	At        time.Time `json:"at"`
	OK        bool      `json:"ok"`
	Documents uint64    `json:"documents"` // read and proved from what was restored
	Why       string    `json:"why,omitempty"`
}

// Restored is what whoever restored leaves for the journal.
type Restored struct {
	Backup   string    `json:"backup"`
	Number   uint64    `json:"number"`
	Sequence uint64    `json:"sequence"`
	Taken    time.Time `json:"taken"`    // when the backup was
	Manifest string    `json:"manifest"` // SHA-256, hexadecimal
	At       time.Time `json:"at"`       // when it was restored
	By       string    `json:"by"`       // the machine's user
}

// Backups is what the safe remembers of its backups; zero where there was none.
type Backups struct {
	Last     *BackedUp   `json:"last,omitempty"`
	Series   []SeriesEnd `json:"series,omitempty"` // newest first, for the increments to come on each
	Ends     []string    `json:"ends,omitempty"`   // SHA-256 of the manifests of the last ones, newest first: some the journal has not yet
	Drill    *Drilled    `json:"drill,omitempty"`
	Restored *Restored   `json:"restored,omitempty"`
}

// SeriesEnd is the last backup of a series.
type SeriesEnd struct {
	Series   string `json:"series"`
	Sequence uint64 `json:"sequence"`
}

// maxSeries is for how many series what an increment needs is kept: media take turns.
const maxSeries = 4

// maxEnds is how many backups are known again by their manifests; of those before, the journal is asked.
const maxEnds = 64

// Knows says whether a backup is one of those last ones that are remembered, by its manifest's SHA-256.
func (b Backups) Knows(manifest string) bool {
	return slices.Contains(b.Ends, manifest) || b.Last != nil && b.Last.Manifest == manifest
}

// took notes a backup as the last of its series.
func (b *Backups) took(done BackedUp) {
	list := []SeriesEnd{{done.Series, done.Sequence}}
	for _, s := range b.Series {
		if s.Series != done.Series && len(list) < maxSeries {
			list = append(list, s)
		}
	}
	b.Series, b.Ends = list, append([]string{done.Manifest}, b.Ends[:min(len(b.Ends), maxEnds-1)]...)
	if b.Last == nil || !done.Found || done.Sequence > b.Last.Sequence { // one that is found may be older than what other media had since
		b.Last = &done
	}
}

// since is the batches from which on manifests are kept for the increments to come.
func (b *Backups) since() (list []uint64) {
	for _, s := range b.Series {
		list = append(list, s.Sequence)
	}
	return list
}

// backups is that record at work. It lies under X backup.
type backups struct {
	mu  sync.Mutex
	rec Backups
}

// Backups gives what is remembered of the last backup and the last drill.
func (s *Safe) Backups() Backups {
	s.backups.mu.Lock()
	defer s.backups.mu.Unlock()
	return s.backups.rec
}

// loadBackups takes up, at Open, what is remembered. From the last backup on the mirror keeps what an
// increment needs.
func (s *Safe) loadBackups(ctx context.Context) error {
	raw, err := s.mirror.Get(ctx, singleKey("backup"))
	if errors.Is(err, raid.ErrNotFound) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &s.backups.rec)
	}
	if err != nil { // it is no evidence: the next backup is a whole one
		s.slog.Error("what is remembered of the last backup cannot be read; the next is a whole one", "error", err)
		s.backups.rec = Backups{}
	}
	s.mirror.KeepSince(s.backups.rec.since()...)
	return nil
}

// remember changes the record, in memory and on the volumes. What these do not take holds as long as the safe is open,
// and is written with what is remembered next.
func (s *Safe) remember(change func(*Backups)) error {
	s.backups.mu.Lock()
	defer s.backups.mu.Unlock()
	next := s.backups.rec
	change(&next)
	op, err := next.op()
	if err != nil {
		return err
	}
	s.backups.rec = next
	s.mirror.KeepSince(next.since()...)
	return s.commitBatch([]raid.Op{op})
}

func (b Backups) op() (raid.Op, error) {
	value, err := json.Marshal(b)
	return raid.Op{Key: singleKey("backup"), Value: value}, err
}

// Held is what the safe held at one instant, as a backup says it.
type Held struct {
	Entries   uint64 `json:"entries"` // of the journal
	Root      string `json:"root"`    // of its tree, hexadecimal
	Round     uint64 `json:"round"`   // the newest
	Vaults    int    `json:"vaults"`
	Documents uint64 `json:"documents"`
	Bytes     uint64 `json:"bytes"` // of their files
}

// Hold gives what the safe holds, and keeps it so until release is called: no act comes to its end
// meanwhile. For moments.
func (s *Safe) Hold() (h Held, release func()) {
	s.settling.RLock()
	root := s.log.Root()
	h = Held{Entries: s.log.Size(), Root: hex.EncodeToString(root[:]), Round: s.lastSpan().Number}
	s.mu.RLock()
	for _, v := range s.byID {
		t := v.tally()
		h.Vaults, h.Documents, h.Bytes = h.Vaults+1, h.Documents+t.Documents, h.Bytes+t.Bytes
	}
	s.mu.RUnlock()
	return h, s.settling.RUnlock
}

// KeptApart are the keys under which all keys of documents are wrapped: those of the vaults, under the
// token's, and those of the groups, under the vaults'. Without them what else is stored opens for nobody.
func KeptApart() [][]byte { return [][]byte{{typeVault}, {typeGroup}} }

// Backup journals a backup: what is intended, durable before do is called, and how it ended. Once do
// gives it as done it is remembered, and what the next increment needs is kept.
func (s *Safe) Backup(ctx context.Context, who identity.Caller, medium string, do func(ctx context.Context) (BackedUp, error)) error {
	return s.Maintenance(ctx, who, ActBackup, medium, func(ctx context.Context) (string, error) {
		done, err := do(ctx)
		if err != nil {
			return "", err
		}
		// Killed from here on: the medium has it, and the journal calls the act interrupted.
		if err := s.remember(func(b *Backups) { b.took(done) }); err != nil {
			s.slog.Warn("the backup is whole but cannot be remembered beyond the next start; the next one after that finds it", "error", err)
		}
		kind := "increment"
		if done.Whole {
			kind = "whole"
		}
		if done.Found {
			kind += ", found later" // short: the manifest's digest must stand whole within what a detail may have
		}
		return fmt.Sprintf("%s, series %s, number %d, %s, up to batch %d, %d journal entries, manifest sha256 %s",
			done.ID, done.Series, done.Number, kind, done.Sequence, done.Entries, done.Manifest), nil
	})
}

// ErrDrillFailed is a drill that found its backup wanting.
var ErrDrillFailed = errors.New("the drill failed")

// Drill journals a drill, with its verdict, and remembers it. What was restored must be a beginning of this
// very journal.
func (s *Safe) Drill(ctx context.Context, who identity.Caller, medium string, do func(ctx context.Context) (Drilled, Held, error)) error {
	return s.Maintenance(ctx, who, ActDrill, medium, func(ctx context.Context) (string, error) {
		done, held, err := do(ctx)
		if err != nil {
			return "", err
		}
		if done.OK {
			if err := s.began(ctx, held); err != nil {
				done.OK, done.Why = false, err.Error()
			}
		}
		if err := s.remember(func(b *Backups) { b.Drill = &done }); err != nil {
			s.slog.Warn("the drill cannot be remembered", "error", err)
		}
		if !done.OK {
			return "", fmt.Errorf("%w: backup %s: %s", ErrDrillFailed, done.Backup, done.Why)
		}
		return fmt.Sprintf("backup %s restores: %d journal entries, %d documents proved", done.Backup, held.Entries, done.Documents), nil
	})
}

// began says whether the journal once was what a backup holds.
func (s *Safe) began(ctx context.Context, h Held) error {
	is, err := s.once(ctx, h)
	if err == nil && !is {
		err = fmt.Errorf("its journal of %d entries is not the beginning of this safe's, of %d", h.Entries, s.log.Size())
	}
	return err
}

// NoteRestored journals, once, that this safe was restored, from which backup and by whom: the entry
// and what is remembered are one batch, so a crash leaves both or none.
func (s *Safe) NoteRestored(ctx context.Context, r Restored) error {
	s.backups.mu.Lock()
	defer s.backups.mu.Unlock()
	if known := s.backups.rec.Restored; known != nil && *known == r {
		return nil
	}
	next := s.backups.rec
	next.Restored = &r
	op, err := next.op()
	if err != nil {
		return err
	}
	draft := s.draft(self, ActRestore, "", "", journal.Done, "")
	draft.Refs = map[string]string{"backup": r.Backup, "number": fmt.Sprint(r.Number), "batch": fmt.Sprint(r.Sequence), "manifest": r.Manifest,
		"taken": r.Taken.UTC().Format(time.RFC3339), "restored": r.At.UTC().Format(time.RFC3339), "by": clip(r.By)}
	if _, err := s.post(ctx, posting{draft: draft, size: len(op.Value), ops: func(uint64) ([]raid.Op, error) { return []raid.Op{op}, nil }}); err != nil {
		return err
	}
	s.backups.rec = next
	return nil
}
