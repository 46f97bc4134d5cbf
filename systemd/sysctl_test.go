package systemd

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOtherSettings: equal and stricter settings are as wanted, laxer ones are not, missing ones are none.
func TestOtherSettings(t *testing.T) {
	root := t.TempDir()
	put := func(name, value string) {
		file := filepath.Join(root, strings.ReplaceAll(name, ".", "/"))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(value+"\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	all := Settings()
	if len(all) < 10 {
		t.Fatalf("%d settings in the file", len(all))
	}
	for _, s := range all {
		if s.Name == "" || s.Want == "" || strings.ContainsAny(s.Name, " #") {
			t.Errorf("%+v", s)
		}
		put(s.Name, s.Want)
	}
	if other := otherSettings(root); len(other) != 0 {
		t.Errorf("a machine as wanted: %+v", other)
	}
	put("kernel.yama.ptrace_scope", "3")
	put("kernel.kptr_restrict", "0")
	put("kernel.core_pattern", "core")
	put("kernel.sysrq", "438") // higher, and laxer
	if err := os.Remove(filepath.Join(root, "kernel/dmesg_restrict")); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range otherSettings(root) {
		names = append(names, s.Name+"="+s.Is)
	}
	if got := strings.Join(names, " "); got != "kernel.core_pattern=core kernel.kptr_restrict=0 kernel.sysrq=438" {
		t.Error(got)
	}
}
