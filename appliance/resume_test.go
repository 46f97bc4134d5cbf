package appliance

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"casemate/appliance/decision"
	"casemate/hsm"
)

// Of the decisions handed in, the newest about the checkpoint asked for counts; nobody's signature is
// believed by the token process.
func TestDecisionAbout(t *testing.T) {
	c := Config{State: t.TempDir(), Origin: "casemate.example/safe"}
	wanted, other := [32]byte{1}, [32]byte{2}
	kept := map[string]string{}
	for i, k := range []struct {
		name string
		size uint64
		root [32]byte
	}{{"older", 9, wanted}, {"newer", 9, wanted}, {"another size", 8, wanted}, {"another root", 9, other}} {
		s := decision.New(decision.Statement{Safe: c.Origin, Choice: k.name, Signed: k.size, SignedRoot: hex.EncodeToString(k.root[:])},
			time.Date(2026, 11, 22, i, 0, 0, 0, time.UTC))
		dir := c.decisionDir(s.Number)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		kept[k.name] = string(s.Text())
		for name, content := range map[string][]byte{statementName: s.Text(), "signature-1.p7s": []byte("one"), "signature-2.p7s": []byte("two")} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(c.decisionDir(), statementName), []byte("one that waits"), 0o600); err != nil {
		t.Fatal(err)
	}
	d, found, err := c.decisionAbout(9, wanted)
	if err != nil || !found || string(d.Statement) != kept["newer"] || fmt.Sprintf("%s", d.Signatures) != "[one two]" {
		t.Errorf("found %t %q %s: %v", found, d.Statement, d.Signatures, err)
	}
	if _, found, err := c.decisionAbout(7, wanted); found || err != nil {
		t.Errorf("about nothing: %t, %v", found, err)
	}
	for name, d := range map[string]hsm.Decision{
		"no statement": {Statement: []byte("x"), Signatures: [][]byte{{1}, {2}}},
		"unsigned":     {Statement: []byte(kept["newer"]), Signatures: [][]byte{{1}, {2}}},
	} {
		if size, _, err := c.decided(d, time.Time{}); err == nil {
			t.Errorf("%s: believed, about %d", name, size)
		} else if name == "no statement" && !errors.Is(err, decision.ErrStatement) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
