package module

import (
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"casemate/hsm"
)

// Limits are requests a second, with as many at once; for Seals documents, for
// Random bytes. They bound what somebody who took over the safe can have
// signed, unwrapped or issued before it is noticed. At least one call of the
// largest size always fits.
type Limits struct {
	Seals, Checkpoints, Keys, Certificates, TLS, Random, Witness float64
}

// DefaultLimits are far above what a safe under full load asks for.
var DefaultLimits = Limits{Seals: 20_000, Checkpoints: 200, Keys: 500, Certificates: 20, TLS: 2_000, Random: 1 << 20, Witness: 20}

type limiters struct {
	now                                                          func() time.Time
	seals, checkpoints, keys, certificates, tls, random, witness *rate.Limiter
}

func newLimiters(l Limits, now func() time.Time) limiters {
	limiter := func(perSecond float64, largest int) *rate.Limiter {
		return rate.NewLimiter(rate.Limit(perSecond), max(int(perSecond), largest))
	}
	return limiters{
		now:          now,
		seals:        limiter(l.Seals, hsm.MaxSeals),
		checkpoints:  limiter(l.Checkpoints, 1),
		keys:         limiter(l.Keys, 1),
		certificates: limiter(l.Certificates, 1),
		tls:          limiter(l.TLS, 1),
		random:       limiter(l.Random, hsm.MaxRandom),
		witness:      limiter(l.Witness, 1),
	}
}

func (ls limiters) allow(l *rate.Limiter, n int, what string) error {
	if !l.AllowN(ls.now(), n) {
		return fmt.Errorf("more %s than %v a second: %w", what, l.Limit(), hsm.ErrBusy)
	}
	return nil
}
