package module_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"casemate/hsm"
	"casemate/hsm/hsmtest"
	"casemate/store/proof"
	"casemate/store/seal"
)

const origin = "casemate.example/test"

// attest makes an attestation of one small document and lets a test spoil it.
func attest(t testing.TB, spoil func(*proof.Attestation)) hsm.SealRequest {
	t.Helper()
	files := []proof.File{{Index: 1, Name: "a.txt", MediaType: "text/plain", Size: 5, Digests: proof.DigestsOf([]byte("hello"))}}
	a := proof.Attestation{
		Safe: origin, Demonstration: true, Document: proof.NewDocumentID(), Vault: proof.NewVaultID(), Number: 1,
		Depositor: proof.Party{Name: "Ada", Issuer: strings.Repeat("ab", 32), Serial: "01"},
		Files:     files, Size: 5, Fingerprint: proof.ObjectDigests(files),
		Metadata: map[string]string{"subject": "test"}, DeclaredAt: time.Now(),
		Clock:         proof.Clock{Trusted: true, Stratum: 2, Sources: []string{"192.0.2.1"}},
		KeyCommitment: [32]byte{1},
	}
	if spoil != nil {
		spoil(&a)
	}
	b, err := a.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return hsm.SealRequest{Attestation: b, Fingerprint: proof.Fingerprint(files)}
}

func sealRoots(t testing.TB, k *hsmtest.Token) *x509.CertPool {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(k.SetupResult.SealPEM) {
		t.Fatal("seal.pem holds no certificate")
	}
	return roots
}

func BenchmarkSealBatch256(b *testing.B) {
	k := hsmtest.Start(b, origin)
	requests := make([]hsm.SealRequest, 256)
	for i := range requests {
		requests[i] = attest(b, nil)
	}
	seals := 0
	for b.Loop() {
		if _, err := k.Client.Seal(context.Background(), requests); err != nil {
			b.Fatal(err)
		}
		seals += len(requests)
	}
	b.ReportMetric(float64(seals)/b.Elapsed().Seconds(), "seals/s")
}

var ctx = context.Background()

// sealOne seals one request and gives its result, which may be a refusal.
func sealOne(t testing.TB, k *hsmtest.Token, request hsm.SealRequest) hsm.SealResult {
	t.Helper()
	results, err := k.Client.Seal(ctx, []hsm.SealRequest{request})
	if err != nil {
		t.Fatal(err)
	}
	return results[0]
}

func TestSeal(t *testing.T) {
	k := hsmtest.Start(t, origin)
	requests := make([]hsm.SealRequest, 300) // more than one message
	for i := range requests {
		requests[i] = attest(t, func(a *proof.Attestation) { a.Number = uint64(i + 1) })
	}
	results, err := k.Client.Seal(ctx, requests)
	if err != nil || len(results) != len(requests) {
		t.Fatalf("%d results: %v", len(results), err)
	}
	for i, r := range results {
		attestation, fingerprint, err := proof.ParseSignatureManifest(r.Manifest)
		if err != nil || attestation != sha256.Sum256(requests[i].Attestation) || fingerprint != sha256.Sum256(requests[i].Fingerprint) {
			t.Fatalf("document %d: manifest of something else: %v %s", i, err, r.Error)
		}
		s, err := seal.VerifySignature(r.Signature, r.Manifest, sealRoots(t, k), time.Now())
		if err != nil {
			t.Fatalf("document %d: %v", i, err)
		}
		if !strings.Contains(s.Signer.Subject.CommonName, origin) {
			t.Errorf("sealed by %q", s.Signer.Subject)
		}
	}
	opensslConfirms(t, k, results[0])
}

// opensslConfirms has software that is not ours check a seal.
func opensslConfirms(t *testing.T, k *hsmtest.Token, r hsm.SealResult) {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	out, err := exec.Command("openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER",
		"-in", write("p7s", r.Signature), "-content", write("manifest", r.Manifest),
		"-CAfile", write("seal.pem", k.SetupResult.SealPEM), "-purpose", "any",
		"-policy", seal.PolicyOID.String(), "-explicit_policy", "-out", os.DevNull).CombinedOutput()
	if err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
}

