package timestamp

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// openssl makes the tokens, and openssl agrees that they are good.
func TestOpenSSLAuthority(t *testing.T) {
	dir := t.TempDir()
	a, process := startOpenSSL(t, dir)
	token, err := a.Stamp(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	if token.Policy != testPolicy || token.Accuracy != time.Second || !strings.Contains(token.Authority, "Demonstration-timestamping-authority") {
		t.Errorf("token says %+v", token)
	}
	file := filepath.Join(dir, "token.der")
	if err := os.WriteFile(file, token.DER, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("openssl", "ts", "-verify", "-data", writeFile(t, dir, "data", "a document"),
		"-in", file, "-token_in", "-CAfile", filepath.Join(dir, "tsa.pem")).CombinedOutput()
	if err != nil {
		t.Errorf("openssl: %v\n%s", err, out)
	}
	a.Policies = []string{"1.2.3"} // asked for, and openssl knows no such policy
	if _, err := a.Stamp(t.Context(), digest); !errors.Is(err, ErrRefused) {
		t.Errorf("unknown policy: error %v, want %v", err, ErrRefused)
	}
	stop(t, process)
	if _, err := a.Stamp(t.Context(), digest); !errors.Is(err, ErrUnreachable) {
		t.Errorf("stopped: error %v, want %v", err, ErrUnreachable)
	}
}

// The serial number goes on after a restart, with the same key.
func TestOpenSSLAuthorityRestart(t *testing.T) {
	dir := t.TempDir()
	var serials []string
	for range 2 {
		a, process := startOpenSSL(t, dir)
		token, err := a.Stamp(t.Context(), digest)
		if err != nil {
			t.Fatal(err)
		}
		serials = append(serials, token.Serial)
		stop(t, process)
	}
	if serials[0] != "1" || serials[1] != "2" {
		t.Errorf("serial numbers %q", serials)
	}
}

// Other digests and the older certificate identifier, as openssl writes them.
func TestOpenSSLVariants(t *testing.T) {
	dir := t.TempDir()
	_, process := startOpenSSL(t, dir)
	stop(t, process)
	roots, work := rootsFrom(t, filepath.Join(dir, "tsa.pem")), filepath.Join(dir, "authority")
	config, err := os.ReadFile(filepath.Join(work, "openssl.cnf"))
	if err != nil {
		t.Fatal(err)
	}
	data := writeFile(t, work, "data", "a document")
	for name, v := range map[string]struct {
		from, to string
		want     error
	}{
		"SHA-1 certificate identifier":  {"ess_cert_id_alg = sha256", "ess_cert_id_alg = sha1", nil},
		"SHA-512 under the signature":   {"signer_digest = sha256", "signer_digest = sha512", nil},
		"SHA-384 certificate":           {"ess_cert_id_alg = sha256", "ess_cert_id_alg = sha384", nil},
		"whole chain named":             {"ess_cert_id_chain = no", "ess_cert_id_chain = yes", nil},
		"whole seconds, no accuracy":    {"clock_precision_digits = 3", "clock_precision_digits = 0", nil},
		"ordering":                      {"ordering = no", "ordering = yes", nil},
		"no name":                       {"tsa_name = yes", "tsa_name = no", nil},
		"SHA-1 under the signature":     {"signer_digest = sha256", "signer_digest = sha1", ErrSigner},
		"accuracy to the microsecond":   {"accuracy = secs:1", "accuracy = secs:1, millisecs:2, microsecs:3", nil},
		"accuracy in milliseconds only": {"accuracy = secs:1", "accuracy = millisecs:500", nil},
	} {
		t.Run(name, func(t *testing.T) {
			writeFile(t, work, "variant.cnf", strings.Replace(string(config), v.from, v.to, 1))
			run(t, work, "openssl", "ts", "-query", "-data", data, "-sha256", "-cert", "-out", "query")
			run(t, work, "openssl", "ts", "-reply", "-config", "variant.cnf", "-section", "tsa", "-queryfile", "query", "-out", "reply")
			reply, err := os.ReadFile(filepath.Join(work, "reply"))
			if err != nil {
				t.Fatal(err)
			}
			der, err := parseReply(reply)
			if err != nil {
				t.Fatal(err)
			}
			token, err := Verify(der, digest, roots, []string{testPolicy}, time.Time{})
			if !errors.Is(err, v.want) {
				t.Fatalf("error %v, want %v", err, v.want)
			}
			t.Logf("accuracy %s, time %s", token.Accuracy, token.Time)
			if err == nil && (token.Accuracy > time.Second+2*time.Millisecond+3*time.Microsecond || token.Accuracy == 0) {
				t.Errorf("accuracy %s", token.Accuracy)
			}
		})
	}
}

// Another real authority, by other people.
func TestSigstoreAuthority(t *testing.T) {
	a := startSigstore(t)
	token, err := a.Stamp(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	a.Policies = []string{token.Policy}
	if _, err := a.Stamp(t.Context(), digest); err != nil {
		t.Errorf("with its policy %s: %v", token.Policy, err)
	}
	other := newNotary(t, nil)
	if _, err := Verify(token.DER, digest, other.roots, nil, time.Time{}); !errors.Is(err, ErrUntrusted) {
		t.Errorf("with another root: %v", err)
	}
	a.Policies = []string{"1.2.3"}
	if _, err := a.Stamp(t.Context(), digest); err == nil {
		t.Error("a policy it does not have was taken")
	}
}

func writeFile(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func run(t *testing.T, dir, program string, arguments ...string) {
	t.Helper()
	c := exec.Command(program, arguments...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(arguments, " "), err, out)
	}
}
