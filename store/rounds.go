package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"casemate/raid"
	"casemate/store/evidence"
	"casemate/store/journal"
	"casemate/store/proof"
	"casemate/store/timestamp"
)

// A round gathers the deposits sealed since the last one, with a checkpoint of the journal, under
// one RFC 4998 hash tree, and asks the external authority for one token over its root. A round is
// one object; the path of each document is derived when its receipt is asked for.
//
// Crash table: before the batch of the round is committed there is no round, and the deposits are
// still pending (found again by reading the journal from the last round on); a token obtained and
// then lost costs one more request. After it, the round exists whole.
type round struct {
	span
	Note   []byte `json:"note"`   // the checkpoint all its documents are included in
	Leaves []byte `json:"leaves"` // 40 bytes each: journal index ‖ hash; the note's own leaf is not among them
	Token  []byte `json:"token"`  // TimeStampToken, DER

	kept   uint64 // the number under which a survey keeps it
	tree   *evidence.Tree
	signed *proof.Checkpoint // the note's, once its signature was found good
}

// span is what is needed to find a round: it covers the deposits journaled in [From, To).
type span struct {
	Number    uint64    `json:"number"`
	From      uint64    `json:"from"`
	To        uint64    `json:"to"`
	At        time.Time `json:"at"` // the authority's time
	Authority string    `json:"authority"`
	Digest    [32]byte  `json:"digest"` // SHA-256 of the token
}

const (
	roundDocuments = 4096
	leafBytes      = 8 + 32
	// headAge is the longest that the head of the journal goes without an external token, whether
	// or not anything was deposited.
	headAge = 24 * time.Hour
)

// pendingSeal is a committed deposit that no round covers yet.
type pendingSeal struct {
	leaf   uint64
	vault  *vault
	number uint64           // 0: found by a restart, and not looked up yet
	id     proof.DocumentID // when number is 0
	at     time.Time
}

// Stamp makes rounds until nothing is pending. It is what the loop calls, and what an operator
// may ask for.
func (s *Safe) Stamp(ctx context.Context) error {
	s.rounding.Lock()
	defer s.rounding.Unlock()
	for {
		more, err := s.stampOnce(ctx)
		if err != nil || !more {
			return err
		}
	}
}

func (s *Safe) stampOnce(ctx context.Context) (more bool, err error) {
	batch, left, to := s.pendingSeals(roundDocuments)
	last := s.lastSpan()
	// A clock that was refused is believed again on an authority's word: ask for it.
	_, doubt := s.sealingTime()
	if len(batch) == 0 && last.Number != 0 && doubt == nil && s.now().Sub(last.At) < headAge {
		return false, nil
	}
	if s.log.Size() == 0 {
		return false, nil
	}
	r := round{span: span{Number: last.Number + 1, From: last.To, To: max(to, last.To)}}
	note, checkpoint, err := s.publish(ctx)
	if err != nil {
		return false, err
	}
	r.Note = note
	leaves, err := s.roundLeaves(ctx, &r, batch, checkpoint)
	if err != nil {
		return false, err
	}
	root := evidence.NewTree(leaves).Root()
	token, err := s.authorities.Stamp(ctx, root)
	if err != nil {
		return false, fmt.Errorf("asking the external authority: %w", err)
	}
	s.clock.Observe(token)
	if err := s.commitRound(&r, token, root); err != nil {
		return false, err
	}
	s.settle(len(batch), r.span)
	return left > 0, nil
}

// roundLeaves computes the tree's leaves: the checkpoint first, then each document's group.
func (s *Safe) roundLeaves(ctx context.Context, r *round, batch []pendingSeal, c proof.Checkpoint) ([][32]byte, error) {
	leaves := [][32]byte{sha256.Sum256(r.Note)}
	for _, p := range batch {
		group, err := s.all().pendingGroup(ctx, &p, r.Note, c.Size)
		if errors.Is(err, ErrIntegrity) {
			s.alarmUnreadable(ctx, p, err) // one damaged record must not keep all others from their proof
			continue
		}
		if err != nil {
			return nil, err
		}
		hash := evidence.GroupHash(group)
		leaves = append(leaves, hash)
		r.Leaves = append(binary.BigEndian.AppendUint64(r.Leaves, p.leaf), hash[:]...)
	}
	return leaves, nil
}

func (v view) pendingGroup(ctx context.Context, p *pendingSeal, note []byte, size uint64) ([][32]byte, error) {
	if p.number == 0 {
		in, number, err := v.locate(ctx, p.id)
		if err == nil && in != p.vault || errors.Is(err, ErrUnknownDocument) {
			err = fmt.Errorf("document %s does not stand where the journal says: %w", p.id, ErrIntegrity)
		}
		if err != nil {
			return nil, err
		}
		p.number = number
	}
	rec, err := v.record(ctx, p.vault, p.number)
	if err != nil {
		return nil, err
	}
	_, group, err := v.evidenceGroup(ctx, rec, note, size)
	return group, err
}

// alarmUnreadable tells log and journal of a deposit that no round can cover as it stands.
func (s *Safe) alarmUnreadable(ctx context.Context, p pendingSeal, cause error) {
	s.slog.Error("a deposit cannot be timestamped: it does not read as it was sealed", "vault", p.vault.ID.String(), "number", p.number, "error", cause)
	draft := s.draft(self, "timestamp-round", p.vault.ID.String(), "", journal.Failed, ErrIntegrity.Error())
	if draft.Refs = map[string]string{"number": fmt.Sprint(p.number)}; p.number == 0 {
		draft.Object, draft.Refs = p.id.String(), nil
	}
	if _, err := s.post(ctx, posting{draft: draft}); err != nil {
		s.slog.Error("the alarm could not be journaled", "error", err)
	}
}

