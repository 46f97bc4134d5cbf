package volume

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Outcome begins every reply.
type Outcome uint8

// The outcomes.
const (
	Yes     Outcome = 1 // done, and durable where it is a write
	No      Outcome = 2 // not done, and nothing written
	Unknown Outcome = 3 // nobody can say; the volume takes no further writes
)

// Reasons of a No, the byte after the outcome.
const (
	reasonOther    = 0
	reasonSpace    = 1
	reasonNotFound = 2
	reasonDamaged  = 3
	reasonExpired  = 4
	reasonWillNot  = 5
	reasonUnmount  = 6
	reasonReadOnly = 7
)

var reasonErrors = map[byte]error{
	reasonOther: ErrRefused, reasonSpace: ErrNoSpace, reasonNotFound: ErrNotFound,
	reasonDamaged: ErrDamaged, reasonExpired: ErrExpired, reasonWillNot: ErrWillNotOpen,
	reasonUnmount: ErrUnmounted, reasonReadOnly: ErrReadOnly,
}

// ErrExpired is a request whose deadline had passed before the volume began it.
var ErrExpired = errors.New("the request's deadline passed before it was begun")

// Act names a control request.
type Act string

// The control requests.
const (
	ActHello   Act = "hello"   // opens Badger; must be the first
	ActStatus  Act = "status"  // the same answer, nothing done
	ActDeclare Act = "declare" // records Declared and MAC; its history must contain the one known
	ActMark    Act = "mark"    // records Mark and Reason
	ActAudited Act = "audited" // the tail was verified: the copies of before go
	ActRebuild Act = "rebuild" // begins an empty database beside the old one, marked rebuilding, for a copy of Head
	ActResume  Act = "resume"  // opens the database that an interrupted copy was filling
	ActCursor  Act = "cursor"  // records Filling: how far the copy certainly is
	ActMeasure Act = "measure" // the same answer, with Used
	ActReclaim Act = "reclaim" // begins to give space back; State says how far it is
	ActHead    Act = "head"    // sets the head of a rebuilding volume
	ActFinish  Act = "finish"  // the rebuilt database takes the old one's place, marked syncing
	ActClose   Act = "close"   // closes Badger cleanly
	ActErase   Act = "erase"   // removes all it holds, marked empty
	ActTrust   Act = "trust"   // persons chose what it holds for the truth, whatever its mark
)

// Request is a control request; fields a request does not use are empty.
type Request struct {
	Act      Act       `json:"act"`
	Protocol int       `json:"protocol,omitempty"`
	Build    string    `json:"build,omitempty"`
	MinFree  int64     `json:"minFree,omitempty"`
	Shut     bool      `json:"shut,omitempty"` // of ActHello: Badger is not opened
	Declared *Declared `json:"declared,omitempty"`
	MAC      Digest    `json:"mac,omitzero"`
	Mark     Mark      `json:"mark,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Head     Head      `json:"head,omitzero"`
	Filling  *Filling  `json:"filling,omitempty"`
}

// State is what a volume says of itself, the answer to every control request.
type State struct {
	Protocol   int    `json:"protocol"`
	Build      string `json:"build"`
	Set        ID     `json:"set"`
	Volume     ID     `json:"volume"`
	Generation uint64 `json:"generation"`
	Building   uint64 `json:"building"`
	Mark       Mark   `json:"mark"`
	Reason     string `json:"reason"`
	Head       Head   `json:"head"`
	Ring       Head   `json:"ring"`   // newest head of the ring when Badger was opened, or of one that was not
	Oldest     uint64 `json:"oldest"` // the oldest manifest kept; head + 1 if none
	Opened     bool   `json:"opened"` // Badger is open
	Audit      bool   `json:"audit"`  // stopped uncleanly: the tail wants verifying
	Free       int64  `json:"free"`   // bytes available to the volume
	Floor      int64  `json:"floor"`  // writes are refused below this
	Size       int64  `json:"size"`   // of the file system
	Landlock   string `json:"landlock"`
	PID        int    `json:"pid"`
	// Trouble is why it should take no more writes though nobody wrote: "" if all is well.
	Trouble Trouble `json:"trouble,omitempty"`
	Detail  string  `json:"detail,omitempty"` // of the trouble, for people
	// Cut is how many bytes Badger cut off its newest value log when it was opened, behind something that
	// did not read as it was written.
	Cut int64 `json:"cut,omitempty"`
	// Filling is how far an interrupted copy was, Used the bytes its files take (ActMeasure), Reclaim
	// how far ActReclaim is.
	Filling *Filling `json:"filling,omitempty"`
	Used    int64    `json:"used,omitempty"`
	Reclaim *Reclaim `json:"reclaim,omitempty"`

	// Declared and MAC are answered to ActHello and ActDeclare alone.
	Declared *Declared `json:"declared,omitempty"`
	MAC      Digest    `json:"mac,omitzero"`
}

// Behind says whether Badger opened with less than the ring proves was committed.
func (s State) Behind() bool { return s.Opened && s.Head.Sequence < s.Ring.Sequence }

// decodeStrict reads JSON without unknown fields or trailing data.
func decodeStrict(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", ErrFrame, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: trailing data", ErrFrame)
	}
	return nil
}

// encodeNo is a reply that nothing was done, and why.
func encodeNo(outcome Outcome, err error) []byte {
	reason := byte(reasonOther)
	for r, e := range reasonErrors {
		if r != reasonOther && errors.Is(err, e) {
			reason = r
		}
	}
	msg := err.Error()
	if len(msg) > 1000 {
		msg = msg[:1000]
	}
	return append([]byte{byte(outcome), reason}, msg...)
}

// parseReply gives the body of a Yes, or the error of a No or Unknown.
func parseReply(p []byte) ([]byte, error) {
	if len(p) == 0 {
		return nil, fmt.Errorf("%w: an empty reply", ErrFrame)
	}
	switch Outcome(p[0]) {
	case Yes:
		return p[1:], nil
	case No:
		if len(p) >= 2 {
			if e, ok := reasonErrors[p[1]]; ok {
				return nil, &ReplyError{Outcome: No, Kind: e, Detail: string(p[2:])}
			}
		}
	case Unknown:
		if len(p) >= 2 {
			return nil, &ReplyError{Outcome: Unknown, Kind: ErrUncertain, Detail: string(p[2:])}
		}
	}
	return nil, fmt.Errorf("%w: a reply that begins % x", ErrFrame, p[:min(2, len(p))])
}

// ReplyError is a volume's No or Unknown; errors.Is finds its Kind.
type ReplyError struct {
	Outcome Outcome
	Kind    error
	Detail  string
}

func (e *ReplyError) Error() string { return e.Detail }
func (e *ReplyError) Unwrap() error { return e.Kind }

// OutcomeOf says what an error from a write means: nil is Yes, a volume's No is No, anything else
// (a closed socket above all) is Unknown.
func OutcomeOf(err error) Outcome {
	var reply *ReplyError
	switch {
	case err == nil:
		return Yes
	case errors.As(err, &reply):
		return reply.Outcome
	default:
		return Unknown
	}
}
