package hsm

import (
	"context"
	"fmt"
)

// Witness gives the mirror's mark as it was set last, nil if none ever was. It stands outside the
// volumes and the safe's state directory, so that a mirror put back to an older state is noticed.
// ErrAudit when something is kept and can not be read: the next SetWitness replaces it.
func (c *Client) Witness(ctx context.Context) ([]byte, error) {
	var reply WitnessMark
	if err := c.call(ctx, PathWitness, Empty{}, &reply); err != nil {
		return nil, err
	}
	if n := len(reply.Mark); n > MaxWitness || (n > 0 && n < MinWitness) {
		return nil, errReply(PathWitness)
	}
	if len(reply.Mark) == 0 {
		return nil, nil
	}
	return reply.Mark, nil
}

// SetWitness keeps a mark of at most MaxWitness bytes in the place of the last; durable when it
// returns, and after an error either of the two. It means nothing to the token but for its first
// eight bytes, an order number, big-endian: a mark with a lower one than the last is ErrConflict. The
// same mark may be set again.
func (c *Client) SetWitness(ctx context.Context, mark []byte) error {
	if len(mark) < MinWitness || len(mark) > MaxWitness {
		return fmt.Errorf("a mark of %d bytes, not %d to %d: %w", len(mark), MinWitness, MaxWitness, ErrRefused)
	}
	return c.call(ctx, PathSetWitness, WitnessMark{Mark: mark}, &Empty{})
}
