package module

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"casemate/hsm"
	"casemate/store/proof"
)

const testOrigin = "casemate.example/engine"

// setUp makes a SoftHSM token in this very process. SoftHSM takes its
// configuration from the environment, so these tests do not run in parallel.
func setUp(t testing.TB, wrapMethods ...string) Config {
	t.Helper()
	cfg := prepare(t)
	dir := filepath.Dir(cfg.StateDir)
	check(t, NewPIN(cfg.PINFile))
	check(t, NewPIN(filepath.Join(dir, "so-pin")))
	_, err := Setup(context.Background(), SetupConfig{
		Token: cfg.Token, Origin: testOrigin, PINFile: cfg.PINFile, SOPINFile: filepath.Join(dir, "so-pin"),
		StateDir: cfg.StateDir, WrapMethods: wrapMethods,
	})
	check(t, err)
	return cfg
}

func prepare(t testing.TB) Config {
	t.Helper()
	dir := t.TempDir()
	conf, tokens := filepath.Join(dir, "softhsm2.conf"), filepath.Join(dir, "tokens")
	check(t, os.Mkdir(tokens, 0o700))
	check(t, os.WriteFile(conf, []byte("directories.tokendir = "+tokens+"\nlog.level = ERROR\n"), 0o600))
	cfg := Config{
		Token:   Token{Module: "/usr/lib/softhsm/libsofthsm2.so", Label: "engine", SoftHSMConf: conf},
		PINFile: filepath.Join(dir, "pin"), StateDir: filepath.Join(dir, "state"),
	}
	cfg.defaults()
	return cfg
}

// copyOf makes another token with the same keys, which is quicker.
func copyOf(t testing.TB, from Config) Config {
	t.Helper()
	cfg := prepare(t)
	dir := filepath.Dir(cfg.StateDir)
	for _, name := range []string{"tokens", "state"} {
		check(t, os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(filepath.Dir(from.StateDir), name))))
	}
	pin, err := os.ReadFile(from.PINFile)
	check(t, err)
	check(t, os.WriteFile(cfg.PINFile, pin, 0o600))
	return cfg
}

// open opens the engine of a setup until the test ends.
func open(t testing.TB, cfg Config) *engine {
	t.Helper()
	e, err := openEngine(context.Background(), cfg, newGuard(cfg.Timeout, cfg.Sessions, cfg.Log))
	check(t, err)
	t.Cleanup(func() {
		if !e.guard.isDead() {
			check(t, e.close())
		}
	})
	return e
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func request(t testing.TB) hsm.SealRequest {
	t.Helper()
	files := []proof.File{{Index: 1, Name: "a.txt", MediaType: "text/plain", Size: 5, Digests: proof.DigestsOf([]byte("hello"))}}
	b, err := proof.Attestation{
		Safe: testOrigin, Document: proof.NewDocumentID(), Vault: proof.NewVaultID(), Number: 1,
		Depositor: proof.Party{Name: "Ada", Issuer: strings.Repeat("ab", 32), Serial: "01"},
		Files:     files, Size: 5, Fingerprint: proof.ObjectDigests(files), DeclaredAt: time.Now(),
		Clock: proof.Clock{Trusted: true, Stratum: 2, Sources: []string{"192.0.2.1"}}, KeyCommitment: [32]byte{1},
	}.Marshal()
	check(t, err)
	return hsm.SealRequest{Attestation: b, Fingerprint: proof.Fingerprint(files)}
}

// The layers of a seal, for the figures in DESIGN.md: in wall time, and in the
// processor's, which a busy machine does not change much.
func BenchmarkLayers(b *testing.B) {
	e := open(b, setUp(b))
	ctx := context.Background()
	digest := sha256.Sum256([]byte("x"))
	one := request(b)
	batch := hsm.SealBatch{Requests: make([]hsm.SealRequest, hsm.MaxSeals)}
	for i := range batch.Requests {
		batch.Requests[i] = one
	}
	message, err := json.Marshal(batch)
	check(b, err)
	set := e.certificates.current()
	for _, layer := range []struct {
		name string
		n    int // seals an operation
		run  func() error
	}{
		{"token", 1, func() error { _, err := e.sealer.key.key.Sign(nil, digest[:], crypto.SHA256); return err }},
		{"guarded", 1, func() error { _, err := e.sealer.key.sign(ctx, digest[:]); return err }},
		{"check", 1, func() error { _, err := e.sealer.check(one); return err }},
		{"seal", 1, func() error { _, err := e.sealer.sealOne(ctx, set, one, false); return err }},
		{"seal+verify", 1, func() error { _, err := e.sealer.sealOne(ctx, set, one, true); return err }},
		{"batch", hsm.MaxSeals, func() error { _, err := e.sealer.seal(ctx, batch); return err }},
		{"decode", hsm.MaxSeals, func() error { return hsm.Decode(strings.NewReader(string(message)), &hsm.SealBatch{}) }},
	} {
		b.Run(layer.name, func(b *testing.B) {
			before := processorTime(b)
			for b.Loop() {
				check(b, layer.run())
			}
			seals := float64(layer.n * b.N)
			b.ReportMetric((processorTime(b)-before).Seconds()*1e6/seals, "cpu-µs/seal")
			b.ReportMetric(seals/b.Elapsed().Seconds(), "seals/s")
		})
	}
}

func processorTime(b *testing.B) time.Duration {
	var u unix.Rusage
	check(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
