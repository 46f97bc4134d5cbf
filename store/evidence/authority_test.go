package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// tsa is a timestamp authority that is openssl's: its certificate and each of
// its tokens come from the program.
type tsa struct {
	dir   string
	calls int
}

const tsaConfig = `
[req]
distinguished_name = dn
prompt = no
x509_extensions = v3
[dn]
CN = Test Timestamp Authority
[v3]
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = tsa_config
[tsa_config]
serial = serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
`

func newTSA(t testing.TB) *tsa {
	t.Helper()
	a := &tsa{dir: t.TempDir()}
	a.write(t, "tsa.cnf", []byte(tsaConfig))
	a.openssl(t, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "tsa.key",
		"-out", "tsa.pem", "-days", "30", "-config", "tsa.cnf")
	a.openssl(t, "x509", "-in", "tsa.pem", "-outform", "DER", "-out", "tsa.der")
	return a
}

// stamp returns a token over digest.
func (a *tsa) stamp(t testing.TB, digest [32]byte) []byte {
	t.Helper()
	a.calls++
	name := "query" + strconv.Itoa(a.calls)
	a.openssl(t, "ts", "-query", "-digest", hex.EncodeToString(digest[:]), "-sha256", "-cert", "-out", name)
	a.reply(t, name, name+".tst", "-token_out")
	return a.read(t, name+".tst")
}

func (a *tsa) reply(t testing.TB, query, out string, more ...string) {
	t.Helper()
	a.openssl(t, append([]string{"ts", "-reply", "-config", "tsa.cnf", "-queryfile", query, "-inkey", "tsa.key",
		"-signer", "tsa.pem", "-out", out}, more...)...)
}

// check is what openssl says of a token over digest.
func (a *tsa) check(token []byte, digest [32]byte) error {
	name := filepath.Join(a.dir, "token")
	if err := os.WriteFile(name, token, 0o600); err != nil {
		return err
	}
	cmd := exec.Command("openssl", "ts", "-verify", "-digest", hex.EncodeToString(digest[:]), "-in", name, "-token_in",
		"-CAfile", filepath.Join(a.dir, "tsa.pem"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func (a *tsa) openssl(t testing.TB, args ...string) {
	t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Dir = a.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("openssl %v: %v\n%s", args, err, out)
	}
}

func (a *tsa) write(t testing.TB, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(a.dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (a *tsa) read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(a.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// objects are n objects that belong together, of their kind, and their hashes.
func objects(kind string, n int) (list [][]byte, hashes [][32]byte) {
	for i := range n {
		list = append(list, bytes.Repeat([]byte(fmt.Sprintf("%s %d\n", kind, i)), i+1))
		hashes = append(hashes, sha256.Sum256(list[i]))
	}
	return list, hashes
}

// round is a tree over several groups, stamped.
type round struct {
	groups [][][32]byte
	tree   Tree
	token  []byte
}

func (a *tsa) round(t testing.TB, groups ...[][32]byte) round {
	t.Helper()
	var leaves [][32]byte
	for _, group := range groups {
		leaves = append(leaves, GroupHash(group))
	}
	tree := NewTree(leaves)
	return round{groups, tree, a.stamp(t, tree.Root())}
}

func (r round) record(t testing.TB, i int) []byte {
	t.Helper()
	der, err := NewRecord(r.groups[i], r.tree.Path(i), r.token)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func parsed(t testing.TB, der []byte) Record {
	t.Helper()
	r, err := Parse(der)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
