package appliance

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"

	"casemate/appliance/setup"
	"casemate/hsm"
	"casemate/raid"
	"casemate/store/proof"
)

// withToken does what takes the token at work: the volumes under a key born in it, the certificates.
func (w *setupWork) withToken(ctx context.Context) (SetupDone, error) {
	serving, stop := context.WithCancel(ctx)
	ended, err := w.serveToken(serving)
	if err != nil {
		stop()
		return SetupDone{}, err
	}
	defer func() { stop(); <-ended }()
	token := hsm.NewClient(w.Layout.Socket)
	defer token.Close()
	info, err := waitForToken(ctx, token)
	if err != nil {
		return SetupDone{}, err
	}
	w.say(SetupVolumes, strings.Join(w.config.Volumes.Dirs, ", "))
	if err := w.volumes(ctx, token); err != nil {
		return SetupDone{}, err
	}
	return w.hand(ctx, token, info)
}

// serveToken runs the token process until ctx ends; the channel is closed when it has ended.
func (w *setupWork) serveToken(ctx context.Context) (<-chan struct{}, error) {
	cmd, err := w.tokenChild(ctx, w.pins, w.record.Lock())
	if err != nil {
		return nil, err
	}
	line, err := json.Marshal(tokenJob{Act: tokenServed, Config: w.Layout.ConfigFile()})
	if err != nil {
		return nil, err
	}
	in, err := cmd.StdinPipe() // stays open: its end ends the child
	if err != nil {
		return nil, err
	}
	started, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // the child is killed when the thread that started it ends
		err := cmd.Start()
		started <- err
		if err == nil {
			_, _ = in.Write(append(line, '\n')) // else it does not answer, which is noticed
			if err := cmd.Wait(); err != nil && ctx.Err() == nil {
				w.Log.Warn("the token process ended", "error", err)
			}
		}
	}()
	return ended, <-started
}

// volumes formats them and gives them to the safe's user, with what the mirror keeps beside them.
func (w *setupWork) volumes(ctx context.Context, token *hsm.Client) error {
	k := sealedKey{ID: proof.NewVaultID(), Version: 1}
	key, wrapped, err := token.NewKey(ctx, k.context())
	if err != nil {
		return fmt.Errorf("key of the volumes: %w", err)
	}
	k.Record = wrapped
	if err := raid.Create(ctx, w.config.mirror(key, w.Log)); err != nil {
		return err
	}
	if err := w.config.writeSealedKey(k); err != nil {
		return err
	}
	for _, dir := range append([]string{w.Layout.State}, w.config.Volumes.Dirs...) {
		if err := ownTree(dir, w.Layout.Safe); err != nil {
			return err
		}
	}
	return nil
}

// ownTree gives a folder and all that is in it to a user.
func ownTree(dir string, owner setup.Account) error {
	if !owner.Set {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() == "lost+found" {
			return err
		}
		return owner.Own(path)
	})
}
