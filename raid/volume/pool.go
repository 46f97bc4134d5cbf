package volume

// Pool keeps buffers for reuse, so that the memory of a process is bounded by what is under way
// and not by the garbage collector's leisure. Two sizes: small frames and full ones.
type Pool struct {
	small, full chan []byte
}

const smallBuffer = 64 << 10

// NewPool keeps at most n full buffers (MaxPayload bytes each) for reuse.
func NewPool(n int) *Pool {
	return &Pool{small: make(chan []byte, 64), full: make(chan []byte, n)}
}

// get gives a buffer with room for n bytes; its contents are whatever was there.
func (p *Pool) get(n int) []byte {
	from, size := p.full, MaxPayload
	if n <= smallBuffer {
		from, size = p.small, smallBuffer
	}
	select {
	case b := <-from:
		return b[:size]
	default:
		return make([]byte, size)
	}
}

// put takes a buffer back.
func (p *Pool) put(b []byte) {
	to := p.full
	switch cap(b) {
	case smallBuffer:
		to = p.small
	case MaxPayload:
	default:
		return
	}
	select {
	case to <- b[:cap(b)]:
	default:
	}
}
