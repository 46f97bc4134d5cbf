package module_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"casemate/hsm"
	"casemate/hsm/hsmtest"
	"casemate/store/proof"
)

// tree is a Merkle tree to have signed.
type tree struct {
	t      testing.TB
	hashes []tlog.Hash
	size   int64
}

func (m *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = m.hashes[x]
	}
	return out, nil
}

func (m *tree) grow(n int) *tree {
	for range n {
		leaf := make([]byte, 8)
		rand.Read(leaf)
		h, err := tlog.StoredHashes(m.size, leaf, m)
		if err != nil {
			m.t.Fatal(err)
		}
		m.hashes = append(m.hashes, h...)
		m.size++
	}
	return m
}

func (m *tree) root(size int64) [32]byte {
	h, err := tlog.TreeHash(size, m)
	if err != nil {
		m.t.Fatal(err)
	}
	return [32]byte(h)
}

func (m *tree) proof(from, to int64) [][32]byte {
	p, err := tlog.ProveTree(to, from, m)
	if err != nil {
		m.t.Fatal(err)
	}
	out := make([][32]byte, len(p))
	for i := range p {
		out[i] = [32]byte(p[i])
	}
	return out
}

func TestCheckpoints(t *testing.T) {
	k := hsmtest.Start(t, origin)
	m := (&tree{t: t}).grow(20)
	if note, size, _, err := k.Client.LastCheckpoint(ctx); err != nil || size != 0 || note != nil {
		t.Fatalf("before the first: size %d, %v", size, err)
	}
	first, err := k.Client.SignCheckpoint(ctx, 7, m.root(7), nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := proof.ParseCheckpointNote(first, k.SetupResult.JournalVKey)
	if err != nil || c.Size != 7 || c.Root != m.root(7) || c.Origin != origin {
		t.Fatalf("signed %+v: %v", c, err)
	}
	again, err := k.Client.SignCheckpoint(ctx, 7, m.root(7), nil)
	if err != nil || !bytes.Equal(first, again) {
		t.Fatalf("asked again, another note: %v", err)
	}
	refusals := map[string]struct {
		size  uint64
		root  [32]byte
		proof [][32]byte
	}{
		"size 0":         {0, m.root(0), nil},
		"smaller":        {5, m.root(5), m.proof(5, 7)},
		"same size":      {7, [32]byte{9}, nil},
		"no proof":       {20, m.root(20), nil},
		"another's root": {20, [32]byte{9}, m.proof(7, 20)},
		"another proof":  {20, m.root(20), m.proof(6, 20)},
		"long proof":     {20, m.root(20), make([][32]byte, 65)},
		"huge":           {1 << 63, m.root(20), m.proof(7, 20)},
	}
	for name, r := range refusals {
		if _, err := k.Client.SignCheckpoint(ctx, r.size, r.root, r.proof); !errors.Is(err, hsm.ErrRefused) {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
	second, err := k.Client.SignCheckpoint(ctx, 20, m.root(20), m.proof(7, 20))
	if err != nil {
		t.Fatal(err)
	}
	k.Kill()
	k.Restart()
	note, size, root, err := k.Client.LastCheckpoint(ctx)
	if err != nil || size != 20 || root != m.root(20) || !bytes.Equal(note, second) {
		t.Fatalf("after a kill: size %d: %v", size, err)
	}
	if _, err := k.Client.SignCheckpoint(ctx, 7, m.root(7), nil); !errors.Is(err, hsm.ErrRefused) {
		t.Errorf("after a kill, an old head: %v, want a refusal", err)
	}
}

// Killed at any moment, again and again, while a history is signed as fast as
// it goes: all the notes that ever left are of one history.
func TestCheckpointsKilledMidSignature(t *testing.T) {
	k := hsmtest.Start(t, origin)
	m := (&tree{t: t}).grow(1)
	notes := [][]byte{}
	for round := range 8 {
		killed := make(chan struct{})
		go func() {
			defer close(killed)
			time.Sleep(time.Duration(3+7*round) * time.Millisecond)
			k.Kill()
		}()
		for alive := true; alive; {
			select {
			case <-killed:
				alive = false
			default:
				if note, err := signNext(k, m); err == nil {
					notes = append(notes, note)
				}
			}
		}
		k.Restart()
	}
	note, err := signNext(k, m)
	if err != nil {
		t.Fatal(err)
	}
	oneHistory(t, k, m, append(notes, note))
}

// signNext grows the journal by one and has it signed as the safe does: from
// the last checkpoint the token knows.
func signNext(k *hsmtest.Token, m *tree) ([]byte, error) {
	_, last, _, err := k.Client.LastCheckpoint(ctx)
	if err != nil {
		return nil, err
	}
	m.grow(1)
	var p [][32]byte
	if last > 0 {
		p = m.proof(int64(last), m.size)
	}
	return k.Client.SignCheckpoint(ctx, uint64(m.size), m.root(m.size), p)
}

func oneHistory(t *testing.T, k *hsmtest.Token, m *tree, notes [][]byte) {
	t.Helper()
	var last uint64
	for _, note := range notes {
		c, err := proof.ParseCheckpointNote(note, k.SetupResult.JournalVKey)
		if err != nil {
			t.Fatal(err)
		}
		if c.Size <= last || c.Root != m.root(int64(c.Size)) {
			t.Fatalf("a second history: size %d after %d", c.Size, last)
		}
		last = c.Size
	}
	t.Logf("%d notes, the last of size %d", len(notes), last)
}

// Without its memory the process signs nothing: it could be a second history.
func TestCheckpointMemoryLostOrAltered(t *testing.T) {
	k := hsmtest.Start(t, origin)
	m := (&tree{t: t}).grow(9)
	if _, err := k.Client.SignCheckpoint(ctx, 9, m.root(9), nil); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(k.StateDir, "checkpoint.json")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"missing": nil,
		"empty":   {},
		"smaller": []byte(strings.Replace(string(good), `"size": 9`, `"size": 8`, 1)),
		"note":    []byte(strings.Replace(string(good), `"note": "`, `"note": "AAAA`, 1)),
		"twice":   []byte(strings.Replace(string(good), `"size": 9`, `"size": 9, "size": 9`, 1)),
	} {
		if bad == nil {
			err = os.Remove(path)
		} else {
			err = os.WriteFile(path, bad, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		k.Restart()
		if _, err := signNext(k, m); !errors.Is(err, hsm.ErrAudit) {
			t.Errorf("%s: %v, want ErrAudit", name, err)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	k.Restart()
	if _, err := signNext(k, m); err != nil {
		t.Error(err)
	}
}
