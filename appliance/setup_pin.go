package appliance

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"

	"casemate/appliance/setup"
	"casemate/hsm/module"
	"casemate/systemd"
)

// secrets makes the PINs or takes those that are given, and puts them where they belong. The token's own
// PIN goes into a file that the service manager alone can open, encrypted; where none runs, into one of mode
// 0600. The security officer's is a file of root's until it is carried away. For the child both are in memory.
func (w *setupWork) secrets(ctx context.Context) (err error) {
	pin, err := pinOf(w.Answers.Token.PINFile)
	if err != nil {
		return err
	}
	soPIN, err := pinOf(w.Answers.Token.SOPINFile)
	if err != nil {
		return err
	}
	if err := w.keepPIN(ctx, pin); err != nil {
		return err
	}
	if w.Answers.Token.Initialised {
		soPIN = "" // it has an officer, who is somebody else
	} else if err := w.file(w.Layout.SOPINFile(), []byte(soPIN+"\n"), 0o600); err != nil {
		return err
	}
	if w.pins.pin, err = inMemory([]byte(pin), w.Layout.Token); err != nil {
		return err
	}
	w.pins.soPIN, err = inMemory([]byte(soPIN), w.Layout.Token)
	return err
}

// soPINFile is where the officer's was left; nowhere for a token that has another officer.
func (w *setupWork) soPINFile() string {
	if w.Answers.Token.Initialised {
		return ""
	}
	return w.Layout.SOPINFile()
}

// pinOf reads the one that was given, or makes one.
func pinOf(given string) (string, error) {
	if given == "" {
		return rand.Text(), nil
	}
	pin, err := module.ReadPIN(given)
	if err != nil {
		return "", &SetupError{setup.Problem{Key: "token", Code: setup.BadPIN, Detail: err.Error()}}
	}
	return pin, nil
}

// keepPIN leaves the token's PIN for every later start. Nothing of the token was touched yet: a machine on
// which nothing can be encrypted is set back as it was.
func (w *setupWork) keepPIN(ctx context.Context, pin string) error {
	if w.Layout.Start {
		return w.file(w.Layout.PINFile(), []byte(pin+"\n"), 0o600)
	}
	encrypted, err := systemd.EncryptCredential(ctx, systemd.PIN, []byte(pin))
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		return &SetupError{setup.Problem{Key: "token", Code: setup.BadCreds, Detail: err.Error()}}
	}
	return w.file(w.Layout.Credential(), encrypted, 0o600)
}

// checkCreds looks whether a PIN could be encrypted; it makes no key for it.
func (s *Setup) checkCreds(p *problems) {
	if s.Layout.Start {
		return
	}
	if err := systemd.FindCreds(); err != nil {
		p.add("", setup.BadCreds, "%v", err)
	}
}

// plainLeft is the file given with the PIN, which is its owner's to delete once the PIN is kept encrypted.
func (w *setupWork) plainLeft() []string {
	var left []string
	for _, file := range []string{w.Answers.Token.PINFile, w.Answers.Token.SOPINFile} {
		if _, err := os.Lstat(file); file != "" && err == nil && filepath.Clean(file) != w.Layout.SOPINFile() {
			left = append(left, file)
		}
	}
	return left
}
