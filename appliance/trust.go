package appliance

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"casemate/hsm"
	"casemate/store/timestamp"
	"casemate/store/verify"
)

// trust is what the safe verifies its own proofs with, as an outsider would: the seal roots and
// the journal's key as the token process publishes them, the external authorities' roots from the
// configuration. Three roots, never in one file.
type trust struct {
	verify verify.Trust
	files  map[string][]byte // seal.pem tsa.pem journal.vkey
}

func (c Config) trust(info hsm.Info) (trust, error) {
	if len(info.SealChain) == 0 {
		return trust{}, errors.New("the token process publishes no seal authority")
	}
	root, err := x509.ParseCertificate(info.SealChain[len(info.SealChain)-1])
	if err != nil {
		return trust{}, fmt.Errorf("seal root: %w", err)
	}
	t := trust{verify: verify.Trust{Seal: x509.NewCertPool(), TSA: x509.NewCertPool(), JournalVKey: info.JournalVKey}}
	t.verify.Seal.AddCert(root)
	var tsa bytes.Buffer
	for _, a := range c.Timestamp.Authorities {
		roots, err := readCertificates(a.Roots)
		if err != nil {
			return trust{}, fmt.Errorf("roots of the authority %q: %w", a.Name, err)
		}
		for _, root := range roots {
			t.verify.TSA.AddCert(root)
			tsa.Write(pemOf(root.Raw))
		}
	}
	t.files = map[string][]byte{
		"seal.pem": pemOf(root.Raw), "tsa.pem": tsa.Bytes(), "journal.vkey": []byte(info.JournalVKey + "\n"),
	}
	return t, nil
}

// authorities are the external timestamp authorities in the configured order.
func (c Config) authorities() (timestamp.Authorities, error) {
	var list timestamp.Authorities
	for _, a := range c.Timestamp.Authorities {
		roots, err := readCertificates(a.Roots)
		if err != nil {
			return nil, fmt.Errorf("roots of the authority %q: %w", a.Name, err)
		}
		pool := x509.NewCertPool()
		for _, root := range roots {
			pool.AddCert(root)
		}
		list = append(list, timestamp.Authority{Name: a.Name, URL: a.URL, Roots: pool, Policies: a.Policies, Timeout: a.Timeout})
	}
	return list, nil
}

func pemOf(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// readCertificates reads every certificate of a PEM file; one at least, and nothing else in it.
func readCertificates(file string) ([]*x509.Certificate, error) {
	rest, err := os.ReadFile(file) // #nosec G304 -- named by the configuration
	if err != nil {
		return nil, err
	}
	var list []*x509.Certificate
	for len(bytes.TrimSpace(rest)) > 0 {
		block, after := pem.Decode(rest)
		if block == nil || block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%s: something that is not a PEM certificate", file)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		list, rest = append(list, c), after
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: no certificate in it", file)
	}
	return list, nil
}
