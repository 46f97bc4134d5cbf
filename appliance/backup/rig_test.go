package backup_test

import (
	"archive/tar"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"casemate/appliance/backup"
	"casemate/raid"
	"casemate/raid/raidtest"
	"casemate/raid/volume"
	"casemate/store"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 5 && os.Args[1] == takerArgument {
		if err := taker(os.Args[2], os.Args[3], os.Args[4], os.Args[5:]); err != nil {
			fmt.Println("error", err)
		}
		return
	}
	raidtest.Main(m)
}

// recovery is a recovery key with its certificate, made once: RSA takes a while.
var recovery = sync.OnceValues(func() (*rsa.PrivateKey, *x509.Certificate) { return newRecovery() })

func newRecovery() (*rsa.PrivateKey, *x509.Certificate) {
	key, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		panic(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "recovery"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageKeyEncipherment}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return key, c
}

// rig is a mirror of two volumes, backed up into a folder.
type rig struct {
	t        *testing.T
	c        raid.Config
	m        *raid.Mirror
	dir      string
	mac      [32]byte
	n        int
	last     uint64             // number of the last backup asked for
	cut      int64              // of the records, after so many bytes, if positive
	estimate int64              // of bytes, that the safe gives
	ended    []backup.Ended     // what the safe was told
	adopted  []string           // manifests of backups whose end it was not told, and that counted later
	givenUp  []string           // manifests of backups of a history that was given up
	codeOf   func(error) string // names of errors
	before   func(stage string) // called on the way
	lie      func(*backup.Manifest)
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, c: raidtest.Config(t, 2), dir: filepath.Join(t.TempDir(), "medium")}
	if err := raid.Create(t.Context(), r.c); err != nil {
		t.Fatal(err)
	}
	r.m = raidtest.Open(t, r.c)
	r.mac = backup.MACKey(r.c.Key)
	r.put("W/key", "wrapped 1", "k/a", "one", "k/b", "two")
	return r
}

func (r *rig) put(kv ...string) {
	r.t.Helper()
	var ops []raid.Op
	for i := 0; i < len(kv); i += 2 {
		ops = append(ops, raid.Op{Key: []byte(kv[i]), Value: []byte(kv[i+1])})
	}
	if _, err := r.m.Write(context.Background(), ops); err != nil {
		r.t.Fatal(err)
	}
	r.n++
}

// Knows, Begin, Seal and End make the rig a safe that is backed up.
func (r *rig) Knows(_ context.Context, text []byte) (backup.Standing, error) {
	m, err := backup.ParseManifest(text)
	if err != nil || m.Verify(r.mac) != nil {
		return backup.Foreign, nil
	}
	if slices.Contains(r.givenUp, backup.Digest(text)) {
		return backup.GivenUp, nil
	}
	for _, e := range r.ended {
		if e.Manifest == backup.Digest(text) {
			return backup.Known, nil
		}
	}
	if slices.Contains(r.adopted, backup.Digest(text)) {
		return backup.Known, nil
	}
	return backup.Orphan, nil
}

// Begin gives the records.
func (r *rig) Begin(ctx context.Context, q backup.Request) (io.ReadCloser, error) {
	r.last = q.Number
	if len(q.Orphan) > 0 {
		r.adopted = append(r.adopted, backup.Digest(q.Orphan))
	}
	h := backup.Header{ID: fmt.Sprintf("backup-%d-%d", q.Number, r.n), Number: q.Number, Origin: "casemate.example/backup", Estimate: r.estimate}
	if len(q.Base) > 0 {
		m, err := backup.ParseManifest(q.Base)
		if err != nil {
			return nil, err
		}
		h.Since = &m.Head
	}
	copy(h.Set[:], r.set())
	in, out := io.Pipe()
	go func() {
		var w io.Writer = out
		if r.cut > 0 {
			w = &cutter{out, r.cut}
		}
		_, _, err := backup.Give(ctx, backup.Source{Mirror: r.m, CodeOf: r.codeOf, Apart: [][]byte{[]byte("W/")},
			Hold: func() (store.Held, func()) { return store.Held{Entries: uint64(r.n)}, func() {} }}, h, w)
		out.CloseWithError(err)
	}()
	return in, nil
}

