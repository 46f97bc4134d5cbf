package module

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"time"
)

// SignatureRate opens the token as Serve does, has it sign for some time with the TLS key (a P-256
// key like the seal's, whose signatures over noise are worth nothing to anybody) and closes it. It
// is the raw limit that benchmarks stand beside, in signatures a second.
func SignatureRate(ctx context.Context, cfg Config, during time.Duration) (rate float64, err error) {
	cfg.defaults()
	e, err := openEngine(ctx, cfg, newGuard(cfg.Timeout, cfg.Sessions, cfg.Log))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	begin, n := cfg.Now(), 0
	for cfg.Now().Sub(begin) < during {
		digest := sha256.Sum256([]byte{byte(n)})
		if _, err := e.tls.key.Sign(nil, digest[:], crypto.SHA256); err != nil {
			return 0, err
		}
		n++
	}
	return float64(n) / cfg.Now().Sub(begin).Seconds(), nil
}
