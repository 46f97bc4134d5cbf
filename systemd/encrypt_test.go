package systemd

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestCredentialGoesAndComes through the real systemd-creds: what it gives does not hold the secret, opens to
// it under its own name alone, and says what it is bound to.
func TestCredentialGoesAndComes(t *testing.T) {
	for _, secret := range []string{"1234567", "with a line\n", "\x00\xff", string(bytes.Repeat([]byte("x"), 4096))} {
		encrypted, err := EncryptCredential(t.Context(), PIN, []byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(encrypted)))
		if err != nil || bytes.Contains(raw, []byte(secret)) || bytes.Contains(encrypted, []byte(secret)) {
			t.Errorf("%q: what is kept has it in plain: %v", secret, err)
		}
		if back, err := DecryptCredential(t.Context(), PIN, encrypted); err != nil || string(back) != secret {
			t.Errorf("%q came back as %q, %v", secret, back, err)
		}
		if back, err := DecryptCredential(t.Context(), "other", encrypted); !errors.Is(err, ErrCreds) || back != nil {
			t.Errorf("under another name: %q, %v", back, err)
		}
		if to, err := BoundTo(encrypted); err != nil || (to != BoundToHost && to != BoundToBoth) {
			t.Errorf("it is bound to %q, %v", to, err)
		}
		raw[len(raw)-1] ^= 1
		if _, err := DecryptCredential(t.Context(), PIN, []byte(base64.StdEncoding.EncodeToString(raw))); !errors.Is(err, ErrCreds) {
			t.Errorf("a bit is another: %v", err)
		}
	}
}

// TestCredsThatDoNot: a machine without systemd-creds, one whose systemd-creds fails, and one whose
// systemd-creds gives what does not open to what went in.
func TestCredsThatDoNot(t *testing.T) {
	for name, script := range map[string]string{
		"none":                          "",
		"it fails":                      "#!/bin/sh\necho 'a remark' >&2; echo 'Read-only file system' >&2; exit 1\n",
		"it cuts short":                 "#!/bin/sh\n[ $1 = encrypt ] && exec head -c 3\necho -n 12\n",
		"it does not open what it gave": "#!/bin/sh\n[ $1 = encrypt ] && exec cat\nexit 1\n",
	} {
		dir := t.TempDir()
		if script != "" {
			if err := os.WriteFile(filepath.Join(dir, credsProgram), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			dir += ":/bin"
		}
		t.Setenv("PATH", dir)
		out, err := EncryptCredential(t.Context(), PIN, []byte("1234567"))
		if !errors.Is(err, ErrCreds) || out != nil || bytes.Contains([]byte(err.Error()), []byte("1234567")) {
			t.Errorf("%s: %q, %v", name, out, err)
		}
		if found := FindCreds(); (found == nil) != (script != "") {
			t.Errorf("%s: found: %v", name, found)
		}
	}
}

// TestHasTPM: it has a driver, and the machine was started by UEFI.
func TestHasTPM(t *testing.T) {
	sys := t.TempDir()
	for _, c := range []struct {
		made string
		want bool
	}{{"class", false}, {"class/tpmrm", false}, {"class/tpmrm/tpmrm0", false}, {"firmware/efi", true}} {
		if err := os.MkdirAll(filepath.Join(sys, c.made), 0o755); err != nil {
			t.Fatal(err)
		}
		if got := HasTPM(sys); got != c.want {
			t.Errorf("with %s: %v", c.made, got)
		}
	}
}

func FuzzBoundTo(f *testing.F) {
	f.Add([]byte("WhxqhuDflkCW"))
	f.Add([]byte(base64.StdEncoding.EncodeToString(make([]byte, 64))))
	f.Fuzz(func(t *testing.T, b []byte) {
		if to, err := BoundTo(b); (err == nil) != (to != "") || (err != nil && !errors.Is(err, ErrBadCredential)) {
			t.Errorf("%q, %v", to, err)
		}
	})
}
