package appliance

import (
	"context"
	"crypto/x509"
	"time"

	"casemate/hsm"
)

const (
	probeEvery    = 5 * time.Second
	probeAgain    = time.Second // where it did not answer
	probePatience = 5 * time.Second
)

// tokenProbe is what the last look at the token found.
type tokenProbe struct {
	err  error
	took time.Duration
	ends map[string]time.Time // of certificates in use, by what they are for
}

// probeToken looks at the token now and then, until ctx ends: a call that the token itself must answer,
// and the certificates that stand. Who asks how the safe is gets the last answer and never waits.
func (a *Appliance) probeToken(ctx context.Context) {
	for {
		p := a.lookAtToken(ctx, a.probe.Load())
		a.probe.Store(p)
		pause := probeEvery
		if p.err != nil {
			pause = probeAgain
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

func (a *Appliance) lookAtToken(ctx context.Context, last *tokenProbe) *tokenProbe {
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	began := time.Now() //nolint:forbidigo // measures how long the token took, nothing attested
	p := &tokenProbe{err: a.token.Ping(ctx)}
	p.took = time.Since(began)
	if last != nil {
		p.ends = last.ends
	}
	if p.err != nil {
		return p
	}
	if info, err := a.token.Info(ctx); err == nil {
		p.ends = certificateEnds(info)
	}
	return p
}

// tokenSeen tells what the last look found; before the first one Open has just spoken with the token.
func (a *Appliance) tokenSeen() (up bool, why string) {
	p := a.probe.Load()
	if p == nil || p.err == nil {
		return true, ""
	}
	return false, "the token does not answer: " + p.err.Error()
}

// certificateEnds are the ends of what the token process presents and signs with. Of a chain the earliest
// end counts: a leaf is worth nothing without what stands above it.
func certificateEnds(info hsm.Info) map[string]time.Time {
	ends := map[string]time.Time{}
	for use, chain := range map[string][][]byte{"seal": info.SealChain, "tls": info.TLSChain, "access": info.AccessRoots} {
		for _, der := range chain {
			c, err := x509.ParseCertificate(der)
			if err != nil {
				continue // the token process made it; one that cannot be read is its own alarm at opening
			}
			if end, there := ends[use]; !there || c.NotAfter.Before(end) {
				ends[use] = c.NotAfter
			}
		}
	}
	return ends
}
