package appliance

import (
	"testing"

	"casemate/systemd"
)

// TestBoundVerdict: a PIN beside its key on one disk is told of where a TPM could have kept them apart.
func TestBoundVerdict(t *testing.T) {
	for _, c := range []struct {
		to      string
		tpm     bool
		verdict Verdict
		code    string
	}{
		{systemd.BoundToHost, false, Good, "pin-host"},
		{systemd.BoundToHost, true, Warn, "pin-host-only"},
		{systemd.BoundToBoth, true, Good, "pin-host+tpm2"},
		{systemd.BoundToTPM, true, Good, "pin-tpm2"},
		{systemd.BoundToBoth, false, Good, "pin-host+tpm2"},
		{systemd.BoundToUnknown, true, Good, "pin-unknown"},
	} {
		if verdict, code := boundVerdict(c.to, c.tpm); verdict != c.verdict || code != c.code {
			t.Errorf("%s, %v: %s, %s", c.to, c.tpm, verdict, code)
		}
	}
}
