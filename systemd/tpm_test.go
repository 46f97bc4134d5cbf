package systemd

import (
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestCredentialOutlivesFirmware: what is encrypted with a TPM opens after boots that measured something else
// (Secure Boot's policy, register 7, and others), and not with another TPM. The TPM is swtpm; systemd-creds takes
// it only where it is told to.
func TestCredentialOutlivesFirmware(t *testing.T) {
	tpm := newTPM(t)
	tpm.boot()
	secret := "1234567"
	encrypted, err := EncryptCredential(t.Context(), PIN, []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	if to, err := BoundTo(encrypted); err != nil || to != BoundToBoth {
		t.Errorf("it is bound to %q, %v", to, err)
	}
	tpm.boot(0, 2, 4, 7, 7, 9, 11)
	if back, err := DecryptCredential(t.Context(), PIN, encrypted); err != nil || string(back) != secret {
		t.Errorf("after a boot that measured something else: %q, %v", back, err)
	}
	newTPM(t).boot()
	if back, err := DecryptCredential(t.Context(), PIN, encrypted); !errors.Is(err, ErrCreds) {
		t.Errorf("on another machine: %q, %v", back, err)
	}
}

// tpm is one chip; each boot is a process.
type tpm struct {
	t       *testing.T
	dir     string
	process *exec.Cmd
}

// newTPM is the one that systemd-creds uses from now on.
func newTPM(t *testing.T) *tpm {
	t.Helper()
	c := &tpm{t: t, dir: t.TempDir()}
	script := "#!/bin/sh\nact=$1\nshift\n[ $act = encrypt ] && set -- --with-key=host+tpm2 \"$@\"\nexec /usr/bin/systemd-creds $act --tpm2-device=swtpm:path=" +
		c.dir + "/socket \"$@\"\n"
	if err := os.WriteFile(filepath.Join(c.dir, credsProgram), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", c.dir+":"+os.Getenv("PATH"))
	t.Cleanup(c.off)
	return c
}

// boot starts it anew, and each of these registers is told of something.
func (c *tpm) boot(registers ...byte) {
	c.t.Helper()
	c.off()
	_ = os.Remove(c.dir + "/socket") // of the boot before
	c.process = exec.Command("swtpm", "socket", "--tpm2", "--tpmstate", "dir="+c.dir, "--server", "type=unixio,path="+c.dir+"/socket",
		"--ctrl", "type=unixio,path="+c.dir+"/socket.ctrl", "--flags", "not-need-init,startup-clear")
	if err := c.process.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.ask("80010000000a00000181")        // TPM2_ReadClock: it is up
	for _, register := range registers { // TPM2_PCR_Extend, with an empty password, SHA-256
		c.ask("80020000004100000182" + hex.EncodeToString([]byte{0, 0, 0, register}) + "00000009" + "400000090000000000" + "00000001000b" +
			hex.EncodeToString(make([]byte, 32)))
	}
}

// off ends it in order: a chip that lost its power counts that as an attack.
func (c *tpm) off() {
	if c.process == nil {
		return
	}
	c.ask("80010000000c000001450000") // TPM2_Shutdown
	if err := errors.Join(c.process.Process.Kill(), c.process.Wait()); err != nil && !errors.As(err, new(*exec.ExitError)) {
		c.t.Error(err)
	}
	c.process = nil
}

// ask has it do one command, which must succeed.
func (c *tpm) ask(command string) {
	c.t.Helper()
	raw, err := hex.DecodeString(command)
	if err != nil {
		c.t.Fatal(err)
	}
	var conn net.Conn
	for until := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if conn, err = net.Dial("unix", c.dir+"/socket"); err == nil || time.Now().After(until) {
			break
		}
	}
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // only asked
	answer := make([]byte, 10)
	_, err = conn.Write(raw)
	if _, err2 := io.ReadFull(conn, answer); err != nil || err2 != nil || hex.EncodeToString(answer[6:]) != "00000000" {
		c.t.Fatalf("the TPM says %x to %s: %v, %v", answer, command, err, err2)
	}
}
