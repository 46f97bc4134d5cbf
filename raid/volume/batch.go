package volume

import (
	"encoding/binary"
	"fmt"
)

// Op is one operation as it travels: Value nil and Delete true removes the key.
type Op struct {
	Key, Value []byte
	Delete     bool
}

const (
	opPut    = 1
	opDelete = 2
	opHeader = 7 // type, key length (2), value length (4)
	// prologue is what the first part of a batch begins with: its head and the oldest sequence
	// whose manifest is still wanted.
	prologue = headSize + 8
)

// Batch is a batch in the form it travels in: payloads of frames, ready and checksummed, so that
// the same bytes go to every volume.
type Batch struct {
	Head  Head
	Bytes int64 // of all payloads
	parts [][]byte
	sums  []uint32
	pool  *Pool
}

// Builder lays a batch out in payloads. The zero value is not usable; see [NewBuilder].
type Builder struct {
	pool  *Pool
	parts [][]byte
	cur   []byte
}

// NewBuilder begins a batch whose payloads come from the pool.
func NewBuilder(pool *Pool) *Builder {
	b := &Builder{pool: pool, cur: pool.get(MaxPayload)[:prologue]}
	return b
}

// Add lays out one operation and gives the room for its value, size bytes to be filled by the
// caller before Finish. Key and size must be within MaxKey and MaxValue.
func (b *Builder) Add(key []byte, size int, remove bool) ([]byte, error) {
	if len(key) == 0 || len(key) > MaxKey || size < 0 || size > MaxValue {
		return nil, fmt.Errorf("key of %d and value of %d bytes", len(key), size)
	}
	need := opHeader + len(key) + size
	if len(b.cur)+need > MaxPayload {
		b.parts = append(b.parts, b.cur)
		b.cur = b.pool.get(MaxPayload)[:0]
	}
	kind := byte(opPut)
	if remove {
		kind, size = opDelete, 0
	}
	b.cur = append(b.cur, kind)
	b.cur = binary.BigEndian.AppendUint16(b.cur, uint16(len(key))) // #nosec G115 -- at most MaxKey
	b.cur = binary.BigEndian.AppendUint32(b.cur, uint32(size))     // #nosec G115 -- at most MaxValue
	b.cur = append(b.cur, key...)
	n := len(b.cur)
	b.cur = b.cur[:n+size]
	return b.cur[n : n+size : n+size], nil
}

// Finish ends the batch under its head. Manifests older than trim are no longer wanted.
func (b *Builder) Finish(head Head, trim uint64) *Batch {
	parts := append(b.parts, b.cur)
	first := head.append(parts[0][:0])
	binary.BigEndian.PutUint64(parts[0][len(first):], trim)
	out := &Batch{Head: head, parts: parts, pool: b.pool, sums: make([]uint32, len(parts))}
	for i, p := range parts {
		out.sums[i] = Checksum(p)
		out.Bytes += int64(len(p))
	}
	b.parts, b.cur = nil, nil
	return out
}

// Drop gives back the payloads of a batch never finished.
func (b *Builder) Drop() {
	for _, p := range append(b.parts, b.cur) {
		b.pool.put(p)
	}
	b.parts, b.cur = nil, nil
}

// Release gives the payloads back to the pool: no sender may use the batch any more.
func (b *Batch) Release() {
	for _, p := range b.parts {
		b.pool.put(p)
	}
	b.parts = nil
}

// parsePrologue reads the head and the trim mark a first part begins with.
func parsePrologue(p []byte) (h Head, trim uint64, rest []byte, err error) {
	if len(p) < prologue {
		return h, 0, nil, fmt.Errorf("%w: a batch without prologue", ErrFrame)
	}
	h, err = parseHead(p[:headSize])
	return h, binary.BigEndian.Uint64(p[headSize:]), p[prologue:], err
}

// parseOps reads the operations of one payload; the slices point into it.
func parseOps(p []byte, ops []Op) ([]Op, error) {
	for len(p) > 0 {
		if len(p) < opHeader {
			return ops, fmt.Errorf("%w: a torn operation", ErrFrame)
		}
		kind, klen, vlen := p[0], int(binary.BigEndian.Uint16(p[1:])), int(binary.BigEndian.Uint32(p[3:]))
		p = p[opHeader:]
		switch {
		case kind != opPut && kind != opDelete, klen == 0, klen > MaxKey, vlen > MaxValue,
			klen+vlen > len(p), kind == opDelete && vlen != 0, kind == opPut && vlen == 0:
			return ops, fmt.Errorf("%w: an operation of type %d, key %d, value %d", ErrFrame, kind, klen, vlen)
		case len(ops) >= MaxOps+64:
			return ops, fmt.Errorf("%w: too many operations", ErrFrame)
		}
		op := Op{Key: p[:klen:klen], Delete: kind == opDelete}
		if !op.Delete {
			op.Value = p[klen : klen+vlen : klen+vlen]
		}
		ops, p = append(ops, op), p[klen+vlen:]
	}
	return ops, nil
}
