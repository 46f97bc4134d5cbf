package appliance

import (
	"os"
	"regexp"
	"testing"
	"time"

	"casemate/appliance/web"
	"casemate/raid"
)

// What the service is given to stop is more than its parts may take one after the other: callers who are cut off at
// last, then the mirror with a volume that a dead disk holds. Else it would be killed before its volumes are closed.
func TestStopFitsTheUnit(t *testing.T) {
	b, err := os.ReadFile("../systemd/casemate.service")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^TimeoutStopSec=(\w+)$`).FindSubmatch(b)
	if line == nil {
		t.Fatal("the unit has no TimeoutStopSec")
	}
	given, err := time.ParseDuration(string(line[1]))
	if err != nil {
		t.Fatal(err)
	}
	if most := web.DefaultLimits().Stop + raid.CloseWithin; given < most+5*time.Second { // what else there is to end
		t.Errorf("the unit gives %v, a stop may take %v", given, most)
	}
}
