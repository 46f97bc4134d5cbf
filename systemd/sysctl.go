package systemd

import (
	_ "embed" // sysctl.conf
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

//go:embed sysctl.conf
var sysctlConf string

// Setting is a setting of the kernel that the machine of a safe should have.
type Setting struct {
	Name string // as sysctl(8) writes it
	Want string
	Is   string // as found
}

// Settings are those of sysctl.conf, which the package ships, in its order; Is is empty.
func Settings() (list []Setting) {
	for line := range strings.Lines(sysctlConf) {
		name, value, found := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); found && !strings.HasPrefix(name, "#") {
			list = append(list, Setting{Name: name, Want: strings.TrimSpace(value)})
		}
	}
	return list
}

// stricter are settings of which a higher number forbids more.
var stricter = map[string]bool{
	"kernel.yama.ptrace_scope": true, "kernel.kptr_restrict": true, "kernel.unprivileged_bpf_disabled": true, "kernel.perf_event_paranoid": true,
	"fs.protected_fifos": true, "fs.protected_regular": true,
}

// OtherSettings compares this machine with them: those that are laxer. What its kernel does not have, or
// does not show, is none. Source: proc(5), /proc/sys.
func OtherSettings() []Setting { return otherSettings("/proc/sys") }

func otherSettings(root string) (list []Setting) {
	for _, s := range Settings() {
		text, err := os.ReadFile(filepath.Join(root, strings.ReplaceAll(s.Name, ".", "/"))) // #nosec G304 -- the kernel's
		if err != nil {
			continue
		}
		s.Is = strings.TrimSpace(string(text))
		if s.Is == s.Want {
			continue
		}
		is, err1 := strconv.Atoi(s.Is)
		want, err2 := strconv.Atoi(s.Want)
		if stricter[s.Name] && err1 == nil && err2 == nil && is > want {
			continue
		}
		list = append(list, s)
	}
	return list
}
