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

// The layers of a seal, for the figures in DESIGN.md.
func BenchmarkLayers(b *testing.B) {
	e := open(b, setUp(b))
	digest := sha256.Sum256([]byte("x"))
	one := request(b)
	batch := hsm.SealBatch{Requests: make([]hsm.SealRequest, hsm.MaxSeals)}
	for i := range batch.Requests {
		batch.Requests[i] = one
	}
	message, err := json.Marshal(batch)
	check(b, err)
	key := e.sealer.key
	perSecond := func(b *testing.B, n int) {
		b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "per-second")
	}
	b.Run("token", func(b *testing.B) {
		for b.Loop() {
			_, err := key.key.Sign(nil, digest[:], crypto.SHA256)
			check(b, err)
		}
		perSecond(b, 1)
	})
	b.Run("guarded", func(b *testing.B) {
		for b.Loop() {
			_, err := key.sign(context.Background(), digest[:])
			check(b, err)
		}
		perSecond(b, 1)
	})
	b.Run("check", func(b *testing.B) {
		for b.Loop() {
			_, err := e.sealer.check(one)
			check(b, err)
		}
		perSecond(b, 1)
	})
	b.Run("seal", func(b *testing.B) {
		for b.Loop() {
			_, err := e.sealer.sealOne(context.Background(), e.certificates.current(), one, false)
			check(b, err)
		}
		perSecond(b, 1)
	})
	b.Run("batch", func(b *testing.B) {
		for b.Loop() {
			_, err := e.sealer.seal(context.Background(), batch)
			check(b, err)
		}
		perSecond(b, hsm.MaxSeals)
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			var got hsm.SealBatch
			check(b, hsm.Decode(strings.NewReader(string(message)), &got))
		}
		perSecond(b, hsm.MaxSeals)
	})
}
