package verify

import (
	"os"
	"path/filepath"
	"testing"

	"casemate/store/proof"
)

// FuzzLoadTrust: one file never serves as all three.
func FuzzLoadTrust(f *testing.F) {
	for _, name := range proof.TrustNames() {
		b, err := loadFile(filepath.Join(goldenDir, "trust", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		for _, name := range proof.TrustNames() {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := LoadTrust(dir); err == nil {
			t.Fatal("one file served as all three")
		}
	})
}
