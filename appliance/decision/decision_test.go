package decision

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"casemate/store/identity"
)

// office is an access authority and its callers, all made with openssl, as persons would have them.
type office struct {
	t         testing.TB
	dir       string
	directory *identity.Directory
	now       time.Time
}

func (o *office) openssl(args ...string) {
	o.t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Dir = o.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		o.t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func (o *office) certificate(name string) *x509.Certificate {
	o.t.Helper()
	text, err := os.ReadFile(filepath.Join(o.dir, name+".crt"))
	if err != nil {
		o.t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		o.t.Fatal(err)
	}
	return c
}

// person makes a certificate; key is the option of openssl genpkey, or the name of another whose key it
// takes.
func (o *office) person(name string, serial int, key ...string) {
	o.t.Helper()
	if len(key) == 1 {
		text, err := os.ReadFile(filepath.Join(o.dir, key[0]+".key"))
		if err != nil {
			o.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(o.dir, name+".key"), text, 0o600); err != nil {
			o.t.Fatal(err)
		}
	} else {
		o.openssl(append([]string{"genpkey", "-out", name + ".key"}, key...)...)
	}
	o.openssl("req", "-new", "-key", name+".key", "-subj", "/CN="+name, "-out", name+".csr")
	o.openssl("x509", "-req", "-in", name+".csr", "-CA", "root.crt", "-CAkey", "root.key", "-set_serial", fmt.Sprint(serial),
		"-days", "30", "-extfile", "leaf.cnf", "-out", name+".crt")
}

var rsa, ecdsa = []string{"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"}, []string{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"}

func newOffice(t testing.TB) *office {
	t.Helper()
	o := &office{t: t, dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(o.dir, "leaf.cnf"), []byte("extendedKeyUsage=clientAuth\nkeyUsage=digitalSignature\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "root.key", "-out", "root.crt",
		"-days", "30", "-subj", "/CN=access")
	o.person("ada", 1, rsa...)
	o.person("bob", 2, ecdsa...)
	o.person("clerk", 3, ecdsa...)
	o.person("ada-again", 4, ecdsa...)
	o.person("ada-key", 5, "ada")
	o.person("revoked", 6, ecdsa...)
	o.person("nobody", 7, ecdsa...)
	root := o.certificate("root")
	entry := func(name, serial string, role identity.Role) identity.Entry {
		return identity.Entry{Name: name, Issuer: identity.IssuerID(root), Serial: serial, Roles: []identity.Role{role}}
	}
	d, err := identity.NewDirectory([]identity.Entry{
		entry("Ada", "1", identity.Officer), entry("Bob", "2", identity.Officer), entry("Clerk", "3", identity.Administrator),
		entry("Ada", "4", identity.Officer), entry("Eve", "5", identity.Officer), entry("Rex", "6", identity.Officer),
	}, []identity.Revoked{{Issuer: identity.IssuerID(root), Serial: "6"}}, []*x509.Certificate{root})
	if err != nil {
		t.Fatal(err)
	}
	o.directory, o.now = d, time.Now()
	return o
}

// sign is what the guide tells an officer to type.
func (o *office) sign(text []byte, name string, more ...string) []byte {
	o.t.Helper()
	if err := os.WriteFile(filepath.Join(o.dir, "statement.txt"), text, 0o600); err != nil {
		o.t.Fatal(err)
	}
	o.openssl(append([]string{"cms", "-sign", "-binary", "-in", "statement.txt", "-signer", name + ".crt", "-inkey", name + ".key",
		"-outform", "DER", "-out", "out.p7s"}, more...)...)
	der, err := os.ReadFile(filepath.Join(o.dir, "out.p7s"))
	if err != nil {
		o.t.Fatal(err)
	}
	return der
}

func statement(now time.Time) Statement {
	return New(Statement{Safe: "casemate.example/safe", Choice: "c0ffee", Volume: "0123", Dir: "/srv/a", Epoch: 3, Sequence: 120,
		Loses: "the batches after 120\non /srv/b"}, now)
}

func TestTwoOfficers(t *testing.T) {
	o := newOffice(t)
	s := statement(o.now)
	text := s.Text()
	ada, bob := o.sign(text, "ada"), o.sign(text, "bob", "-md", "sha512")
	got, who, err := Verify(text, [][]byte{ada, bob}, s.Safe, o.directory, o.now)
	if err != nil || got != s || len(who) != 2 || who[0].Name != "Ada" || who[1].Name != "Bob" {
		t.Fatalf("%+v, %+v, %v", got, who, err)
	}
	armoured := o.sign(text, "bob", "-outform", "PEM", "-md", "sha384", "-certfile", "root.crt")
	if _, _, err := Verify(text, [][]byte{ada, armoured}, s.Safe, o.directory, o.now); err != nil {
		t.Errorf("in PEM, with its authority beside it: %v", err)
	}
}

func TestNotTwoOfficers(t *testing.T) {
	o := newOffice(t)
	s := statement(o.now)
	text := s.Text()
	ada, bob := o.sign(text, "ada"), o.sign(text, "bob")
	other := statement(o.now).Text() // another number
	for _, c := range []struct {
		name       string
		text       []byte
		signatures [][]byte
		now        time.Time
		want       error
	}{
		{"one", text, [][]byte{ada}, o.now, ErrTwoPersons},
		{"none", text, nil, o.now, ErrTwoPersons},
		{"three", text, [][]byte{ada, bob, bob}, o.now, ErrTwoPersons},
		{"one twice", text, [][]byte{ada, ada}, o.now, ErrTwoPersons},
		{"one person with two certificates", text, [][]byte{ada, o.sign(text, "ada-again")}, o.now, ErrTwoPersons},
		{"one key under two names", text, [][]byte{ada, o.sign(text, "ada-key")}, o.now, ErrTwoPersons},
		{"an administrator", text, [][]byte{ada, o.sign(text, "clerk")}, o.now, ErrOfficer},
		{"a revoked officer", text, [][]byte{ada, o.sign(text, "revoked")}, o.now, identity.ErrRevoked},
		{"a caller without a role", text, [][]byte{ada, o.sign(text, "nobody")}, o.now, identity.ErrUnknownCaller},
		{"the authority itself", text, [][]byte{ada, o.sign(text, "root")}, o.now, identity.ErrUnknownAuthority},
		{"of another statement", text, [][]byte{ada, o.sign(other, "bob")}, o.now, ErrSignature},
		{"with the text inside", text, [][]byte{ada, o.sign(text, "bob", "-nodetach")}, o.now, ErrSignature},
		{"without signed attributes", text, [][]byte{ada, o.sign(text, "bob", "-noattr")}, o.now, ErrSignature},
		{"without the certificate", text, [][]byte{ada, o.sign(text, "bob", "-nocerts")}, o.now, ErrSignature},
		{"named by key", text, [][]byte{ada, o.sign(text, "bob", "-keyid")}, o.now, ErrSignature},
		{"by two in one", text, [][]byte{ada, o.sign(text, "bob", "-signer", "ada.crt", "-inkey", "ada.key")}, o.now, ErrSignature},
		{"with SHA-1", text, [][]byte{ada, o.sign(text, "bob", "-md", "sha1")}, o.now, ErrSignature},
		{"no signature", text, [][]byte{ada, []byte("yes")}, o.now, ErrSignature},
		{"with something behind", text, [][]byte{ada, append(bytes.Clone(bob), 0)}, o.now, ErrSignature},
		{"a day later", text, [][]byte{ada, bob}, s.Issued.Add(Lifetime + time.Second), ErrTooOld},
		{"from the future", text, [][]byte{ada, bob}, s.Issued.Add(-time.Hour), ErrTooOld},
		{"when the certificates have ended", text, [][]byte{ada, bob}, o.now.AddDate(1, 0, 0), ErrTooOld},
		{"altered", bytes.Replace(text, []byte("/srv/a"), []byte("/srv/b"), 1), [][]byte{ada, bob}, o.now, ErrSignature},
		{"longer", append(bytes.Clone(text), "And more.\n"...), [][]byte{ada, bob}, o.now, ErrStatement},
		{"of line ends of another system", bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")), [][]byte{ada, bob}, o.now, ErrStatement},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, _, err := Verify(c.text, c.signatures, s.Safe, o.directory, c.now); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	if _, _, err := Verify(text, [][]byte{ada, bob}, "casemate.example/other", o.directory, o.now); !errors.Is(err, ErrStatement) {
		t.Errorf("for another safe: %v", err)
	}
	for i := range bob { // no byte of a signature may be another
		bad := bytes.Clone(bob)
		bad[i] ^= 0x20
		if _, _, err := Verify(text, [][]byte{ada, bad}, s.Safe, o.directory, o.now); err == nil && !harmless(bob, bad) {
			t.Errorf("with byte %d altered it is accepted", i)
		}
	}
}

// harmless tells whether what was altered is not signed and says nothing: what RFC 5652 leaves outside.
func harmless(good, bad []byte) bool {
	a, err1 := parseSignature(good)
	b, err2 := parseSignature(bad)
	return err1 == nil && err2 == nil && bytes.Equal(a.value, b.value) && bytes.Equal(a.attributes, b.attributes) &&
		len(a.certificates) == len(b.certificates) && a.certificates[0].Equal(b.certificates[0])
}

func FuzzParse(f *testing.F) {
	f.Add(statement(time.Unix(1e9, 0)).Text())
	f.Add([]byte(heading))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse(text)
		if err == nil && !bytes.Equal(s.Text(), text) {
			t.Fatalf("%q is read and not written so", text)
		}
	})
}

func FuzzSignature(f *testing.F) {
	o := newOffice(f)
	text := statement(o.now).Text()
	f.Add(o.sign(text, "ada"))
	f.Add(o.sign(text, "bob", "-certfile", "root.crt"))
	f.Add(o.sign(text, "bob", "-nodetach"))
	f.Fuzz(func(t *testing.T, der []byte) {
		if chain, err := verify(text, der); err == nil && len(chain) == 0 {
			t.Fatal("a signature of nobody")
		}
	})
}

// TestStatementInForce: the time that a statement gives itself is bounded by what is known of time
// without it, whichever way the clock was turned.
func TestStatementInForce(t *testing.T) {
	issued := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		now, after time.Time
		want       bool
	}{
		"at once":                          {issued.Add(time.Minute), issued.Add(-time.Hour), true},
		"nothing was ever sealed":          {issued.Add(time.Minute), time.Time{}, true},
		"a week later":                     {issued.Add(7 * 24 * time.Hour), issued.Add(-time.Hour), true},
		"clocks that differ a little":      {issued.Add(-time.Minute), issued.Add(time.Minute), true},
		"two months later":                 {issued.Add(60 * 24 * time.Hour), issued.Add(-time.Hour), false},
		"before what it may give up":       {issued.Add(time.Hour), issued.Add(30 * time.Minute), false},
		"dated back, the clock with it":    {issued.Add(time.Minute), issued.Add(time.Hour), false},
		"dated back, nothing sealed since": {issued.Add(Kept + time.Hour), issued.Add(-time.Hour), false},
		"from the future":                  {issued.Add(-time.Hour), time.Time{}, false},
	} {
		if err := (Statement{Issued: issued}).InForce(c.now, c.after); (err == nil) != c.want || err != nil && !errors.Is(err, ErrTooOld) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
