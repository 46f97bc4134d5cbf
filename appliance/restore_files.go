package appliance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"casemate/hsm"
)

// ErrUnproved refuses files of which nothing says that this safe made them.
var ErrUnproved = errors.New("nothing proves that this safe made the backup")

// UnboxBackup writes the configuration and the public material of a backup into a folder. Whoever can write to a
// medium could put a backup of his own there, for recovery certificates are public, and a configuration names
// libraries and administrators: so the manifest's digest must be known, or the token say that this safe made it.
func UnboxBackup(ctx context.Context, cfg *Config, log *slog.Logger, o RestoreOptions, to string) ([]string, error) {
	chain, err := o.chain()
	if err != nil {
		return nil, err
	}
	if o.Digest == "" && !o.Unproved {
		if cfg == nil {
			return nil, fmt.Errorf("%w: the SHA-256 of its manifest is %s", ErrUnproved, chain.Digest())
		}
		err := withToken(ctx, *cfg, o.ConfigFile, log, func(token *hsm.Client, _ hsm.Info) error {
			_, err := chainKey(ctx, chain, o.Open, token)
			return err
		})
		if errors.Is(err, hsm.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("%w: the token does not answer, and the SHA-256 of its manifest is %s", ErrUnproved, chain.Digest())
		}
		if err != nil {
			return nil, err
		}
	}
	return chain.Unbox(o.Open, to)
}
