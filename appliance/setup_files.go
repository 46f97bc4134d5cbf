package appliance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"casemate/appliance/setup"
)

// disks makes file systems on those that were given, and mounts them.
func (w *setupWork) disks(ctx context.Context) error {
	for i, v := range w.Answers.Volumes {
		if v.Device == "" {
			continue
		}
		w.say(SetupDisk, v.Device, v.Dir)
		d, err := setup.LookAt(ctx, v.Device)
		if err != nil {
			return err
		}
		if d.Used != "" || (len(d.Holds) > 0 && v.Erase != d.Name) { // since it was checked
			return &SetupError{setup.Problem{Key: fmt.Sprintf("volume[%d].device", i+1), Code: setup.BadUsed, Detail: d.Path + " " + d.Used}}
		}
		if err := w.dir(v.Dir, 0o755, setup.Account{}); err != nil {
			return err
		}
		if err := w.record.Note(setup.Made{Act: setup.Mounted, Path: v.Dir}); err != nil {
			return err
		}
		line, err := d.Format(ctx, fmt.Sprintf("casemate-%d", i+1), v.Dir)
		if err != nil {
			return err
		}
		if err := w.record.Note(setup.Made{Act: setup.Fstab, Path: w.Layout.Fstab, Line: line}); err != nil {
			return err
		}
		if err := setup.AddLine(w.Layout.Fstab, line); err != nil {
			return err
		}
	}
	return nil
}

// dir makes a folder, or notes one that is there and empty as about to be filled.
func (w *setupWork) dir(path string, mode fs.FileMode, owner setup.Account) error {
	if _, err := os.Stat(path); err == nil {
		if err := w.record.Note(setup.Made{Act: setup.Filled, Path: path}); err != nil {
			return err
		}
	} else {
		// The first folder above that is missing goes with it.
		top := path
		for filepath.Dir(top) != existing(path) {
			top = filepath.Dir(top)
		}
		if err := w.record.Note(setup.Made{Act: setup.MadeDir, Path: top}); err != nil {
			return err
		}
		if err := os.MkdirAll(path, 0o755); err != nil { // #nosec G301 -- its own mode follows
			return err
		}
	}
	return errors.Join(os.Chmod(path, mode), owner.Own(path))
}

func (w *setupWork) folders() error {
	for _, d := range []struct {
		path  string
		mode  fs.FileMode
		owner setup.Account
	}{
		{w.Layout.State, 0o700, w.Layout.Safe}, {w.Layout.HSMState, 0o700, w.Layout.Token}, {w.Layout.Handed, 0o700, setup.Account{}},
	} {
		if err := w.dir(d.path, d.mode, d.owner); err != nil {
			return err
		}
	}
	if w.inSoftware() {
		if err := errors.Join(os.Mkdir(w.tokens(), 0o700), w.Layout.Token.Own(w.tokens())); err != nil {
			return err
		}
	}
	for _, v := range w.Answers.Volumes {
		if err := w.dir(v.Dir, 0o700, w.Layout.Safe); err != nil {
			return err
		}
	}
	if socket := filepath.Dir(w.Layout.Socket); !isDir(socket) {
		return w.dir(socket, 0o710, w.Layout.Token)
	}
	return nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// file writes one that was not there. Those of the configuration are root's, and the safe's group reads.
func (w *setupWork) file(path string, text []byte, mode fs.FileMode) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("%s: %w", path, fs.ErrExist), err)
	}
	if err := w.record.Note(setup.Made{Act: setup.MadeFile, Path: path}); err != nil {
		return err
	}
	if err := newFile(path, text, mode); err != nil {
		return err
	}
	if a := w.Layout.Safe; a.Set && mode&0o040 != 0 {
		return os.Lchown(path, 0, a.GID)
	}
	return nil
}

// newFile writes one under its own name from the first byte: a crash leaves part of a file that is in the
// record, and never a PIN in a file of another name, which nobody would take back.
func newFile(path string, text []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode) // #nosec G304 -- of the layout
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return syncFolder(filepath.Dir(path))
}

// files writes the configuration and what it names.
func (w *setupWork) files(ctx context.Context) error {
	for i, a := range w.Answers.Authorities {
		roots, err := os.ReadFile(a.Roots) // #nosec G304 -- named by the answers
		if err != nil {
			return err
		}
		if err := w.file(filepath.Join(w.Layout.Config, w.roots(i)), roots, 0o644); err != nil {
			return err
		}
	}
	if w.Answers.Recovery != "" {
		text, err := os.ReadFile(w.Answers.Recovery) // #nosec G304 -- named by the answers
		if err != nil {
			return err
		}
		if err := w.file(filepath.Join(w.Layout.Config, "recovery.pem"), text, 0o644); err != nil {
			return err
		}
	}
	if w.inSoftware() {
		if err := w.file(w.softHSMFile(), softHSMConf(w.tokens()), 0o644); err != nil {
			return err
		}
	}
	if err := w.secrets(ctx); err != nil {
		return err
	}
	_, text, err := w.Setup.config()
	if err != nil {
		return err
	}
	return w.file(w.Layout.ConfigFile(), text, 0o640)
}
