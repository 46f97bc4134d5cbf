package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"casemate/appliance/client"
	"casemate/appliance/wire"
)

// savedTrust is the result of fetching trust material.
type savedTrust struct {
	Safe          string            `json:"safe"`
	Demonstration bool              `json:"demonstration"`
	Files         []string          `json:"files"`
	Fingerprints  []rootFingerprint `json:"fingerprints"`
}

// rootFingerprint is what a person compares with the minutes of the ceremony.
type rootFingerprint struct {
	File    string `json:"file"`
	Subject string `json:"subject"`
	SHA256  string `json:"sha256"` // of the certificate, or of the key's line
}

func (a *app) trustCommand() *cobra.Command {
	var force bool
	cmd := a.command("trust DIR", a.t.Trust, a.args(1, 1), func(cmd *cobra.Command, args []string) error {
		c, err := a.connect()
		if err != nil {
			return err
		}
		defer c.Close()
		trust, err := c.Trust(cmd.Context())
		if err != nil {
			return err
		}
		saved, err := a.saveTrust(trust, args[0], force)
		if err != nil {
			return err
		}
		a.warn(a.t.TrustHint, "%s", a.t.TrustWarning)
		return a.result(saved, func() { a.showTrust(saved) })
	})
	cmd.Flags().BoolVar(&force, "force", false, a.t.Flag.Force)
	return cmd
}

// saveTrust writes the three files of a trust folder; none over another.
func (a *app) saveTrust(trust wire.Trust, dir string, force bool) (savedTrust, error) {
	saved := savedTrust{Safe: trust.Safe, Demonstration: trust.Demonstration}
	files := []struct{ name, text string }{
		{"seal.pem", trust.Seal}, {"tsa.pem", trust.TSA}, {"journal.vkey", trust.Journal},
	}
	for _, f := range files {
		prints, err := fingerprints(f.name, f.text)
		if err != nil {
			return saved, err
		}
		saved.Fingerprints = append(saved.Fingerprints, prints...)
		if err := a.mayCreate(filepath.Join(dir, f.name), force); err != nil {
			return saved, err
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return saved, err
	}
	for _, f := range files {
		name := filepath.Join(dir, f.name)
		err := a.create(name, force, func(file *os.File) error {
			_, err := file.WriteString(f.text)
			return err
		})
		if err != nil {
			return saved, err
		}
		saved.Files = append(saved.Files, name)
	}
	return saved, nil
}

// fingerprints reads every certificate of a PEM file; a line that is no PEM (the
// journal's key) is digested as it stands.
func fingerprints(name, text string) ([]rootFingerprint, error) {
	var prints []rootFingerprint
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", client.ErrProtocol, name, err)
		}
		prints = append(prints, rootFingerprint{name, cert.Subject.String(), fmt.Sprintf("%x", sha256.Sum256(cert.Raw))})
	}
	if len(prints) == 0 && text != "" {
		prints = append(prints, rootFingerprint{name, text, fmt.Sprintf("%x", sha256.Sum256([]byte(text)))})
	}
	return prints, nil
}

func (a *app) showTrust(saved savedTrust) {
	a.say("%s\n", clean(saved.Safe))
	if saved.Demonstration {
		a.field(a.t.Label.Note, "%s", a.t.Demonstration)
	}
	for _, p := range saved.Fingerprints {
		a.field(p.File, "%s", p.Subject)
		a.field("", "sha-256 %s", p.SHA256)
	}
}
