package volume

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

// frameBytes encodes a frame as it travels.
func frameBytes(t testing.TB, f Frame) []byte {
	t.Helper()
	a, b := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- writeFrame(a, &f, Checksum(f.Payload), f.Payload); _ = a.Close() }()
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(b); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func readBytes(b []byte) (Frame, error) {
	return readFrame(bufio.NewReader(bytes.NewReader(b)), func(_ *Frame, n int) []byte { return make([]byte, n) })
}

func FuzzFrame(f *testing.F) {
	f.Add(frameBytes(f, Frame{Kind: KindGet, Lane: LaneRead, ID: 7, Epoch: 3, Deadline: time.Second, Payload: []byte("key")}))
	f.Add(frameBytes(f, Frame{Kind: KindWrite, Lane: LaneWrite, Flags: FlagFirst | FlagLast, ID: 1}))
	f.Add([]byte("CV"))
	f.Fuzz(func(t *testing.T, b []byte) {
		fr, err := readBytes(b)
		if err != nil {
			return
		}
		again := frameBytes(t, fr)
		if !bytes.Equal(again, b[:len(again)]) {
			t.Errorf("a frame read is not the frame written: % x", again[:frameHeader])
		}
	})
}

func FuzzOps(f *testing.F) {
	b := NewBuilder(NewPool(1))
	for _, v := range []string{"", "value"} {
		room, err := b.Add([]byte("key"), len(v), v == "")
		if err != nil {
			f.Fatal(err)
		}
		copy(room, v)
	}
	f.Add(b.Finish(Head{Sequence: 1}, 0).parts[0])
	f.Fuzz(func(t *testing.T, p []byte) {
		_, _, rest, err := parsePrologue(p)
		if err != nil {
			return
		}
		ops, err := parseOps(rest, nil)
		if err != nil {
			return
		}
		n := 0
		for _, op := range ops {
			n += opHeader + len(op.Key) + len(op.Value)
			if len(op.Key) == 0 || op.Delete != (op.Value == nil) {
				t.Errorf("an impossible operation: %d, %d, %v", len(op.Key), len(op.Value), op.Delete)
			}
		}
		if n != len(rest) {
			t.Errorf("operations of %d bytes out of %d", n, len(rest))
		}
	})
}

func FuzzPage(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 0, 2, 'k', 'v', 'w'})
	f.Fuzz(func(t *testing.T, p []byte) {
		items, err := parsePage(p)
		n := 0
		for _, it := range items {
			n += 6 + len(it.Key) + len(it.Value)
		}
		if err == nil && n != len(p) {
			t.Errorf("items of %d bytes out of %d", n, len(p))
		}
	})
}

func FuzzScanRequest(f *testing.F) {
	f.Add(encodeScan([]byte("p"), []byte("pa"), 10))
	f.Fuzz(func(t *testing.T, p []byte) {
		prefix, after, limit, err := parseScan(p)
		if err == nil && !bytes.Equal(encodeScan(prefix, after, limit), p) {
			t.Errorf("a scan read is not the scan written")
		}
	})
}

func FuzzReply(f *testing.F) {
	f.Add([]byte{byte(Yes), 1})
	f.Add(encodeNo(No, ErrNoSpace))
	f.Add(encodeNo(Unknown, ErrDamaged))
	f.Fuzz(func(t *testing.T, p []byte) {
		if _, err := parseReply(p); err == nil && (len(p) == 0 || p[0] != byte(Yes)) {
			t.Errorf("% x is taken for a yes", p)
		}
	})
}

func FuzzSuperblock(f *testing.F) {
	b, err := sample().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSuperblock(b)
		if err != nil {
			return
		}
		again, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if s2, err := ParseSuperblock(again); err != nil || !reflect.DeepEqual(s, s2) {
			t.Errorf("a superblock does not come back: %v", err)
		}
	})
}

func FuzzRing(f *testing.F) {
	f.Add(make([]byte, ringSlots*ringSlot))
	r, err := createRing(filepath.Join(f.TempDir(), "heads"))
	if err != nil {
		f.Fatal(err)
	}
	for sequence := range uint64(70) {
		if err := r.put(Head{Epoch: 1, Sequence: sequence, Digest: Digest{byte(sequence)}}); err != nil {
			f.Fatal(err)
		}
	}
	b, err := os.ReadFile(r.f.Name())
	if err := errors.Join(err, r.close()); err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseRing(b)
		if err == nil && h.Sequence != 0 && !bytes.Contains(b, h.append(nil)) {
			t.Errorf("a head that is not in the ring: %+v", h)
		}
	})
}

func sample() Superblock {
	return Superblock{
		Declared: declared(Epoch{Number: 2, ID: ID{5}, Members: []ID{{2}}, Base: 7, Digest: Digest{6}, Decided: true}),
		MAC:      Digest{7}, Generation: 3, Mark: Syncing, Reason: "a test", Since: time.Unix(1e9, 0).UTC(),
	}
}

// declared is what a mirror of one volume, of identity 2, may declare, with more epochs.
func declared(more ...Epoch) Declared {
	d := Declared{
		Set: ID{1}, Volume: ID{2}, History: History{{Number: 1, ID: ID{3}, Members: []ID{{2}}}},
		Roster: Roster{Number: 1, Seats: []Seat{{ID: ID{2}, Dir: "/volume"}}},
	}
	for _, e := range more {
		d.History = d.History.With(e)
	}
	return d
}
