package raid_test

import (
	"testing"

	"casemate/raid/raidtest"
)

func TestMain(m *testing.M) { raidtest.Main(m) }
