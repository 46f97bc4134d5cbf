package store

import (
	"context"
	"errors"
	"fmt"
	"io"

	"casemate/store/proof"
)

// ringBlocks is how many blocks a body has in memory: one being read, the others being digested.
const ringBlocks = 4

// pump copies body to w block by block while a second goroutine digests the same blocks. It
// returns both digests, the size and the first bytes.
func pump(ctx context.Context, body io.Reader, w io.Writer) (proof.Digests, int64, []byte, error) {
	blocks := make(chan []byte, ringBlocks)
	free := make(chan struct{}, ringBlocks)
	for range ringBlocks {
		free <- struct{}{}
	}
	digested := make(chan struct{})
	h := proof.NewHasher()
	go func() {
		defer close(digested)
		for b := range blocks {
			_, _ = h.Write(b) // a hash never fails
			free <- struct{}{}
		}
	}()
	head, err := pumpBlocks(ctx, body, w, blocks, free)
	close(blocks)
	<-digested
	if err != nil {
		return proof.Digests{}, 0, nil, err
	}
	return h.Sum(), h.Size(), head, nil
}

// pumpBlocks reads into a ring of buffers. Blocks are digested in order, so the token taken before
// a buffer is filled again says that its previous content has been digested.
func pumpBlocks(ctx context.Context, body io.Reader, w io.Writer, blocks chan<- []byte, free <-chan struct{}) ([]byte, error) {
	var ring [ringBlocks][]byte
	var head []byte
	size := 32 << 10 // the first block is small: most documents are
	for i := 0; ; i++ {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrIncomplete, err)
		}
		<-free
		if slot := &ring[i%ringBlocks]; cap(*slot) < size {
			*slot = make([]byte, size)
		}
		b := ring[i%ringBlocks][:size]
		n, err := fill(body, b)
		if n > 0 {
			if i == 0 {
				head = append(head, b[:min(n, sniffBytes)]...)
			}
			blocks <- b[:n]
			if _, err := w.Write(b[:n]); err != nil {
				return nil, err
			}
		}
		if errors.Is(err, io.EOF) {
			return head, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrIncomplete, err)
		}
		size = blockBytes
	}
}

// fill reads until b is full or the body ends. Unlike io.ReadFull it keeps the body's own word on
// how it ended: io.EOF for a clean end, anything else for a cut.
func fill(body io.Reader, b []byte) (int, error) {
	n := 0
	for n < len(b) {
		m, err := body.Read(b[n:])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
