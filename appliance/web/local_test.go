package web

import (
	"errors"
	"os"
	"testing"

	"casemate/store/identity"
)

// TestPeer: root and our own user are administrators and nothing more; any other user is a stranger.
func TestPeer(t *testing.T) {
	for _, uid := range []uint32{0, uint32(os.Getuid())} {
		who, err := peer{uid: uid}.caller()
		if err != nil || !who.Can(identity.RightAdminister) || who.Can(identity.RightRead|identity.RightAudit|identity.RightDeposit|identity.RightDecide) {
			t.Errorf("user %d: %+v, %v", uid, who, err)
		}
	}
	for _, p := range []peer{{uid: uint32(os.Getuid()) + 4711}, {err: errors.New("no word of the kernel")}} {
		who, err := p.caller()
		if !errors.Is(err, identity.ErrUnknownCaller) || len(who.Roles) > 0 || who.From == "" {
			t.Errorf("%+v: %+v, %v", p, who, err)
		}
	}
}