func TestSealRefusals(t *testing.T) {
	k := hsmtest.StartWith(t, hsmtest.Options{Origin: origin, Tolerance: time.Minute})
	good := attest(t, nil)
	if r := sealOne(t, k, good); r.Error != "" {
		t.Fatal(r.Error)
	}
	for name, c := range map[string]struct {
		request hsm.SealRequest
		reason  string
	}{
		"another safe":      {attest(t, func(a *proof.Attestation) { a.Safe = "elsewhere.example/safe" }), "elsewhere.example"},
		"not demonstration": {attest(t, func(a *proof.Attestation) { a.Demonstration = false }), "demonstration"},
		"backdated":         {attest(t, func(a *proof.Attestation) { a.DeclaredAt = a.DeclaredAt.Add(-3 * time.Minute) }), "sealed already"},
		"ahead":             {attest(t, func(a *proof.Attestation) { a.DeclaredAt = a.DeclaredAt.Add(3 * time.Minute) }), "own time"},
		"other fingerprint": {hsm.SealRequest{Attestation: good.Attestation, Fingerprint: []byte("x")}, "fingerprint"},
		"other JSON":        {hsm.SealRequest{Attestation: append([]byte(" "), good.Attestation...), Fingerprint: good.Fingerprint}, "attestation"},
		"a digest":          {hsm.SealRequest{Attestation: make([]byte, 32), Fingerprint: good.Fingerprint}, "attestation"},
		"attested files": {hsm.SealRequest{
			Attestation: bytes.Replace(good.Attestation, []byte("2cf24dba"), []byte("2cf24dbb"), 1), Fingerprint: good.Fingerprint,
		}, "fingerprint"},
	} {
		t.Run(name, func(t *testing.T) {
			results, err := k.Client.Seal(ctx, []hsm.SealRequest{c.request, good})
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(results[0].Error, c.reason) || results[0].Signature != nil {
				t.Errorf("refused with %q, want something of %q", results[0].Error, c.reason)
			}
			if results[1].Error != "" || results[1].Signature == nil {
				t.Errorf("its neighbour was refused, too: %q", results[1].Error)
			}
		})
	}
}

// A clock nobody trusts may be ahead; it must not push the mark ahead.
func TestUntrustedTimeMovesNoMark(t *testing.T) {
	k := hsmtest.StartWith(t, hsmtest.Options{Origin: origin, Tolerance: time.Hour})
	ahead := attest(t, func(a *proof.Attestation) {
		a.Clock = proof.Clock{Reason: "no server answers"}
		a.DeclaredAt = a.DeclaredAt.Add(50 * time.Minute)
	})
	if r := sealOne(t, k, ahead); r.Error != "" {
		t.Fatal(r.Error)
	}
	behind := attest(t, func(a *proof.Attestation) { a.DeclaredAt = a.DeclaredAt.Add(-50 * time.Minute) })
	if r := sealOne(t, k, behind); r.Error != "" {
		t.Fatal(r.Error)
	}
}

// The mark is kept with each checkpoint, so that it outlives the process.
func TestTimeMarkSurvives(t *testing.T) {
	k := hsmtest.StartWith(t, hsmtest.Options{Origin: origin, Tolerance: time.Minute})
	if r := sealOne(t, k, attest(t, nil)); r.Error != "" {
		t.Fatal(r.Error)
	}
	if _, err := k.Client.SignCheckpoint(ctx, 1, [32]byte{1}, nil); err != nil {
		t.Fatal(err)
	}
	k.Kill()
	k.Restart()
	r := sealOne(t, k, attest(t, func(a *proof.Attestation) { a.DeclaredAt = a.DeclaredAt.Add(-2 * time.Minute) }))
	if !strings.Contains(r.Error, "sealed already") {
		t.Errorf("a document dated back was answered with %q", r.Error)
	}
}
