package volume

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"time"
)

// Kind says what a frame asks or answers.
type Kind uint8

// The kinds of frames.
const (
	KindControl Kind = 1 // JSON [Request], answered in order on the control lane
	KindWrite   Kind = 2 // a part of a batch; FlagLast ends it
	KindRefill  Kind = 3 // raw operations outside the sequence, only on a marked volume
	KindGet     Kind = 4
	KindScan    Kind = 5
	KindReply   Kind = 128 // outcome byte, then what the request defines
)

// Lane is the queue a frame belongs to; one never waits for another.
type Lane uint8

// The lanes.
const (
	LaneControl Lane = 1
	LaneWrite   Lane = 2
	LaneRead    Lane = 3
)

// Flags of a frame.
const (
	FlagFirst    = 1 << 0 // the first part of a batch: the payload begins with its prologue
	FlagLast     = 1 << 1 // the last part of a batch: apply it
	FlagBackfill = 1 << 2 // a batch that brings a marked volume nearer to its twin
	FlagDigest   = 1 << 3 // a scan answered with the SHA-256 of the page instead of the page
	FlagRepair   = 1 << 4 // a refill of values in place on a volume that is not marked
	FlagRemoved  = 1 << 5 // a get answered with whether the key bears a mark of removal
)

const (
	frameHeader = 40
	flagsKnown  = FlagFirst | FlagLast | FlagBackfill | FlagDigest | FlagRepair | FlagRemoved
)

var (
	frameMagic = [2]byte{'C', 'V'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// Frame is the unit of the protocol. On the wire, big endian: "CV", version, kind, lane, flags, two
// zero bytes, request id (8), epoch (8), relative deadline in milliseconds (4, zero none), length
// (4), CRC32C of the payload (4), CRC32C of the header so far (4), payload.
type Frame struct {
	Kind     Kind
	Lane     Lane
	Flags    uint8
	ID       uint64
	Epoch    uint64
	Deadline time.Duration
	Payload  []byte
}

// header encodes the frame's header for a payload of n bytes whose checksum is known.
func (f *Frame) header(dst []byte, n int, sum uint32) {
	dst = dst[:frameHeader]
	copy(dst, frameMagic[:])
	dst[2], dst[3], dst[4], dst[5], dst[6], dst[7] = Protocol, byte(f.Kind), byte(f.Lane), f.Flags, 0, 0
	binary.BigEndian.PutUint64(dst[8:], f.ID)
	binary.BigEndian.PutUint64(dst[16:], f.Epoch)
	ms := f.Deadline.Milliseconds()
	ms = max(0, min(ms, 1<<32-1))
	binary.BigEndian.PutUint32(dst[24:], uint32(ms)) // #nosec G115 -- bounded above
	binary.BigEndian.PutUint32(dst[28:], uint32(n))  // #nosec G115 -- at most MaxPayload
	binary.BigEndian.PutUint32(dst[32:], sum)
	binary.BigEndian.PutUint32(dst[36:], crc32.Checksum(dst[:36], castagnoli))
}

// parseHeader checks a header and gives the frame without payload, its length and its checksum.
func parseHeader(h []byte) (f Frame, n int, sum uint32, err error) {
	switch {
	case len(h) != frameHeader || h[0] != frameMagic[0] || h[1] != frameMagic[1]:
		return f, 0, 0, fmt.Errorf("%w: no magic", ErrFrame)
	case crc32.Checksum(h[:36], castagnoli) != binary.BigEndian.Uint32(h[36:]):
		return f, 0, 0, fmt.Errorf("%w: header checksum", ErrFrame)
	case h[2] != Protocol:
		return f, 0, 0, fmt.Errorf("%w: protocol %d, not %d", ErrFrame, h[2], Protocol)
	case h[5]&^flagsKnown != 0 || h[6] != 0 || h[7] != 0:
		return f, 0, 0, fmt.Errorf("%w: unknown flags", ErrFrame)
	}
	f = Frame{
		Kind: Kind(h[3]), Lane: Lane(h[4]), Flags: h[5],
		ID:       binary.BigEndian.Uint64(h[8:]),
		Epoch:    binary.BigEndian.Uint64(h[16:]),
		Deadline: time.Duration(binary.BigEndian.Uint32(h[24:])) * time.Millisecond,
	}
	size := binary.BigEndian.Uint32(h[28:])
	if size > MaxPayload {
		return f, 0, 0, fmt.Errorf("%w: payload of %d bytes", ErrFrame, size)
	}
	if f.Lane < LaneControl || f.Lane > LaneRead {
		return f, 0, 0, fmt.Errorf("%w: lane %d", ErrFrame, f.Lane)
	}
	return f, int(size), binary.BigEndian.Uint32(h[32:]), nil
}

// readFrame reads one frame. The payload lies in what alloc gave for its length.
func readFrame(r *bufio.Reader, alloc func(f *Frame, n int) []byte) (Frame, error) {
	var h [frameHeader]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return Frame{}, err
	}
	f, n, sum, err := parseHeader(h[:])
	if err != nil {
		return f, err
	}
	f.Payload = alloc(&f, n)[:n]
	if _, err := io.ReadFull(r, f.Payload); err != nil {
		return f, fmt.Errorf("reading a frame's payload: %w", err)
	}
	if crc32.Checksum(f.Payload, castagnoli) != sum {
		return f, fmt.Errorf("%w: payload checksum", ErrFrame)
	}
	return f, nil
}

// writeFrame writes one frame whose payload lies in parts; sum is the checksum over them.
func writeFrame(conn net.Conn, f *Frame, sum uint32, parts ...[]byte) error {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	if n > MaxPayload {
		return fmt.Errorf("%w: payload of %d bytes", ErrFrame, n)
	}
	var h [frameHeader]byte
	f.header(h[:], n, sum)
	bufs := append(make(net.Buffers, 0, len(parts)+1), h[:])
	bufs = append(bufs, parts...)
	_, err := bufs.WriteTo(conn)
	return err
}

// Checksum is the CRC32C of parts one after the other.
func Checksum(parts ...[]byte) uint32 {
	var sum uint32
	for _, p := range parts {
		sum = crc32.Update(sum, castagnoli, p)
	}
	return sum
}
