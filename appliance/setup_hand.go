package appliance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"casemate/appliance/setup"
	"casemate/hsm"
)

// hand writes what is handed out (trust files, certificates) and the table of callers.
func (w *setupWork) hand(ctx context.Context, token *hsm.Client, info hsm.Info) (SetupDone, error) {
	root := info.SealChain[len(info.SealChain)-1]
	done := SetupDone{Config: w.Layout.ConfigFile(), Origin: info.Origin, SealRoot: fingerprintOf(root), JournalVKey: info.JournalVKey,
		Handed: w.Layout.Handed, SOPIN: w.soPINFile(), Given: w.plainLeft()}
	t, err := w.config.trust(info)
	if err != nil {
		return done, err
	}
	trust := filepath.Join(w.Layout.Handed, "trust")
	clients := filepath.Join(w.Layout.Handed, "clients")
	if err := errors.Join(os.Mkdir(trust, 0o755), os.Mkdir(clients, 0o700)); err != nil { // #nosec G301 -- public
		return done, err
	}
	for name, text := range t.files {
		if err := writeFile(filepath.Join(trust, name), text, 0o644); err != nil {
			return done, err
		}
	}
	var access []byte
	for _, der := range info.AccessRoots {
		access = append(access, pemOf(der)...)
	}
	if err := errors.Join(w.file(w.config.HTTP.AccessRoots, access, 0o644), writeFile(filepath.Join(w.Layout.Handed, "access.pem"), access, 0o644)); err != nil {
		return done, err
	}
	var table callersFile
	for _, p := range w.Answers.Persons {
		w.say(SetupPerson, p.Name, strings.Join(p.Roles, ", "))
		caller, err := w.person(ctx, token, clients, p)
		if err != nil {
			return done, err
		}
		table.Callers = append(table.Callers, caller)
		if p.CSR == "" {
			done.Keys = append(done.Keys, filepath.Join(clients, p.Name+".key"))
		}
	}
	text, err := toml.Marshal(table)
	if err != nil {
		return done, err
	}
	head := "# Who may call, and what for. Written by casemated setup; SIGHUP makes serve read it again.\n"
	return done, w.file(w.config.CallersFile, append([]byte(head), text...), 0o640)
}

// person gets a certificate: of his own request, else with a key made here.
func (w *setupWork) person(ctx context.Context, token *hsm.Client, dir string, p setup.Person) (CallerConfig, error) {
	if p.CSR == "" {
		return makeClient(ctx, token, dir, p.Name, p.Roles)
	}
	request, err := readRequest(p.CSR)
	if err != nil {
		return CallerConfig{}, err
	}
	der, err := token.IssueCertificate(ctx, hsm.CertificateRequest{CSR: request, Validity: clientValidity})
	if err != nil {
		return CallerConfig{}, fmt.Errorf("certificate of %q: %w", p.Name, err)
	}
	if err := writeFile(filepath.Join(dir, p.Name+".crt"), pemOf(der), 0o644); err != nil {
		return CallerConfig{}, err
	}
	return callerOf(token, ctx, der, p.Name, p.Roles)
}
