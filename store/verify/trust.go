package verify

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"casemate/store/proof"
)

// Trust is what the verifier believes before reading the receipt: three roots
// that never stand in for one another, and never come from the receipt.
type Trust struct {
	Seal        *x509.CertPool // authorities of seal certificates
	TSA         *x509.CertPool // authorities of timestamp tokens
	JournalVKey string         // C2SP verifier key of the journal
	Policies    []string       // timestamp policies accepted, dotted; none: any

	memory *remembered // of what was found good; may be nil
}

// maxTrustFile bounds a file of trust material.
const maxTrustFile = 1 << 20

// LoadTrust reads seal.pem, tsa.pem and journal.vkey of a directory. A
// certificate in both PEM files is refused: who may say the time may not seal.
func LoadTrust(dir string) (Trust, error) {
	var t Trust
	seal, err1 := loadRoots(filepath.Join(dir, "seal.pem"))
	tsa, err2 := loadRoots(filepath.Join(dir, "tsa.pem"))
	vkey, err3 := loadFile(filepath.Join(dir, "journal.vkey"))
	if err := errors.Join(err1, err2, err3); err != nil {
		return Trust{}, fmt.Errorf("reading trust from %q: %w: %w", dir, ErrTrust, err)
	}
	t.Seal, t.TSA, t.JournalVKey = x509.NewCertPool(), x509.NewCertPool(), strings.TrimSpace(string(vkey))
	for _, c := range seal {
		t.Seal.AddCert(c)
		for _, other := range tsa {
			if c.Equal(other) {
				return Trust{}, fmt.Errorf("reading trust from %q: %w: %q is in seal.pem and in tsa.pem", dir, ErrTrust, c.Subject)
			}
		}
	}
	for _, c := range tsa {
		t.TSA.AddCert(c)
	}
	return t, t.check()
}

// check says whether the trust is whole.
func (t Trust) check() error {
	if t.Seal == nil || t.TSA == nil {
		return fmt.Errorf("%w: seal and timestamp roots must be given", ErrTrust)
	}
	if _, err := proof.VKeyOrigin(t.JournalVKey); err != nil {
		return fmt.Errorf("%w: journal.vkey: %w", ErrTrust, err)
	}
	return nil
}

// loadRoots reads a PEM file of certificates and nothing else.
func loadRoots(path string) ([]*x509.Certificate, error) {
	rest, err := loadFile(path)
	if err != nil {
		return nil, err
	}
	var roots []*x509.Certificate
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%q holds a %s", path, strings.ToLower(block.Type))
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("reading %q: %w", path, err)
		}
		roots = append(roots, c)
	}
	if len(roots) == 0 {
		return nil, fmt.Errorf("%q holds no certificate", path)
	}
	return roots, nil
}

func loadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	b, err := io.ReadAll(io.LimitReader(f, maxTrustFile+1))
	if err == nil && len(b) > maxTrustFile {
		err = fmt.Errorf("%q is too large", path)
	}
	return b, err
}