func (r *rig) set() []byte {
	var id volume.ID
	if err := id.UnmarshalText([]byte(r.m.Status().Set)); err != nil {
		r.t.Error(err)
	}
	return id[:]
}

func (r *rig) Seal(_ context.Context, m backup.Manifest) (backup.Manifest, error) {
	if r.before != nil {
		r.before("seal")
	}
	if r.lie != nil {
		r.lie(&m)
	}
	return m.Sign(r.mac)
}

func (r *rig) End(_ context.Context, _ string, e backup.Ended) error {
	r.ended = append(r.ended, e)
	return nil
}

// cutter breaks off after some bytes, as a safe that dies does.
type cutter struct {
	w    io.Writer
	left int64
}

func (c *cutter) Write(p []byte) (int, error) {
	if c.left -= int64(len(p)); c.left < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	return c.w.Write(p)
}

func (r *rig) options() backup.Options {
	_, c := recovery()
	return backup.Options{Dir: r.dir, Recipients: []*x509.Certificate{c}, Version: "test", Now: time.Now, PartBytes: 64 << 10,
		Box: func(w *tar.Writer) error {
			return backup.Put(w, "config/casemate.toml", r.file("casemate.toml", "origin"))
		}}
}

func (r *rig) file(name, content string) string {
	path := filepath.Join(r.t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return path
}

func (r *rig) take(change ...func(*backup.Options)) backup.Taken {
	r.t.Helper()
	o := r.options()
	for _, c := range change {
		c(&o)
	}
	done, err := backup.Take(r.t.Context(), o, r)
	if err != nil {
		r.t.Fatalf("taking a backup: %v", err)
	}
	return done
}

func opener() backup.Opener { key, _ := recovery(); return backup.RecoveryKey(key) }

// restore restores a number into one new volume and opens it; the error is of the first step that failed.
func (r *rig) restore(number uint64) (*raid.Mirror, error) {
	r.t.Helper()
	chain, err := backup.OpenChain(r.dir, number)
	if err != nil {
		return nil, err
	}
	if err := chain.Verify(r.mac); err != nil {
		return nil, err
	}
	in, err := chain.Contents(opener())
	if err != nil {
		return nil, err
	}
	defer in.Close()
	c := raidtest.Config(r.t, 1)
	c.Key = r.c.Key
	if err := os.MkdirAll(c.StateDir, 0o700); err != nil {
		return nil, err
	}
	if _, err := raid.Restore(r.t.Context(), c, in.Point, in.Next); err != nil {
		return nil, err
	}
	return raidtest.Open(r.t, c), nil
}

// reads demands a value of a restored mirror; none for an empty one.
func reads(t *testing.T, m *raid.Mirror, kv ...string) {
	t.Helper()
	for i := 0; i < len(kv); i += 2 {
		v, err := m.Get(context.Background(), []byte(kv[i]))
		if kv[i+1] == "" && errors.Is(err, raid.ErrNotFound) {
			continue
		}
		if err != nil || string(v) != kv[i+1] {
			t.Errorf("%s reads %.20q, %v; want %.20q", kv[i], v, err, kv[i+1])
		}
	}
}

// standing demands that the backup of a number restores.
func (r *rig) standing(number uint64, kv ...string) {
	r.t.Helper()
	m, err := r.restore(number)
	if err != nil {
		r.t.Fatalf("restoring number %d: %v", number, err)
	}
	reads(r.t, m, kv...)
	_ = m.Close()
}

// pemOf is a recovery key as a file has it.
func pemOf(t *testing.T, key *rsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
