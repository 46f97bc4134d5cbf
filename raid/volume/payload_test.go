package volume

import (
	"bytes"
	"testing"
)

// TestLayOut: whatever the sizes, the payloads read back as the operations, in order, none above the
// limit, each under its checksum, and a large value is not copied.
func TestLayOut(t *testing.T) {
	var ops []Op
	for _, size := range []int{1, 100, ownPart - 1, ownPart, ownPart + 1, MaxValue, 5, MaxValue, MaxValue - 1, 300 << 10, 300 << 10, 300 << 10, 300 << 10, 2} {
		ops = append(ops, Op{Key: bytes.Repeat([]byte{byte(len(ops) + 1)}, len(ops)+1), Value: bytes.Repeat([]byte{byte(size)}, size)})
	}
	ops = append(ops, Op{Key: []byte("gone"), Delete: true}, Op{Key: bytes.Repeat([]byte("k"), MaxKey), Value: []byte("last")})
	list, err := layOut(ops)
	if err != nil {
		t.Fatal(err)
	}
	var got []Op
	for _, p := range list {
		whole := bytes.Join(p.parts, nil)
		if len(whole) > MaxPayload || int64(len(whole)) != p.bytes || Checksum(whole) != p.sum || len(whole) == 0 {
			t.Errorf("a payload of %d bytes, said to be %d", len(whole), p.bytes)
		}
		if got, err = parseOps(whole, got); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != len(ops) {
		t.Fatalf("%d operations of %d", len(got), len(ops))
	}
	for i, op := range ops {
		if !bytes.Equal(got[i].Key, op.Key) || !bytes.Equal(got[i].Value, op.Value) || got[i].Delete != op.Delete {
			t.Errorf("operation %d changed", i)
		}
	}
	shared := 0
	for _, p := range list {
		for _, part := range p.parts {
			for _, op := range ops {
				if len(op.Value) >= ownPart && &part[0] == &op.Value[0] {
					shared++
				}
			}
		}
	}
	if shared != 9 {
		t.Errorf("%d values were sent from where they lie", shared)
	}
	for _, bad := range []Op{{Value: []byte("x")}, {Key: make([]byte, MaxKey+1), Value: []byte("x")}, {Key: []byte("k"), Value: make([]byte, MaxValue+1)}} {
		if _, err := layOut([]Op{bad}); err == nil {
			t.Errorf("key of %d, value of %d taken", len(bad.Key), len(bad.Value))
		}
	}
}