func (s *Safe) commitRound(r *round, token timestamp.Token, root [32]byte) error {
	r.At, r.Authority, r.Token, r.Digest = token.Time, token.Authority, token.DER, sha256.Sum256(token.DER)
	whole, err := json.Marshal(r)
	if err != nil {
		return err
	}
	small, err := json.Marshal(r.span)
	if err != nil {
		return err
	}
	draft := s.draft(self, "timestamp-round", "", fmt.Sprint(r.Number), journal.Done, "")
	draft.Refs = map[string]string{"token": hex.EncodeToString(r.Digest[:]), "root": hex.EncodeToString(root[:]), "authority": r.Authority}
	_, err = s.post(context.Background(), posting{draft: draft, size: len(whole), ops: func(uint64) ([]raid.Op, error) {
		return []raid.Op{
			{Key: roundKey(r.Number), Value: whole},
			{Key: spanKey(r.Number), Value: small},
			{Key: singleKey("round"), Value: small},
		}, nil
	}})
	return err
}

// roundOf finds the round that covers a journal index, by binary search over the spans; ok is
// false while there is none.
func (v view) roundOf(ctx context.Context, leaf uint64) (sp span, ok bool, err error) {
	last := v.newest()
	if leaf >= last.To {
		return span{}, false, nil
	}
	low, high := uint64(1), last.Number
	for low < high {
		mid := low + (high-low)/2
		if sp, err = v.span(ctx, mid); err != nil {
			return span{}, false, err
		}
		if leaf < sp.To {
			high = mid
		} else {
			low = mid + 1
		}
	}
	sp, err = v.span(ctx, low)
	return sp, err == nil, err
}

func (v view) span(ctx context.Context, n uint64) (sp span, err error) {
	if last := v.s.lastSpan(); n == last.Number && v.slot == allSlots {
		return last, nil
	}
	if sp, ok := v.seen.span(n); ok {
		return sp, nil
	}
	raw, err := v.get(ctx, spanKey(n))
	if err != nil {
		return sp, v.s.readError(fmt.Sprintf("span of round %d", n), err)
	}
	if err := json.Unmarshal(raw, &sp); err != nil {
		return sp, fmt.Errorf("span of round %d: %w: %w", n, ErrIntegrity, err)
	}
	v.seen.addSpan(n, sp)
	return sp, nil
}

func (v view) round(ctx context.Context, n uint64) (*round, error) {
	if r, ok := v.seen.round(n); ok {
		return r, nil
	}
	raw, err := v.get(ctx, roundKey(n))
	if err != nil {
		return nil, v.s.readError(fmt.Sprintf("round %d", n), err)
	}
	var r round
	if err := json.Unmarshal(raw, &r); err != nil || len(r.Leaves)%leafBytes != 0 {
		return nil, fmt.Errorf("round %d: %w", n, ErrIntegrity)
	}
	v.seen.addRound(n, &r)
	return &r, nil
}

// path gives the reduced hash tree of the document at a journal index.
func (r *round) path(leaf uint64, group [32]byte) ([][][32]byte, error) {
	for i := 0; i < len(r.Leaves); i += leafBytes {
		if binary.BigEndian.Uint64(r.Leaves[i:]) == leaf && [32]byte(r.Leaves[i+8:i+leafBytes]) == group {
			return r.hashTree().Path(1 + i/leafBytes), nil
		}
	}
	return nil, fmt.Errorf("entry %d in round %d: %w: its group is not the one timestamped", leaf, r.Number, ErrIntegrity)
}

// checkpoint gives what the round's note says, if the journal's key signed it. One goroutine at a time
// asks a round that is kept.
func (r *round) checkpoint(vkey string) (proof.Checkpoint, error) {
	if r.signed == nil {
		c, err := proof.ParseCheckpointNote(r.Note, vkey)
		if err != nil {
			return c, err
		}
		r.signed = &c
	}
	return *r.signed, nil
}

// hashTree gives the round's tree, built once for a round that is kept.
func (r *round) hashTree() evidence.Tree {
	if r.tree == nil {
		leaves := [][32]byte{sha256.Sum256(r.Note)}
		for i := 0; i < len(r.Leaves); i += leafBytes {
			leaves = append(leaves, [32]byte(r.Leaves[i+8:i+leafBytes]))
		}
		tree := evidence.NewTree(leaves)
		r.tree = &tree
	}
	return *r.tree
}

// stamper runs the rounds. While no authority answers, deposits go on and the wait doubles, up to
// the interval; past the configured age the safe says so wherever its state is shown.
func (s *Safe) stamper(ctx context.Context) {
	const first = 2 * time.Second
	wait, told, failing := s.interval, false, false
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		err := s.Stamp(ctx)
		s.roundFailure(err)
		late := err != nil && s.Status(ctx).Late
		if late && !told && ctx.Err() == nil {
			s.alarmLate(ctx)
		}
		told = late
		switch {
		case err == nil:
			wait = s.interval
		case !failing:
			wait = min(first, s.interval)
		default:
			wait = min(2*wait, s.interval)
		}
		failing = err != nil
		if err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) {
			s.slog.Warn("no timestamp round", "error", err, "retry", wait)
		}
	}
}

// alarmLate tells the journal, once, that a deposit has waited longer than it may for its proof.
func (s *Safe) alarmLate(ctx context.Context) {
	s.slog.Error("deposits have been waiting too long for an external timestamp", "since", s.Status(ctx).PendingSince)
	draft := s.draft(self, "timestamp-late", "", "", journal.Failed, "no external authority has answered for too long")
	if _, err := s.post(ctx, posting{draft: draft}); err != nil {
		s.slog.Error("the alarm could not be journaled", "error", err)
	}
}
