package timestamp

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// seeds are tokens and answers of real authorities, kept for good: they must
// verify in thirty years too.
func seeds(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/*.tsr")
	if err != nil || len(files) == 0 {
		t.Fatalf("no seeds: %v", err)
	}
	out := make(map[string][]byte)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[f] = b
	}
	return out
}

// Answers recorded once. Each token verifies at its own time with the root
// beside it; at a time when the certificate has run out, no longer.
func TestRecordedTokens(t *testing.T) {
	for name, reply := range seeds(t) {
		pem, err := os.ReadFile(name[:len(name)-len(".tsr")] + ".pem")
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		der, err := parseReply(reply)
		if err != nil {
			t.Fatal(err)
		}
		token, err := Verify(der, digest, roots, nil, time.Time{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if y := token.Time.Year(); y != 2026 {
			t.Errorf("%s: of the year %d", name, y)
		}
		if _, err := Verify(der, digest, roots, nil, token.Time.AddDate(50, 0, 0)); err == nil {
			t.Errorf("%s: still good after fifty years", name)
		}
	}
}

// No answer crashes the parser, and nothing but the very token verifies.
func FuzzVerify(f *testing.F) {
	genuine := make(map[string]bool)
	roots := x509.NewCertPool()
	for name, reply := range seeds(f) {
		pem, err := os.ReadFile(name[:len(name)-len(".tsr")] + ".pem")
		if err != nil {
			f.Fatal(err)
		}
		roots.AppendCertsFromPEM(pem)
		der, err := parseReply(reply)
		if err != nil {
			f.Fatal(err)
		}
		sd, _, err := parse(der)
		if err != nil {
			f.Fatal(err)
		}
		genuine[string(sd.content)] = true
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		token, err := Verify(der, digest, roots, nil, time.Time{})
		if err != nil {
			if token.DER != nil {
				t.Fatal("a token beside an error")
			}
			return
		}
		// What is not signed (unsigned attributes, revocation data) may
		// differ; what was signed may not.
		sd, _, err := parse(token.DER)
		if err != nil || !genuine[string(sd.content)] || !bytes.Equal(token.DER, der) {
			t.Fatalf("forged: %s", hex.EncodeToString(der))
		}
	})
}

func FuzzReply(f *testing.F) {
	for _, reply := range seeds(f) {
		f.Add(reply)
	}
	f.Add([]byte{0x30, 5, 0x30, 3, 2, 1, 2})
	f.Fuzz(func(t *testing.T, der []byte) {
		token, err := parseReply(der)
		if err == nil && !bytes.Contains(der, token) {
			t.Fatal("a token that was not in the answer")
		}
	})
}

func FuzzMark(f *testing.F) {
	f.Add(formatMark(time.Date(2026, 11, 22, 17, 0, 0, 1, time.UTC)))
	f.Add([]byte(markTitle + "\n\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if at, err := parseMark(b); err == nil && !bytes.Equal(formatMark(at), b) {
			t.Fatalf("taken: %q", b)
		}
	})
}
