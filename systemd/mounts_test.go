package systemd

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestMountUnits holds the names against systemd's own.
func TestMountUnits(t *testing.T) {
	for _, list := range [][]string{{"/srv", "/srv/casemate", "/srv/casemate/a"}, {"/data-1", "/data-1/é b", "/data-1/é b/.c"}} {
		out, err := exec.Command("systemd-escape", append([]string{"--path", "--suffix=mount", "--"}, list...)...).Output()
		want := strings.Fields(string(out))
		if got := MountUnits(list[len(list)-1] + "/"); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q, want %q, %v", got, want, err)
		}
	}
	if got := MountUnits("/"); got != nil {
		t.Errorf("the root folder: %q", got)
	}
}
