package appliance

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"

	"casemate/appliance/backup"
	"casemate/store"
	"casemate/store/seal"
)

// maxRestoredNote bounds the note that a restoring leaves for the journal.
const maxRestoredNote = 64 << 10

// restoredNote is that note, in the folder of the volume that everything was restored to. A disk is not believed: the
// MAC is under a key derived from the mirror's.
type restoredNote struct {
	Restored store.Restored `json:"restored"`
	MAC      string         `json:"mac"` // HMAC-SHA256 over the JSON of restored, hexadecimal
}

const restoredName = "restored.json"

func noteMAC(note store.Restored, mirror [32]byte) (string, error) {
	key := seal.DeriveKey(mirror, "casemate restored note v1")
	text, err := json.Marshal(note)
	h := hmac.New(sha256.New, key[:])
	_, _ = h.Write(text)
	return hex.EncodeToString(h.Sum(nil)), err
}

// leaving gives what puts beside the volumes what the next opening needs: the wrapped key, and the note for the
// journal. It is done before a volume counts: killed at any moment, none opens without a word in the journal.
func (c Config) leaving(chain *backup.Chain, o RestoreOptions, dirs []string, note store.Restored, mirror [32]byte) (func() error, error) {
	wrapped, err := chain.File(o.Open, "state/"+sealedKeyName)
	if err != nil {
		return nil, err
	}
	mac, err := noteMAC(note, mirror)
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(restoredNote{note, mac}, "", "  ")
	if err != nil {
		return nil, err
	}
	return func() error {
		if err := os.MkdirAll(filepath.Join(c.State, "mirror"), 0o700); err != nil {
			return err
		}
		for _, dir := range append([]string{c.State}, dirs...) {
			name := filepath.Join(dir, sealedKeyName)
			if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err := writeFile(name, wrapped, 0o640); err != nil {
				return err
			}
		}
		return writeFile(filepath.Join(dirs[0], restoredName), append(text, '\n'), 0o600)
	}, nil
}

// giveRestored gives what root restored to the safe's own user. Killed before, the volumes are whole, and root's.
func (c Config) giveRestored(dirs []string) error {
	return giveToOwner(c.State, append([]string{filepath.Join(c.State, sealedKeyName), filepath.Join(c.State, "mirror")}, dirs...))
}

// whoami is the machine's user, as the journal names him.
func whoami() string {
	name := fmt.Sprintf("local user %d", os.Getuid())
	if u, err := user.Current(); err == nil && u.Username != "" {
		name += " (" + u.Username + ")"
	}
	return name
}

// noteRestored journals, at opening, that the safe was restored. The note goes only then: killed in
// between, the journal is not told twice.
func (a *Appliance) noteRestored(ctx context.Context) error {
	for _, v := range a.mirror.Status().Volumes {
		if v.Dir == "" {
			continue
		}
		if err := a.findNote(ctx, filepath.Join(v.Dir, restoredName), parseNote); err != nil {
			return err
		}
	}
	// One of the version that left it here, in the safe's own folder, and was followed by this one before the safe was opened.
	return a.findNote(ctx, filepath.Join(a.config.State, restoredName), parseEarlierNote)
}

// findNote looks whether a note lies there, and has it journaled.
func (a *Appliance) findNote(ctx context.Context, name string, parse func([]byte, [32]byte) (store.Restored, error)) error {
	f, err := os.Open(name) // #nosec G304 -- in a volume's folder, or in the safe's own
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxRestoredNote))
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return a.takeNote(ctx, name, text, parse)
}

// takeNote journals one note; one that this safe did not write is left where it is, and said.
func (a *Appliance) takeNote(ctx context.Context, name string, text []byte, parse func([]byte, [32]byte) (store.Restored, error)) error {
	mirror, err := a.config.volumesKey(ctx, a.token)
	if err != nil {
		return err
	}
	note, err := parse(text, mirror)
	if err != nil {
		a.log.Error("a note that this safe was restored is not believed", "file", name, "error", err)
		return nil
	}
	if err := a.safe.NoteRestored(ctx, note); err != nil {
		return err
	}
	a.log.Warn("this safe was restored from a backup", "backup", note.Backup, "number", note.Number, "taken", note.Taken, "by", note.By)
	return os.Remove(name)
}

// parseNote reads a note that this safe wrote: nothing else, and nothing behind it.
func parseNote(text []byte, mirror [32]byte) (store.Restored, error) {
	var n restoredNote
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&n); err != nil {
		return n.Restored, err
	}
	mac, err := noteMAC(n.Restored, mirror)
	if err == nil && (!hmac.Equal([]byte(mac), []byte(n.MAC)) || len(bytes.TrimSpace(text[d.InputOffset():])) > 0) {
		err = errors.New("it is none of this safe's")
	}
	return n.Restored, err
}

// parseEarlierNote reads a note without a MAC, as an earlier version left it: one that names a backup, and nothing else.
func parseEarlierNote(text []byte, _ [32]byte) (n store.Restored, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&n); err != nil {
		return n, err
	}
	if n.Backup == "" || n.Number == 0 || n.Manifest == "" || n.By == "" || len(bytes.TrimSpace(text[d.InputOffset():])) > 0 {
		err = errors.New("it is none of an earlier version's")
	}
	return n, err
}
