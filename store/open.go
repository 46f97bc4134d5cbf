package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"casemate/hsm"
	"casemate/raid"
	"casemate/store/journal"
	"casemate/store/proof"
)

// Open takes up the safe on an open mirror. There is no separate recovery: whatever the last
// process left is read, completed or swept here, before the first act is taken.
//
//  1. the journal is found and its end checked; it must contain what the token signed last, or two
//     officers must have decided to go on without.
//  2. the vaults and their tallies are read.
//  3. stages without a document are swept, and journaled as abandoned; so are acts without an end; a
//     decision of persons that no entry tells of is journaled.
//  4. the deposits after the last timestamp round become pending again, page by page.
func Open(ctx context.Context, cfg Config) (*Safe, error) {
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := blank(cfg)
	s.stop = stop
	if err := s.load(ctx, cfg.Decision); err != nil {
		stop()
		return nil, fmt.Errorf("opening the safe: %w", err)
	}
	s.ledger = newGather(groupItems, groupBytes, func(p posting) int { return p.size + 1024 }, s.commitGroup)
	s.sealer = newGather(256, 4<<20, func(j sealing) int { return len(j.request.Attestation) + len(j.request.Fingerprint) }, s.sealGroup)
	s.start(run)
	if err := s.tidy(ctx); errors.Is(err, ErrStorage) && s.broken() == nil {
		// Full or read-only: what is left is invisible and waits; reading must go on.
		s.slog.Warn("what the last process left could not be swept; the next start tries again", "error", err)
	} else if err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("opening the safe: sweeping what was not finished: %w", err)
	}
	s.publishSoon()
	return s, nil
}

// blank is a safe that knows its parts, and nothing of what is stored yet.
func blank(cfg Config) *Safe {
	s := &Safe{
		origin: cfg.Origin, demonstration: cfg.Demonstration, mirror: cfg.Mirror, token: cfg.Token,
		clock: cfg.Clock, authorities: cfg.Authorities, interval: cfg.Interval, alarmAfter: cfg.AlarmAfter,
		trust: cfg.Trust, vkey: cfg.Trust.JournalVKey, trustFiles: cfg.TrustFiles, verifyScript: cfg.VerifyScript,
		slog: cfg.Log, vaults: map[string]*vault{}, byID: map[proof.VaultID]*vault{},
		wantCheckpoint: make(chan struct{}, 1), fatal: make(chan error, 1), large: make(chan struct{}, largeObjects),
		stopped: make(chan struct{}), teller: newTeller(), actor: ownCaller(cfg.Trust.JournalVKey),
	}
	s.scrub = newScrub(cfg.ScrubEvery, cfg.ScrubRate)
	return s
}

func (s *Safe) load(ctx context.Context, decision func(uint64, [32]byte) (hsm.Decision, bool, error)) error {
	if err := s.loadJournal(ctx); err != nil {
		return err
	}
	if err := s.resumeJournal(ctx, decision); err != nil {
		return err
	}
	if err := s.loadVaults(ctx); err != nil {
		return err
	}
	if err := s.loadScrub(ctx); err != nil {
		return err
	}
	if err := s.loadBackups(ctx); err != nil {
		return err
	}
	return s.loadPending(ctx)
}

// loadJournal finds the journal and its end.
func (s *Safe) loadJournal(ctx context.Context) error {
	log, err := journal.Open(ctx, s.mirror, []byte{typeJournal}, journal.Options{NotFound: func(err error) bool { return errors.Is(err, raid.ErrNotFound) }})
	if err != nil {
		return err
	}
	s.log = log
	if size := log.Size(); size > 0 {
		e, _, err := log.Entry(ctx, size-1)
		if err != nil {
			return err
		}
		s.lastNow.Store(&e.At)
	}
	return nil
}

// start sets the safe's own work going. The two gatherers end last: the loops above them may be
// waiting for an answer of theirs.
func (s *Safe) start(ctx context.Context) {
	lower, stopLower := context.WithCancel(context.WithoutCancel(ctx))
	gatherers := make(chan struct{}, 2)
	go func() { s.ledger.run(lower); gatherers <- struct{}{} }()
	go func() { s.sealer.run(lower); gatherers <- struct{}{} }()
	var loops sync.WaitGroup
	for _, loop := range []func(context.Context){s.publisher, s.stamper, s.tell, s.scrubber} {
		loops.Go(func() { loop(ctx) })
	}
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		<-ctx.Done()
		loops.Wait()
		stopLower()
		<-gatherers
		<-gatherers
		close(s.stopped)
	}()
}

// tidy gives what the last process did not see the end of its end.
func (s *Safe) tidy(ctx context.Context) error {
	if err := s.sweep(ctx); err != nil {
		return err
	}
	if err := s.endInterrupted(ctx); err != nil {
		return err
	}
	return s.journalDecision(ctx)
}

// sweep takes away what deposits that never came to their end have left, and journals each as
// abandoned. Running it twice does no harm.
func (s *Safe) sweep(ctx context.Context) error {
	stages := map[proof.DocumentID]stageRecord{}
	err := s.scan(ctx, []byte{typeStage}, func(key, value []byte) error {
		var id proof.DocumentID
		var st stageRecord
		if err := json.Unmarshal(value, &st); err != nil || len(key) != 1+len(id)+1 {
			return fmt.Errorf("stage record: %w", ErrIntegrity)
		}
		copy(id[:], key[1:])
		stages[id] = st.join(stages[id])
		return nil
	})
	if err != nil {
		return err
	}
	for id, st := range stages {
		back, err := s.cameBack(ctx, id)
		if err != nil {
			return err
		}
		if back {
			continue
		}
		draft := s.draft(self, ActDeposit, st.Vault.String(), id.String(), journal.Abandoned, "interrupted before its end")
		if st.Number > 0 {
			draft.Refs = map[string]string{"number": fmt.Sprint(st.Number)}
		}
		if err := s.discard(id, st.Segments); err != nil {
			return err
		}
		if _, err := s.post(ctx, posting{draft: draft, ops: func(uint64) ([]raid.Op, error) { return stageGone(id), nil }}); err != nil {
			return err
		}
		s.slog.Info("an unfinished deposit was swept", "document", id.String())
	}
	return nil
}

// cameBack says whether a stage record stands beside its document. They never do: the stage goes in the batch
// that brings the document. A disk that loses in silence that a key was removed shows it again; what it names
// is the document's then, and the stage alone goes. While nobody can tell, nothing goes.
func (s *Safe) cameBack(ctx context.Context, id proof.DocumentID) (bool, error) {
	_, err := s.mirror.Get(ctx, placeKey(id))
	switch {
	case errors.Is(err, raid.ErrNotFound):
		return false, nil
	case errors.Is(err, raid.ErrCorrupt):
		s.slog.Error("a stage record stands beside a document whose place cannot be read: nothing of it is swept", "document", id.String())
		return true, nil
	case err != nil:
		return false, s.readError("place of document "+id.String(), err)
	}
	s.slog.Warn("a stage record came back beside its document", "document", id.String())
	return true, s.commitBatch(stageGone(id))
}
