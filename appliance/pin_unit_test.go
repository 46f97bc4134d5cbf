package appliance_test

import (
	"os"
	"path/filepath"
	"testing"

	"casemate/appliance"
)

// TestPlainUnit: what has the token's unit take the PIN in plain goes before that PIN does, and with it; never
// while the unit needs it.
func TestPlainUnit(t *testing.T) {
	encrypt := func(b *pinBox) (bool, error) {
		_, found, err := appliance.EncryptPIN(b.t.Context(), b.cfg, b.config())
		return found, err
	}
	replace := func(b *pinBox) (bool, error) {
		_, err := appliance.ReplacePIN(b.t.Context(), b.cfg, b.config(), "1234567")
		return true, err
	}
	for _, c := range []struct {
		name    string
		act     func(*pinBox) (bool, error)
		before  func(b *pinBox, unit string)
		found   bool
		failing bool
		stays   bool // the unit's file
		after   string
	}{
		{"encrypted", encrypt, func(b *pinBox, _ string) { b.write("pin", "1234567\n") }, true, false, false, "pin.cred 600 1234567"},
		{"another given", replace, func(b *pinBox, _ string) { b.write("pin", "7654321\n") }, true, false, false, "pin.cred 600 1234567"},
		{"another given, nothing in plain", replace, func(b *pinBox, _ string) { b.credential("7654321") }, true, false, false, "pin.cred 600 1234567"},
		{"cut after the plain one went, as earlier versions did it", encrypt, func(b *pinBox, _ string) { b.credential("1234567") }, false, false, false, "pin.cred 600 1234567"},
		{"it cannot be removed, encrypted", encrypt, func(b *pinBox, unit string) { b.write("pin", "1234567\n"); b.stuck(unit) }, true, true, true,
			"pin 600 1234567; pin.cred 600 1234567"},
		{"it cannot be removed, another given", replace, func(b *pinBox, unit string) { b.write("pin", "7654321\n"); b.stuck(unit) }, true, true, true,
			"pin 600 7654321; pin.cred 600 1234567"},
		{"nothing can be encrypted", encrypt, func(b *pinBox, _ string) { b.write("pin", "1234567\n"); b.failing(1) }, true, true, true, "pin 600 1234567"},
		{"the configuration names a file", encrypt, func(b *pinBox, _ string) { b.write("pin", "1234567\n"); b.cfg.HSM.PINFile = b.in("secret") },
			false, false, true, "pin 600 1234567"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newPINBox(t)
			unit := filepath.Join(b.dir, "../systemd/system/casemate-hsm.service.d/plain-pin.conf")
			b.must(os.MkdirAll(filepath.Dir(unit), 0o755))
			b.must(os.WriteFile(unit, []byte("[Service]\n"), 0o644))
			c.before(b, unit)
			found, err := c.act(b)
			if found != c.found || (err != nil) != c.failing {
				t.Errorf("%v, %v", found, err)
			}
			if got := b.lies(); got != c.after {
				t.Errorf("it has %s, want %s", got, c.after)
			}
			if _, err := os.Stat(unit); (err == nil) != c.stays {
				t.Errorf("the unit's file: %v", err)
			}
		})
	}
}

// stuck puts something in its place that cannot be removed.
func (b *pinBox) stuck(file string) {
	b.t.Helper()
	b.must(os.Remove(file))
	b.must(os.MkdirAll(filepath.Join(file, "x"), 0o755))
}

// TestPlainUnitIsSeen: doctor tells of one that names a PIN which is not there.
func TestPlainUnitIsSeen(t *testing.T) {
	b := newPINBox(t)
	b.credential("1234567")
	b.cfg.HTTP.AccessRoots = b.in("access.pem")
	unit := b.cfg.PINPlace(b.config()).Unit
	told := func() bool {
		for _, line := range appliance.Doctor(t.Context(), b.cfg, "en") {
			if line.Code == "pin-unit" {
				return line.Verdict == appliance.Bad
			}
		}
		return false
	}
	if told() {
		t.Error("nothing is there to tell of")
	}
	b.must(os.MkdirAll(filepath.Dir(unit), 0o755))
	b.must(os.WriteFile(unit, []byte("[Service]\n"), 0o644))
	if !told() {
		t.Error("not told")
	}
	b.write("pin", "1234567\n")
	if told() {
		t.Error("the PIN it names is there")
	}
}
