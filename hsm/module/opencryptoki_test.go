package module

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"casemate/hsm"
)

const (
	opencryptoki = "/usr/lib/x86_64-linux-gnu/opencryptoki/libopencryptoki.so.0.0.0"
	insideName   = "CASEMATE_INSIDE_OPENCRYPTOKI"
	factorySOPIN = "87654321" // of every opencryptoki token never initialised
)

// namespace runs a command with a fresh opencryptoki of its own: its paths are
// compiled in, so they are mounted over, for this process tree alone. The
// daemon ends with the pid namespace.
const namespace = `set -e
d=$1; shift
cp -a /var/lib/opencryptoki "$d/lib"; mkdir -p "$d/lib/swtok/TOK_OBJ"
rm -rf "$d/lib/swtok/"*; mkdir -p "$d/lib/swtok/TOK_OBJ"; chgrp -R pkcs11 "$d/lib/swtok"; chmod -R 770 "$d/lib/swtok"
mount --make-rprivate /
mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /dev/shm
mkdir -p /run/lock/opencryptoki/swtok; chgrp -R pkcs11 /run/lock/opencryptoki; chmod -R 770 /run/lock/opencryptoki
mount --bind "$d/lib" /var/lib/opencryptoki
mount --bind "$d/conf" /etc/opencryptoki/opencryptoki.conf
pkcsslotd
exec "$@"`

