package appliance_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"casemate/appliance"
)

// diagnosed runs doctor and gives what it says, by code.
func (b *box) diagnosed() map[string][]appliance.Diagnosis {
	b.t.Helper()
	out, err := b.command("doctor", "--json").Output()
	if err != nil && len(out) == 0 {
		b.t.Fatal(err)
	}
	said := map[string][]appliance.Diagnosis{}
	for line := range strings.Lines(string(out)) {
		var d appliance.Diagnosis
		b.must(json.Unmarshal([]byte(line), &d))
		if d.Detail == "" || (d.Verdict != appliance.Good) != (d.Remedy != "") || strings.Contains(d.Detail+d.Remedy, "%!") {
			b.t.Errorf("not a sentence with its remedy: %+v", d)
		}
		said[d.Code] = append(said[d.Code], d)
	}
	return said
}

// anchor is the certificate of an authority that ends on a day.
func anchor(t *testing.T, name string, end time.Time) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: end.Add(-48 * time.Hour), NotAfter: end,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// TestDoctorOfTheMachine: a sound one, and then each fault by its code, at its place.
func TestDoctorOfTheMachine(t *testing.T) {
	b := newBox(t)
	sound := b.diagnosed()
	for _, code := range []string{"safe-stopped", "permissions", "certificates", "entropy"} {
		if len(sound[code]) != 1 {
			t.Errorf("%s is said %d times of a sound box", code, len(sound[code]))
		}
	}
	if len(sound["space"])+len(sound["space-low"]) != 1 || len(sound["kernel"])+len(sound["kernel-other"]) != 1 {
		t.Errorf("space or kernel were not looked at: %+v", sound)
	}
	for _, code := range []string{"permissions-open", "permissions-owner", "secrets-left", "certificate-ends", "certificate-ended", "monitor-open", "mount-memory"} {
		for _, d := range sound[code] {
			if code != "mount-memory" { // a machine's /tmp may be
				t.Errorf("of a sound box: %+v", d)
			}
		}
	}
	b.must(os.Chmod(b.in("state"), 0o755))
	b.must(os.Chmod(b.in("access.pem"), 0o666))
	b.must(os.WriteFile(b.in("volumes/b/left-by-root"), nil, 0o600))
	b.must(os.Lchown(b.in("volumes/b/left-by-root"), 4242, 4242))
	b.must(os.MkdirAll(b.in("handed-out/clients"), 0o700))
	b.must(os.WriteFile(b.in("handed-out/clients/ada.key"), nil, 0o600))
	roots, err := os.ReadFile(b.in("access.pem"))
	b.must(err)
	b.must(os.WriteFile(b.in("access.pem"), append(append(roots, anchor(t, "soon", time.Now().Add(30*24*time.Hour))...), anchor(t, "late", time.Now().Add(-time.Hour))...), 0o666))
	text, err := os.ReadFile(b.in("casemate.toml"))
	b.must(err)
	b.must(os.WriteFile(b.in("casemate.toml"), append(text, "\n[metrics]\nlisten = \"[::]:9464\"\n"...), 0o600))
	ill := b.diagnosed()
	for code, about := range map[string][]string{
		"permissions-open": {b.in("state"), b.in("access.pem")}, "permissions-owner": {b.in("volumes/b/left-by-root")}, "secrets-left": {b.in("handed-out/clients/ada.key")},
		"certificate-ends": {"soon"}, "certificate-ended": {"late"}, "monitor-open": {"[::]:9464"},
	} {
		if len(ill[code]) != len(about) {
			t.Errorf("%s is said %d times, want %d: %+v", code, len(ill[code]), len(about), ill[code])
			continue
		}
		for i, d := range ill[code] {
			if !strings.Contains(d.Detail, about[i]) {
				t.Errorf("%s does not name %q: %+v", code, about[i], d)
			}
		}
	}
	b.start()
	said := b.diagnosed()
	for end := time.Now().Add(time.Minute); len(said["safe-ready"]) != 1 && time.Now().Before(end); said = b.diagnosed() {
		time.Sleep(100 * time.Millisecond)
	}
	if len(said["safe-ready"]) != 1 {
		t.Errorf("a running safe: %+v", said)
	}
	var french bytes.Buffer
	cmd := b.command("doctor", "--lang", "fr")
	cmd.Stdout = &french
	_ = cmd.Run() // with findings
	for _, want := range []string{"coffre", "il tourne et reçoit les dépôts", "d'autres peuvent le lire", filepath.Base(b.in("ada.key")), "hasard"} {
		if !strings.Contains(french.String(), want) {
			t.Errorf("no %q in\n%s", want, &french)
		}
	}
}
