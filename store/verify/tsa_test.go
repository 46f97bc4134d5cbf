package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"casemate/store/proof"
	"casemate/store/seal"

	"github.com/digitorus/timestamp"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// tsa is an external authority: a root of its own, a timestamping certificate,
// and openssl that makes the tokens.
type tsa struct {
	root  authority
	key   *ecdsa.PrivateKey
	cert  *x509.Certificate
	dir   string
	calls int
}

const tsaConfig = `
[tsa]
default_tsa = here
[here]
serial = serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
`

func newTSA(t testing.TB, made time.Time) *tsa {
	t.Helper()
	return newTSAUntil(t, made, made.AddDate(10, 0, 0))
}

func newTSAUntil(t testing.TB, made, until time.Time) *tsa {
	t.Helper()
	root := newAuthority(t, seal.AccessRootTemplate("Timestamp Root", made))
	key := newKey(t)
	cert := root.issue(t, tsaTemplate(made, until), key.Public())
	return openTSA(t, root, key, cert)
}

// openTSA gives a key and its certificate, whatever they are for, to openssl.
func openTSA(t testing.TB, root authority, key *ecdsa.PrivateKey, cert *x509.Certificate) *tsa {
	t.Helper()
	a := &tsa{root: root, key: key, cert: cert, dir: t.TempDir()}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(a.dir, "tsa.cnf"), []byte(tsaConfig))
	writeFile(t, filepath.Join(a.dir, "tsa.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	writeFile(t, filepath.Join(a.dir, "tsa.crt"), certPEM(cert))
	return a
}

// tsaTemplate is a certificate for timestamps alone, critically so.
func tsaTemplate(made, until time.Time) *x509.Certificate {
	eku, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	if err != nil {
		panic(err) // a constant
	}
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: "Timestamp Authority"}, NotBefore: made, NotAfter: until, KeyUsage: x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true, ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: eku}},
	}
}

// stamp has openssl make a token over digest, now.
func (a *tsa) stamp(t testing.TB, digest [32]byte) []byte {
	t.Helper()
	a.calls++
	n := strconv.Itoa(a.calls)
	a.openssl(t, "ts", "-query", "-digest", hex.EncodeToString(digest[:]), "-sha256", "-cert", "-out", n+".tsq")
	a.openssl(t, "ts", "-reply", "-config", "tsa.cnf", "-queryfile", n+".tsq", "-inkey", "tsa.key", "-signer", "tsa.crt", "-token_out", "-out", n+".tst")
	b, err := os.ReadFile(filepath.Join(a.dir, n+".tst"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// stampAt makes a token of another time, as the authority did then.
func (a *tsa) stampAt(at time.Time) func(testing.TB, [32]byte) []byte {
	return func(t testing.TB, digest [32]byte) []byte {
		t.Helper()
		ts := timestamp.Timestamp{HashAlgorithm: crypto.SHA256, HashedMessage: digest[:], Time: at, Policy: asn1.ObjectIdentifier{1, 2, 3, 4, 1},
			SerialNumber: big.NewInt(int64(a.calls + 1)), AddTSACertificate: true}
		b, err := ts.CreateResponseWithOpts(a.cert, a.key, crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		// The library would judge the token as of today.
		answer := cryptobyte.String(b)
		var body, token cryptobyte.String
		if !answer.ReadASN1(&body, cbasn1.SEQUENCE) || !body.SkipASN1(cbasn1.SEQUENCE) || !body.ReadASN1Element(&token, cbasn1.SEQUENCE) {
			t.Fatal("no token in the answer")
		}
		return token
	}
}

func (a *tsa) openssl(t testing.TB, args ...string) {
	t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Dir = a.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("openssl %v: %v\n%s", args, err, out)
	}
}

func certPEM(certs ...*x509.Certificate) (out []byte) {
	for _, c := range certs {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out
}

func writeFile(t testing.TB, path string, b []byte) string {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// writeTrust is the outsider's trust directory.
func (w *world) writeTrust(t testing.TB) string {
	t.Helper()
	return writeTrustOf(t, certPEM(w.seal.cert), certPEM(w.tsa.root.cert), &w.journalKey.PublicKey)
}

func writeTrustOf(t testing.TB, seal, tsa []byte, journal *ecdsa.PublicKey) string {
	t.Helper()
	vkey, err := proof.CheckpointVKey(safeOrigin, journal)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "seal.pem"), seal)
	writeFile(t, filepath.Join(dir, "tsa.pem"), tsa)
	writeFile(t, filepath.Join(dir, "journal.vkey"), []byte(vkey+"\n"))
	return dir
}
