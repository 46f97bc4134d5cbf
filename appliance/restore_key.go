package appliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"casemate/appliance/backup"
	"casemate/hsm"
)

// withToken does something with the token process: the one that answers, or one started for as long.
func withToken(ctx context.Context, cfg Config, configFile string, log *slog.Logger, do func(*hsm.Client, hsm.Info) error) error {
	token := hsm.NewClient(cfg.HSM.Socket)
	defer token.Close()
	token.Timeout = max(token.Timeout, cfg.HSM.Timeout+5*time.Second)
	info, err := token.Info(ctx)
	if errors.Is(err, hsm.ErrUnavailable) && cfg.HSM.Start {
		file, err := filepath.Abs(configFile)
		if err != nil {
			return err
		}
		run, stop := context.WithCancel(context.WithoutCancel(ctx))
		child := startTokenProcess(run, file, log)
		defer func() { stop(); child.wait() }()
		if info, err = waitForToken(ctx, token); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	return do(token, info)
}

// chainKey is the mirror's key as the backup has it wrapped, unwrapped by the token; and this safe must have
// made every backup of the chain.
func chainKey(ctx context.Context, chain *backup.Chain, open backup.Opener, token *hsm.Client) (key [32]byte, err error) {
	text, err := chain.File(open, "state/"+sealedKeyName)
	if err != nil {
		return key, err
	}
	var k sealedKey
	if err := json.Unmarshal(text, &k); err != nil {
		return key, fmt.Errorf("%w: %s: %w", backup.ErrBroken, sealedKeyName, err)
	}
	if key, err = token.UnwrapKey(ctx, k.context(), k.Record); err != nil {
		return key, fmt.Errorf("the key of the volumes in the backup: %w", err)
	}
	return key, chain.Verify(backup.MACKey(key))
}
