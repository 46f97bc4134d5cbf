package evidence

import (
	"crypto/sha256"
	"testing"
)

// renewTimestamp adds a stamp over all tokens of the last chain (RFC 4998, 5.2).
func renewTimestamp(t testing.TB, a *tsa, der []byte) []byte {
	t.Helper()
	r := parsed(t, der)
	last := len(r.chains) - 1
	tokens := tokenHashes(r.chains[last])
	var lists [][][32]byte
	if len(tokens) > 1 {
		lists = [][][32]byte{tokens}
	}
	r.chains[last] = append(r.chains[last], stampOver(t, a, GroupHash(tokens), lists))
	return marshalled(t, r)
}

// renewHashTree adds a chain over the group and all chains before.
func renewHashTree(t testing.TB, a *tsa, der []byte, group [][32]byte) []byte {
	t.Helper()
	r := parsed(t, der)
	earlier, err := marshalChains(r.chains)
	if err != nil {
		t.Fatal(err)
	}
	sequence := sha256.Sum256(earlier)
	var leaves [][32]byte
	for _, object := range group {
		leaves = append(leaves, sha256.Sum256(append(append([]byte(nil), object[:]...), sequence[:]...)))
	}
	var lists [][][32]byte
	if len(leaves) > 1 {
		lists = [][][32]byte{leaves}
	}
	r.chains = append(r.chains, []archiveTimeStamp{stampOver(t, a, GroupHash(leaves), lists)})
	return marshalled(t, r)
}

func stampOver(t testing.TB, a *tsa, root [32]byte, lists [][][32]byte) archiveTimeStamp {
	t.Helper()
	stamp, err := newStamp(lists, a.stamp(t, root))
	if err != nil {
		t.Fatal(err)
	}
	return stamp
}

func marshalled(t testing.TB, r Record) []byte {
	t.Helper()
	der, err := r.marshal()
	if err != nil {
		t.Fatal(err)
	}
	return der
}
