package store

import (
	"context"
	"io"
)

// ahead reads from a source one block ahead of its reader, on another core: deciphering the next
// block goes on while this one is digested and sent.
type ahead struct {
	blocks chan aheadBlock
	free   chan []byte
	now    aheadBlock
	at     int
}

type aheadBlock struct {
	b   []byte
	err error // how the source ended, after b
}

const aheadBlocks = 3

// readAhead starts reading; it ends with ctx, or when the source does.
func readAhead(ctx context.Context, source io.Reader) *ahead {
	a := &ahead{blocks: make(chan aheadBlock, aheadBlocks), free: make(chan []byte, aheadBlocks)}
	for range aheadBlocks {
		a.free <- make([]byte, blockBytes)
	}
	go func() {
		defer close(a.blocks)
		for {
			var b []byte
			select {
			case b = <-a.free:
			case <-ctx.Done():
				return
			}
			n, err := fill(source, b[:blockBytes])
			a.blocks <- aheadBlock{b[:n], err} // as many places as blocks: never waits
			if err != nil {
				return
			}
		}
	}()
	return a
}

// Read gives what the source gave, and at the end the source's own word on how it ended.
func (a *ahead) Read(p []byte) (int, error) {
	for a.at == len(a.now.b) {
		if a.now.err != nil {
			return 0, a.now.err
		}
		if a.now.b != nil {
			a.free <- a.now.b
		}
		next, ok := <-a.blocks
		if !ok {
			return 0, context.Canceled
		}
		a.now, a.at = next, 0
	}
	n := copy(p, a.now.b[a.at:])
	a.at += n
	return n, nil
}