func TestOpencryptoki(t *testing.T) {
	if os.Getenv(insideName) == "" {
		dir := t.TempDir()
		check(t, os.WriteFile(filepath.Join(dir, "conf"), []byte("version opencryptoki-3.1\nslot 3\n{\nstdll = libpkcs11_sw.so\n}\n"), 0o644))
		cmd := exec.Command("unshare", "--mount", "--ipc", "--pid", "--fork", "--kill-child", "sh", "-c", namespace, "sh", dir,
			os.Args[0], "-test.run=^TestOpencryptoki$", "-test.v")
		cmd.Env = append(os.Environ(), insideName+"=1", "TMPDIR="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestOpencryptoki/wrapping") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	cfg := prepare(t)
	cfg.Token = Token{Module: opencryptoki, Label: "engine"}
	soPIN := filepath.Join(filepath.Dir(cfg.PINFile), "so-pin")
	check(t, os.WriteFile(cfg.PINFile, []byte("24681357\n"), 0o600))
	check(t, os.WriteFile(soPIN, []byte(factorySOPIN+"\n"), 0o600))
	t.Run("setup", func(t *testing.T) { opencryptokiSetup(t, cfg, soPIN) })
	t.Run("wrapping", func(t *testing.T) { opencryptokiWraps(t, cfg) })
	t.Run("marks", func(t *testing.T) { opencryptokiMarks(t, cfg) })
	t.Run("PIN", func(t *testing.T) { opencryptokiPIN(t, cfg) })
}

// It has no elliptic curves: refused by name, before anything was erased.
func opencryptokiSetup(t *testing.T, cfg Config, soPIN string) {
	_, err := Setup(context.Background(), SetupConfig{
		Token: cfg.Token, Origin: testOrigin, PINFile: cfg.PINFile, SOPINFile: soPIN, StateDir: cfg.StateDir,
	})
	if !errors.Is(err, hsm.ErrRefused) || !strings.Contains(err.Error(), "CKM_ECDSA") || !strings.Contains(err.Error(), "not touched") {
		t.Fatalf("setup on a token without ECDSA: %v", err)
	}
	p, err := load(cfg.Token)
	check(t, err)
	check(t, withLibrary(p, func() error {
		_, err := freeSlot(p, "")
		return err
	}))
}

// What it does offer works: initialising, PINs, random, keys, wrapping.
func opencryptokiWraps(t *testing.T, cfg Config) {
	p, err := load(cfg.Token)
	check(t, err)
	check(t, withLibrary(p, func() error {
		slot, err := freeSlot(p, "")
		check(t, err)
		check(t, p.InitToken(slot, factorySOPIN, cfg.Token.Label))
		return changePINs(p, slot)
	}))
	tok, err := openToken(cfg.Token, "24681357", 2)
	check(t, err)
	defer func() { check(t, tok.close()) }()
	g := newGuard(time.Minute, 2, cfg.Log)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	records := &signer{kind: kindRecord, key: key, public: &key.PublicKey, guard: g}
	for i, c := range []struct {
		allowed []string
		want    string
	}{
		{WrapMethods(), "rsa-oaep-sha256"}, // no AES-GCM, no key wrapping: found out by trying
		{[]string{"rsa-oaep-sha1"}, "rsa-oaep-sha1"},
	} {
		ring := newKeyring(testOrigin, g, tok, records)
		rec, err := ring.generateRoot(context.Background(), uint32(i+1), c.allowed)
		check(t, err)
		if rec.Method != c.want {
			t.Errorf("chose %q, want %q", rec.Method, c.want)
		}
		kc := hsm.KeyContext{Kind: hsm.KindVault, Version: 1}
		k, r, err := ring.newKey(context.Background(), kc)
		check(t, err)
		fresh := newKeyring(testOrigin, g, tok, records)
		check(t, fresh.auditRoot(context.Background(), rec)) // also: what was tried before is gone
		again, err := fresh.unwrapKey(context.Background(), kc, r)
		if err != nil || !bytes.Equal(k, again) {
			t.Errorf("%s: %v", c.want, err)
		}
	}
	ring := newKeyring(testOrigin, g, tok, records)
	if _, err := ring.generateRoot(context.Background(), 9, []string{"aes-gcm", "aes-kwp"}); err == nil || !strings.Contains(err.Error(), "no wrapping method works") {
		t.Errorf("methods it does not have: %v", err)
	}
	check(t, tok.sessions.with(func(h pkcs11.SessionHandle) error {
		left, err := find(p, h, 9, pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY))
		if err == nil && len(left) != 0 {
			t.Errorf("%d keys were left behind by methods that do not work", len(left))
		}
		return err
	}))
	if g.isDead() {
		t.Errorf("given up: %v", g.cause)
	}
}

// It keeps the mirror's mark as any token does.
func opencryptokiMarks(t *testing.T, cfg Config) {
	tok, err := openToken(cfg.Token, "24681357", 2)
	check(t, err)
	defer func() { check(t, tok.close()) }()
	ctx, path := context.Background(), filepath.Join(t.TempDir(), markFile)
	g := newGuard(time.Minute, 2, cfg.Log)
	for i, text := range []string{"\x00\x00\x00\x00\x00\x00\x00\x01one", "\x00\x00\x00\x00\x00\x00\x00\x02two"} {
		w, err := openWitness(ctx, g, tok, path, cfg.Log)
		check(t, err)
		check(t, w.set(ctx, []byte(text)))
		check(t, os.Remove(path)) // what is found again is the token's
		w, err = openWitness(ctx, g, tok, path, cfg.Log)
		check(t, err)
		if got, err := w.get(ctx); err != nil || string(got) != text || w.place() != hsm.WitnessToken {
			t.Errorf("mark %d came back from the %s as %q: %v", i, w.place(), got, err)
		}
	}
	if kept, err := tok.readMarks(); err != nil || len(kept) != 1 {
		t.Errorf("%d objects are left: %v", len(kept), err)
	}
}

// changePINs does what opencryptoki demands of a new token before it is used.
func changePINs(p *pkcs11.Ctx, slot uint) error {
	h, err := p.OpenSession(slot, sessionFlags)
	if err != nil {
		return err
	}
	steps := []func() error{
		func() error { return p.Login(h, pkcs11.CKU_SO, factorySOPIN) },
		func() error { return p.SetPIN(h, factorySOPIN, "76543210") },
		func() error { return p.InitPIN(h, "11111111") },
		func() error { return p.Logout(h) },
		func() error { return p.Login(h, pkcs11.CKU_USER, "11111111") },
		func() error { return p.SetPIN(h, "11111111", "24681357") },
		func() error { return p.Logout(h) },
		func() error { return p.CloseSession(h) },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

// It locks after three wrong PINs. One wrong PIN, however often the process is
// started, uses up one.
func opencryptokiPIN(t *testing.T, cfg Config) {
	check(t, os.MkdirAll(cfg.StateDir, 0o700))
	good := read(t, cfg.PINFile)
	check(t, os.WriteFile(cfg.PINFile, []byte("99999999\n"), 0o600))
	setup := setupRecord{Token: hsm.Token{Label: cfg.Token.Label}}
	for range 5 {
		_, err := login(context.Background(), cfg, setup, newGuard(time.Minute, 2, cfg.Log))
		if !errors.Is(err, hsm.ErrPIN) {
			t.Fatalf("a wrong PIN: %v, want ErrPIN", err)
		}
	}
	check(t, os.WriteFile(cfg.PINFile, good, 0o600))
	tok, err := login(context.Background(), cfg, setup, newGuard(time.Minute, 2, cfg.Log))
	check(t, err)
	check(t, tok.close())
}
