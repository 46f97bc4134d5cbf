package volume

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// readers is how many reads are answered at a time.
const readers = 4

// session is one connection of a server: frames in, one queue a lane, replies out.
type session struct {
	s    *server
	conn net.Conn
	in   *bufio.Reader
	pool *Pool
	out  sync.Mutex

	control, reads chan job
	writes         chan *incoming
	parts          *incoming // the batch whose parts are coming in
	under          int64     // bytes of batches taken and not answered
	underMu        sync.Mutex
}

// job is a request with the time it must be begun by (zero: any).
type job struct {
	Frame
	expires time.Time
}

// incoming is a batch: the frames it came in, in order.
type incoming struct {
	first  job
	frames [][]byte
	head   Head
	trim   uint64
	ops    []Op
	bytes  int64
}

func newSession(conn net.Conn, s *server) *session {
	return &session{
		s: s, conn: conn, in: bufio.NewReaderSize(conn, 64<<10), pool: NewPool(WriteCredit / MaxPayload),
		control: make(chan job, 16), reads: make(chan job, 2*ReadCredit), writes: make(chan *incoming, 256),
	}
}

func (c *session) alloc(_ *Frame, n int) []byte { return c.pool.get(n) }

// run reads frames until the socket closes (nil), the protocol is broken or the volume fails.
func (c *session) run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { c.controls() })
	wg.Go(func() { c.applyAll() })
	for range readers {
		wg.Go(func() { c.answerAll() })
	}
	err := c.receive(ctx)
	close(c.control)
	close(c.writes)
	close(c.reads)
	wg.Wait()
	return err
}

func (c *session) receive(ctx context.Context) error {
	for {
		f, err := readFrame(c.in, c.alloc)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("receiving: %w", err)
		}
		j := job{Frame: f}
		if f.Deadline > 0 {
			j.expires = time.Now().Add(f.Deadline) //nolint:forbidigo // monotonic, never stored
		}
		switch f.Lane {
		case LaneControl:
			c.control <- j
		case LaneRead:
			c.reads <- j
		case LaneWrite:
			if err := c.gather(j); err != nil {
				return err
			}
		}
	}
}

// gather puts the parts of a batch together; the last one queues it.
func (c *session) gather(j job) error {
	if j.Flags&FlagFirst != 0 {
		if c.parts != nil {
			return fmt.Errorf("%w: a batch within a batch", ErrFrame)
		}
		c.parts = &incoming{first: j}
	}
	b := c.parts
	if b == nil || b.first.ID != j.ID || b.first.Kind != j.Kind {
		return fmt.Errorf("%w: a part without its batch", ErrFrame)
	}
	rest := j.Payload
	var err error
	if len(b.frames) == 0 && j.Kind == KindWrite {
		if b.head, b.trim, rest, err = parsePrologue(rest); err != nil {
			return err
		}
	}
	if b.ops, err = parseOps(rest, b.ops); err != nil {
		return err
	}
	b.frames = append(b.frames, j.Payload)
	b.bytes += int64(len(j.Payload))
	if b.bytes > MaxBatch+MaxPayload {
		return fmt.Errorf("%w: a batch above %d bytes", ErrFrame, MaxBatch)
	}
	if err := c.charge(int64(len(j.Payload))); err != nil {
		return err
	}
	if j.Flags&FlagLast != 0 {
		c.parts = nil
		c.writes <- b
	}
	return nil
}

// charge keeps the mirror to its credit.
func (c *session) charge(n int64) error {
	c.underMu.Lock()
	defer c.underMu.Unlock()
	c.under += n
	if c.under > WriteCredit+MaxPayload {
		return fmt.Errorf("%w: above the credit of %d bytes", ErrFrame, WriteCredit)
	}
	return nil
}

// done gives the frames of a batch and their credit back.
func (c *session) done(b *incoming) {
	c.underMu.Lock()
	c.under -= b.bytes
	c.underMu.Unlock()
	for _, p := range b.frames {
		c.pool.put(p)
	}
}

// reply answers a request; parts are the payload.
func (c *session) reply(id uint64, lane Lane, parts ...[]byte) error {
	sum := Checksum(parts...)
	c.out.Lock()
	defer c.out.Unlock()
	return writeFrame(c.conn, &Frame{Kind: KindReply, Lane: lane, ID: id}, sum, parts...)
}

// expired says whether a request came too late to be begun.
func (j *job) expired() bool {
	return !j.expires.IsZero() && time.Now().After(j.expires) //nolint:forbidigo // monotonic
}
