package evidence

// Tree is the hash tree of one round: a binary tree over the hashes of its
// groups, in which a node is the GroupHash of the two below it and an odd node
// at the end of a level goes up unchanged.
type Tree struct {
	levels [][][32]byte // leaves first, the root alone at the end
}

// NewTree builds the tree over leaves, one hash a group. A tree of no leaves
// has no root.
func NewTree(leaves [][32]byte) Tree {
	var t Tree
	level := append([][32]byte(nil), leaves...)
	for len(level) > 0 {
		t.levels = append(t.levels, level)
		if len(level) == 1 {
			break
		}
		up := make([][32]byte, 0, (len(level)+1)/2)
		for i := 0; i+1 < len(level); i += 2 {
			up = append(up, GroupHash(level[i:i+2]))
		}
		if len(level)%2 == 1 {
			up = append(up, level[len(level)-1])
		}
		level = up
	}
	return t
}

// Root is what the authority stamps; all zeros for a tree of no leaves.
func (t Tree) Root() [32]byte {
	if len(t.levels) == 0 {
		return [32]byte{}
	}
	return t.levels[len(t.levels)-1][0]
}

// Path returns what leaf i needs to reach the root, from below: at each level
// the list of hashes that stand beside it. It is nil for the only leaf of a
// tree, and for a leaf there is not.
func (t Tree) Path(i int) [][][32]byte {
	if len(t.levels) == 0 || i < 0 || i >= len(t.levels[0]) {
		return nil
	}
	var path [][][32]byte
	for _, level := range t.levels[:len(t.levels)-1] {
		if beside := i ^ 1; beside < len(level) {
			path = append(path, [][32]byte{level[beside]})
		}
		i /= 2
	}
	return path
}
