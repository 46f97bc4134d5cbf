package appliance

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"casemate/systemd"
)

// pin says how the token's PIN lies on the box, where the service manager is to hand it over: encrypted, and
// to what bound; and whether one lies beside it in plain. It does not open it: that the token's process does.
func (d doctor) pin() []Diagnosis {
	place := d.PINPlace(d.configFile())
	if !place.Encrypted {
		return nil // a file, told of as one
	}
	var list []Diagnosis
	if place.Plain != "" {
		list = append(list, d.line("secrets", Warn, "pin-plain", place.Plain))
	}
	if place.Plain == "" && exists(place.Unit) {
		list = append(list, d.line("secrets", Bad, "pin-unit", place.Unit))
	}
	encrypted, err := os.ReadFile(place.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if place.Plain == "" {
			list = append(list, d.line("secrets", Bad, "pin-none", place.File))
		}
		return list
	case errors.Is(err, fs.ErrPermission):
		return append(list, d.line("secrets", Good, "pin-closed", place.File)) // as it should be, for who is not root
	case err != nil:
		return append(list, d.line("secrets", Bad, "secrets-missing", place.File, err))
	}
	to, err := systemd.BoundTo(encrypted)
	if err != nil {
		return append(list, d.line("secrets", Bad, "pin-no-credential", place.File))
	}
	verdict, code := boundVerdict(to, systemd.HasTPM("/sys"))
	return append(list, d.line("secrets", verdict, code, place.File))
}

// configFile is the configuration: the access roots lie beside it.
func (d doctor) configFile() string {
	return filepath.Join(filepath.Dir(d.HTTP.AccessRoots), "casemate.toml")
}

// boundVerdict judges what the credential is bound to, on a machine that has a TPM or has none.
func boundVerdict(to string, hasTPM bool) (Verdict, string) {
	verdict, code := Good, "pin-unknown"
	switch {
	case to == systemd.BoundToHost && hasTPM: // its libraries are missing, or it did not answer
		verdict, code = Warn, "pin-host-only"
	case to == systemd.BoundToHost:
		verdict, code = Good, "pin-host"
	case to == systemd.BoundToTPM:
		verdict, code = Good, "pin-tpm2"
	case to == systemd.BoundToBoth:
		verdict, code = Good, "pin-host+tpm2"
	}
	return verdict, code
}
