package volume

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// Client is the mirror's end of the protocol. Its methods may be called from several goroutines;
// batches are applied in the order in which Write is called, so one goroutine should call it.
type Client struct {
	conn   net.Conn
	turn   chan struct{}   // held while a frame is sent
	ctx    context.Context //nolint:containedctx // the life of the connection
	cancel context.CancelFunc
	writes *semaphore.Weighted
	reads  *semaphore.Weighted

	mu    sync.Mutex
	next  uint64
	calls map[uint64]func([]byte, error)
	err   error
}

// NewClient speaks to the volume behind conn.
func NewClient(conn net.Conn) *Client {
	ctx, cancel := context.WithCancel(context.Background())
	c := &Client{
		conn: conn, turn: make(chan struct{}, 1), calls: map[uint64]func([]byte, error){},
		writes: semaphore.NewWeighted(WriteCredit), reads: semaphore.NewWeighted(ReadCredit),
		ctx: ctx, cancel: cancel,
	}
	go c.receive()
	return c
}

// Done is closed when the connection is.
func (c *Client) Done() <-chan struct{} { return c.ctx.Done() }

// Close closes the socket: the volume ends, and whatever was under way fails with ErrClosed.
func (c *Client) Close() { c.fail(ErrClosed) }

func (c *Client) receive() {
	in := bufio.NewReaderSize(c.conn, 64<<10)
	for {
		f, err := readFrame(in, func(_ *Frame, n int) []byte { return make([]byte, n) })
		if err != nil {
			c.fail(fmt.Errorf("%w: %w", ErrClosed, err))
			return
		}
		c.mu.Lock()
		call := c.calls[f.ID]
		delete(c.calls, f.ID)
		c.mu.Unlock()
		if f.Kind != KindReply || call == nil {
			c.fail(fmt.Errorf("%w: an answer to nothing", ErrFrame))
			return
		}
		call(parseReply(f.Payload))
	}
}

// fail ends every call under way.
func (c *Client) fail(err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	calls := c.calls
	c.calls = nil
	c.cancel()
	c.mu.Unlock()
	_ = c.conn.Close()
	for _, call := range calls {
		call(nil, err)
	}
}

// register gives a request its number. answer is called once, from another goroutine.
func (c *Client) register(answer func([]byte, error)) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, c.err
	}
	c.next++
	c.calls[c.next] = answer
	return c.next, nil
}

// send writes one frame; an error closes the connection, for a torn frame cannot be mended.
func (c *Client) send(ctx context.Context, f *Frame, sum uint32, parts ...[]byte) error {
	select {
	case c.turn <- struct{}{}:
	case <-c.ctx.Done():
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	err := writeFrame(c.conn, f, sum, parts...)
	<-c.turn
	if err != nil {
		c.fail(fmt.Errorf("%w: %w", ErrClosed, err))
	}
	return err
}

// call sends one request and waits for its answer or the end of ctx.
func (c *Client) call(ctx context.Context, f Frame) ([]byte, error) {
	type result struct {
		body []byte
		err  error
	}
	got := make(chan result, 1)
	id, err := c.register(func(b []byte, err error) { got <- result{b, err} })
	if err != nil {
		return nil, err
	}
	f.ID = id
	if at, ok := ctx.Deadline(); ok {
		f.Deadline = max(time.Until(at), time.Millisecond)
	}
	if err := c.send(ctx, &f, Checksum(f.Payload), f.Payload); err != nil {
		return nil, err
	}
	select {
	case r := <-got:
		return r.body, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Write sends a batch and calls answer, from another goroutine, with the free bytes left once the
// volume has answered; [OutcomeOf] tells what an error means. It returns when the batch is on its
// way or never will be: the payloads are no longer needed then.
func (c *Client) Write(b *Batch, epoch uint64, flags uint8, deadline time.Duration, answer func(free int64, err error)) {
	payloads := make([]payload, len(b.parts))
	for i, p := range b.parts {
		payloads[i] = payload{parts: [][]byte{p}, sum: b.sums[i], bytes: int64(len(p))}
	}
	c.submit(KindWrite, payloads, epoch, flags, deadline, answer)
}

// Refill writes operations outside the sequence and waits for the answer.
func (c *Client) Refill(ctx context.Context, ops []Op, flags uint8) error {
	got := c.StartRefill(ops, flags)
	select {
	case err := <-got:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// StartRefill sends operations outside the sequence and gives where the answer will come. Only one
// goroutine at a time may send batches and refills.
func (c *Client) StartRefill(ops []Op, flags uint8) <-chan error {
	got := make(chan error, 1)
	payloads, err := layOut(ops)
	if err != nil {
		got <- err
		return got
	}
	c.submit(KindRefill, payloads, 0, flags, 0, func(_ int64, err error) { got <- err })
	return got
}

func (c *Client) submit(kind Kind, payloads []payload, epoch uint64, flags uint8,
	deadline time.Duration, answer func(int64, error)) {
	var bytes int64
	for _, p := range payloads {
		bytes += p.bytes
	}
	if err := c.writes.Acquire(c.ctx, bytes); err != nil {
		answer(0, ErrClosed)
		return
	}
	id, err := c.register(func(body []byte, err error) {
		c.writes.Release(bytes)
		if err == nil && len(body) != 8 {
			err = fmt.Errorf("%w: an answer of %d bytes to a write", ErrFrame, len(body))
		}
		if err != nil {
			answer(0, err)
			return
		}
		answer(int64(binary.BigEndian.Uint64(body)), nil) // #nosec G115 -- free bytes
	})
	if err != nil {
		c.writes.Release(bytes)
		answer(0, err)
		return
	}
	for i, p := range payloads {
		f := Frame{Kind: kind, Lane: LaneWrite, ID: id, Epoch: epoch, Deadline: deadline, Flags: flags}
		if i == 0 {
			f.Flags |= FlagFirst
		}
		if i == len(payloads)-1 {
			f.Flags |= FlagLast
		}
		if c.send(c.ctx, &f, p.sum, p.parts...) != nil {
			c.fail(ErrClosed) // answers the call above
			return
		}
	}
}
