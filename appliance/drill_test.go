package appliance

import (
	"os"
	"path/filepath"
	"testing"
)

// TestScratchOfAKilledDrill: what a drill left that was killed goes with the next one; that of one at work stays.
func TestScratchOfAKilledDrill(t *testing.T) {
	in := t.TempDir()
	left := filepath.Join(in, scratchName+"left")
	if err := os.MkdirAll(filepath.Join(left, "volume"), 0o700); err != nil {
		t.Fatal(err)
	}
	first, done, err := scratchFolder(in)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("what a killed drill left: %v", err)
	}
	second, doneToo, err := scratchFolder(in)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(first); err != nil || first == second {
		t.Errorf("the folder of a drill at work: %v", err)
	}
	for _, end := range []func() error{done, doneToo} {
		if err := end(); err != nil {
			t.Error(err)
		}
	}
	if names, err := os.ReadDir(in); err != nil || len(names) > 0 {
		t.Errorf("left: %v, %v", names, err)
	}
}
