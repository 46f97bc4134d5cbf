package evidence

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"
)

func numbered(n int) [][32]byte {
	leaves := make([][32]byte, n)
	for i := range leaves {
		leaves[i] = sha256.Sum256(binary.BigEndian.AppendUint32(nil, uint32(i)))
	}
	return leaves
}

func climb(leaf [32]byte, path [][][32]byte) [32]byte {
	for _, list := range path {
		leaf = GroupHash(append([][32]byte{leaf}, list...))
	}
	return leaf
}

func TestEveryLeafReachesTheRoot(t *testing.T) {
	for n := 1; n <= 70; n++ {
		leaves := numbered(n)
		tree := NewTree(leaves)
		for i, leaf := range leaves {
			if climb(leaf, tree.Path(i)) != tree.Root() {
				t.Fatalf("leaf %d of %d does not", i, n)
			}
		}
	}
}

func TestLargestRound(t *testing.T) {
	const n = 1 << 16
	leaves := numbered(n)
	tree := NewTree(leaves)
	for i := 0; i < n; i += 997 {
		path := tree.Path(i)
		if len(path) != 16 || climb(leaves[i], path) != tree.Root() {
			t.Fatalf("leaf %d, path of %d", i, len(path))
		}
	}
}

func TestTreeOfNothingAndOfOne(t *testing.T) {
	if (NewTree(nil).Root() != [32]byte{}) || NewTree(nil).Path(0) != nil {
		t.Error("a tree of nothing has something")
	}
	leaves := numbered(3)
	if one := NewTree(leaves[:1]); one.Root() != leaves[0] || one.Path(0) != nil {
		t.Error("a lone leaf is not the root")
	}
	if tree := NewTree(leaves); tree.Path(-1) != nil || tree.Path(3) != nil {
		t.Error("a path for a leaf there is not")
	}
}

func TestGroupHash(t *testing.T) {
	h := numbered(3)
	want := func(list ...[32]byte) [32]byte {
		var all []byte
		for _, one := range list {
			all = append(all, one[:]...)
		}
		return sha256.Sum256(all)
	}
	s := sorted(h)
	if GroupHash(h) != want(s...) || GroupHash([][32]byte{h[2], h[0], h[1]}) != want(s...) {
		t.Error("hashes of a group are not sorted as binary")
	}
	if GroupHash(h[:1]) != h[0] || GroupHash(nil) != [32]byte{} {
		t.Error("a lone hash is not its own group's")
	}
	if h[0] != numbered(1)[0] {
		t.Error("the group given was reordered")
	}
}

func BenchmarkTree(b *testing.B) {
	for _, n := range []int{256, 1 << 16} {
		leaves := numbered(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if tree := NewTree(leaves); tree.Path(n-1) == nil {
					b.Fatal("no path")
				}
			}
		})
	}
}
