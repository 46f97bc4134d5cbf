package appliance

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"casemate/appliance/setup"
	"casemate/store/timestamp"
	"casemate/systemd"
)

// checkPersons wants somebody who may administer, and requests that hold.
func (s *Setup) checkPersons(p *problems) {
	seen := map[string]bool{}
	administrators := 0
	for i, one := range s.Answers.Persons {
		key := fmt.Sprintf("person[%d]", i+1)
		if !plain(one.Name, 64) || strings.ContainsAny(one.Name, `/\`) || strings.HasPrefix(one.Name, ".") || seen[one.Name] {
			p.add(key+".name", setup.BadPerson, "%q", one.Name)
		}
		seen[one.Name] = true
		if len(one.Roles) == 0 {
			p.add(key+".roles", setup.BadPerson, "%s has no role", one.Name)
		}
		for _, role := range one.Roles {
			if !slices.Contains(roleNames(), role) {
				p.add(key+".roles", setup.BadPerson, "%q is none of %s", role, strings.Join(roleNames(), ", "))
			}
			if role == "administrator" {
				administrators++
			}
		}
		if one.CSR != "" {
			if _, err := readRequest(one.CSR); err != nil {
				p.add(key+".csr", setup.BadPerson, "%v", err)
			}
		}
	}
	if administrators == 0 {
		p.add("person", setup.BadPersons, "")
	}
}

// readRequest reads a PKCS #10 request, PEM or DER, and checks its signature.
func readRequest(file string) ([]byte, error) {
	b, err := os.ReadFile(file) // #nosec G304 -- named by the answers
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(b); block != nil {
		b = block.Bytes
	}
	r, err := x509.ParseCertificateRequest(b)
	if err == nil {
		err = r.CheckSignature()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return b, nil
}

// checkAuthorities reads their roots and, where there is a network, has each date an empty digest: nothing
// of a document leaves, and only an answer that holds counts.
func (s *Setup) checkAuthorities(ctx context.Context, p *problems, ask bool) {
	for i, a := range s.Answers.Authorities {
		key := fmt.Sprintf("authority[%d]", i+1)
		if a.Roots == "" {
			continue // said already
		}
		c := Config{Timestamp: TimestampConfig{Authorities: []AuthorityConfig{{a.Name, a.URL, a.Roots, a.Policies, defaultAuthority.Timeout}}}}
		list, err := c.authorities()
		if err != nil {
			p.add(key+".roots", setup.BadRoots, "%v", err)
			continue
		}
		if !ask {
			continue
		}
		list[0].Client = &http.Client{Timeout: list[0].Timeout}
		if _, err := list[0].Stamp(ctx, [32]byte{}); err != nil {
			p.add(key, setup.BadAuthority, "%s: %v", a.Name, err)
		}
	}
}

// checkServers asks the time servers, as the safe will.
func (s *Setup) checkServers(ctx context.Context, p *problems) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	dir, err := os.MkdirTemp("", "casemate-setup-")
	if err != nil {
		p.add("", setup.BadReadOnly, "%v", err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }() // only a mark nobody needs
	k := DefaultConfig().Clock
	guard, err := timestamp.NewGuard(timestamp.GuardConfig{
		Servers: s.Answers.Clock.Servers, MinServers: s.minServers(), MaxDistance: k.MaxDistance, MaxOffset: k.MaxOffset,
		Interval: k.Interval, Policy: timestamp.PolicyFlag, MarkFile: filepath.Join(dir, "mark"), Kernel: kernelClock, Boottime: systemd.Boottime,
	})
	if err == nil {
		err = guard.Sample(ctx)
	}
	if err != nil {
		p.add("clock.servers", setup.BadServers, "%v", err)
		return
	}
	if reading, err := guard.Read(); s.policy() == string(timestamp.PolicyRefuse) && (err != nil || !reading.Clock.Trusted) {
		p.add("clock.policy", setup.BadClock, "%s", reading.Clock.Reason)
	}
}
