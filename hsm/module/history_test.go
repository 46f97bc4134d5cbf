package module

import (
	"context"
	"errors"
	"testing"

	"casemate/hsm"
)

// The note is written, or not, and the process dies before it replied: in
// either case the next process goes on with one history.
func TestCheckpointWriteFails(t *testing.T) {
	full := errors.New("no space left on device")
	for name, persisted := range map[string]bool{"failed": false, "failed and persisted": true} {
		t.Run(name, func(t *testing.T) {
			cfg := setUp(t)
			e := open(t, cfg)
			first := hsm.CheckpointRequest{Size: 1, Root: make([]byte, 32)}
			e.checkpoints.write = func(path string, v any) error {
				if persisted {
					check(t, writeJSON(path, v))
				}
				return full
			}
			if reply, err := e.checkpoints.sign(context.Background(), first); !errors.Is(err, hsm.ErrUnavailable) || reply.Note != nil {
				t.Fatalf("a note that may be forgotten left: %v", err)
			}
			if !e.guard.isDead() {
				t.Error("the process goes on without knowing what it signed last")
			}
			check(t, e.close()) // a real process would just end
			next := open(t, cfg)
			rival := hsm.CheckpointRequest{Size: 1, Root: append(make([]byte, 31), 1)}
			_, err := next.checkpoints.sign(context.Background(), rival)
			if persisted != errors.Is(err, hsm.ErrRefused) {
				t.Errorf("another root of the same size: %v", err)
			}
			if !persisted {
				check(t, err) // the first was seen by nobody
			}
			if reply, err := next.checkpoints.sign(context.Background(), first); persisted != (err == nil && reply.Note != nil) {
				t.Errorf("the same again: %v", err)
			}
		})
	}
}
