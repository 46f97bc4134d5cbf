package systemd

import (
	"path/filepath"
	"slices"

	"github.com/coreos/go-systemd/v22/unit"
)

// MountUnits are the units (systemd.mount(5)) of whatever may have to be mounted before an absolute folder is what
// it should be: its own and those of the folders above, from the top. A unit may be ordered after them all: those
// that do not exist keep nobody waiting.
func MountUnits(dir string) []string {
	var units []string
	for dir = filepath.Clean(dir); dir != "/" && dir != "."; dir = filepath.Dir(dir) {
		units = append(units, unit.UnitNamePathEscape(dir)+".mount")
	}
	slices.Reverse(units)
	return units
}
