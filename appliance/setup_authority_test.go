package appliance_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"casemate/appliance/client"
	"casemate/appliance/setup"
	"casemate/appliance/wire"
)

// TestAuthorityAddedLater: with an authority that does not answer documents are taken and stay provisional;
// another one, added to the configuration as the set-up says, dates what waited.
func TestAuthorityAddedLater(t *testing.T) {
	s := newSite(t)
	good := s.answers.Authorities[0]
	s.answers.Authorities = []setup.Authority{{Name: "away", URL: "http://127.0.0.1:9/", Roots: good.Roots, Policies: good.Policies}}
	if out, err := s.setup().CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s.served()
	s.vault()
	c := s.client("depositor")
	doc, err := c.Deposit(t.Context(), client.Deposit{Vault: "archives", Files: []client.File{file("deed", []byte("sealed before any authority answered"))}})
	s.must(err)
	if got, err := c.Stat(t.Context(), doc.ID); err != nil || got.State != wire.Provisional {
		t.Errorf("%+v, %v", got, err)
	}
	s.stop()

	text, err := os.ReadFile(s.in("box/etc/casemate.toml"))
	s.must(err)
	text = bytes.Replace(text, []byte(`interval = "10m"`), []byte(`interval = "1s"`), 1) // nobody waits
	text = fmt.Appendf(text, "\n[[timestamp.authority]]\nname = %q\nurl = %q\nroots = %q\npolicies = [%q]\n", good.Name, good.URL, good.Roots, good.Policies[0])
	s.must(os.WriteFile(s.in("box/etc/casemate.toml"), text, 0o640))
	s.served()
	s.waitProved(s.client("depositor"), doc)
	s.stop()
}
