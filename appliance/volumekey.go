package appliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"casemate/hsm"
)

// sealedKey is the file that holds the volumes' key, wrapped by the token. It stands in the state
// folder and beside each volume: losing the system's disk must not lose the documents.
type sealedKey struct {
	ID      [16]byte `json:"id"` // of the set of volumes
	Version uint32   `json:"version"`
	Record  []byte   `json:"record"`
}

const sealedKeyName = "volumes.key"

func (k sealedKey) context() hsm.KeyContext {
	return hsm.KeyContext{Kind: hsm.KindVolumes, ID: k.ID, Version: k.Version}
}

func (c Config) sealedKeyFiles() []string {
	files := []string{filepath.Join(c.State, sealedKeyName)}
	for _, dir := range c.Volumes.Dirs {
		files = append(files, filepath.Join(dir, sealedKeyName))
	}
	return files
}

// writeSealedKey writes every copy, each whole or not at all.
func (c Config) writeSealedKey(k sealedKey) error {
	b, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return err
	}
	for _, file := range c.sealedKeyFiles() {
		if err := writeFile(file, append(b, '\n'), 0o640); err != nil {
			return err
		}
	}
	return nil
}

// volumesKey reads the first copy that the token accepts.
func (c Config) volumesKey(ctx context.Context, token *hsm.Client) ([32]byte, error) {
	var failures error
	missing := 0
	for _, file := range c.sealedKeyFiles() {
		b, err := os.ReadFile(file) // #nosec G304 -- named by the configuration
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				missing++
			}
			failures = errors.Join(failures, err)
			continue
		}
		var k sealedKey
		if err := json.Unmarshal(b, &k); err != nil {
			failures = errors.Join(failures, fmt.Errorf("%s: %w", file, err))
			continue
		}
		key, err := token.UnwrapKey(ctx, k.context(), k.Record)
		if err == nil {
			return key, nil
		}
		failures = errors.Join(failures, fmt.Errorf("%s: %w", file, err))
	}
	if missing == len(c.sealedKeyFiles()) {
		failures = errors.Join(ErrNotInitialised, failures)
	}
	return [32]byte{}, fmt.Errorf("key of the volumes: %w", failures)
}

// ErrNotInitialised says that nothing was set up here yet.
var ErrNotInitialised = errors.New("the safe was not set up here")

// writeFile writes a file whole or not at all, durable when it returns.
func writeFile(name string, content []byte, mode os.FileMode) error {
	dir := filepath.Dir(name)
	f, err := os.CreateTemp(dir, "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already once renamed
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	return syncFolder(dir)
}

// syncFolder makes the names in a folder survive a crash.
func syncFolder(dir string) error {
	d, err := os.Open(dir) // #nosec G304 -- the folder just written to
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
