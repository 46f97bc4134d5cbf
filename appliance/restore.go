package appliance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"casemate/appliance/backup"
	"casemate/hsm"
	"casemate/raid"
	"casemate/store"
)

// ErrStillRunning refuses to restore under a safe that is open.
var ErrStillRunning = errors.New("the safe is running")

// maxRestoredNote bounds the note that a restoring leaves for the journal.
const maxRestoredNote = 64 << 10

// RestoreOptions are the choices of verifying, restoring or drilling a backup.
type RestoreOptions struct {
	Dir        string
	Number     uint64        // 0: the newest
	Open       backup.Opener // nil: what needs the recovery key is not looked at
	To         []string      // folders of the new volumes; none: those of the configuration
	ConfigFile string
	Source     []string // as in BackupOptions
	Documents  int      // that a drill reads and proves
	Scratch    string   // where a drill restores; none: the system's folder for temporary files
	Progress   func(bytes, of int64)
	Digest     string // SHA-256 of the manifest, as the backup printed it and the journal has it; none: not compared
	Unproved   bool   // files are taken out although nothing proves that this safe made them
}

// chain opens the chain of backups that is meant.
func (o RestoreOptions) chain() (*backup.Chain, error) {
	chain, err := backup.OpenChain(o.Dir, o.Number)
	if err == nil && o.Digest != "" && !strings.EqualFold(o.Digest, chain.Digest()) {
		return nil, fmt.Errorf("%w: the SHA-256 of its manifest is %s", backup.ErrForeign, chain.Digest())
	}
	return chain, err
}

// Verified is what a verification could say.
type Verified struct {
	Number    uint64    `json:"number"`
	Numbers   []uint64  `json:"numbers"` // that it consists of
	At        time.Time `json:"at"`
	Sequence  uint64    `json:"sequence"`
	Documents uint64    `json:"documents"`
	Bytes     int64     `json:"bytes"`
	Files     bool      `json:"files"`    // every file is as its manifest says
	Contents  bool      `json:"contents"` // all deciphers to its end, and is what the manifests count
	Origin    bool      `json:"origin"`   // this safe made it, and each value is one of its own
	Damaged   uint64    `json:"damaged"`  // values that no volume had whole when it was taken
	Faults    []string  `json:"faults,omitempty"`
	Unchecked []string  `json:"unchecked,omitempty"` // codes: recovery-key, token
}

// VerifyBackup looks at everything in a backup without writing: the files' digests and the chain of
// manifests without any key; with the recovery key, that all deciphers and is complete; where the token
// answers too, that this safe made it and each value. What could not be looked at is said.
func VerifyBackup(ctx context.Context, cfg *Config, log *slog.Logger, o RestoreOptions) (v Verified, err error) {
	chain, err := o.chain()
	if err != nil {
		return v, err
	}
	m := chain.Last()
	v = Verified{Number: m.Number, Numbers: chain.Numbers(), At: m.At, Sequence: m.Head.Sequence, Documents: m.Held.Documents, Bytes: chain.Bytes(), Damaged: m.Damaged}
	progress := func(n int64) {
		if o.Progress != nil {
			o.Progress(n, v.Bytes)
		}
	}
	if err := chain.CheckFiles(ctx, func(err error) { v.Faults = append(v.Faults, err.Error()) }, progress); err != nil {
		return v, err
	}
	v.Files = true
	if o.Open == nil {
		v.Unchecked = []string{"recovery-key", "token"}
		return v, nil
	}
	var key *[32]byte
	if cfg != nil {
		err := withToken(ctx, *cfg, o.ConfigFile, log, func(token *hsm.Client, _ hsm.Info) error {
			k, err := chainKey(ctx, chain, o.Open, token)
			key = &k
			return err
		})
		if errors.Is(err, hsm.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
			key = nil
		} else if err != nil {
			return v, err
		}
	}
	if err := verifyContents(ctx, chain, o.Open, key); err != nil {
		return v, err
	}
	v.Contents, v.Origin = true, key != nil
	if key == nil {
		v.Unchecked = []string{"token"}
	}
	return v, nil
}

// verifyContents reads all operations; with the mirror's key each value is authenticated.
func verifyContents(ctx context.Context, chain *backup.Chain, open backup.Opener, key *[32]byte) error {
	in, err := chain.Contents(open)
	if err != nil {
		return err
	}
	defer in.Close()
	for {
		op, err := in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case key == nil || op.Delete:
			continue
		}
		if _, err := raid.CheckValue(*key, in.Point.Declared.Set, op.Key, op.Value); err != nil {
			return fmt.Errorf("%w: a value is none of this safe: %w", backup.ErrBroken, err)
		}
	}
}

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

// RestoreBackup makes new volumes of a backup. Nothing is overwritten: the folders must be empty. Killed in
// the middle it leaves volumes that are never taken for the truth; the folders are emptied and it is begun again.
// The safe opens by itself only where nothing on record saw later batches; else two officers decide.
func RestoreBackup(ctx context.Context, cfg Config, log *slog.Logger, o RestoreOptions) (note store.Restored, err error) {
	if isRunning(cfg) {
		return note, ErrStillRunning
	}
	chain, err := o.chain()
	if err != nil {
		return note, err
	}
	m := chain.Last()
	if m.Origin != cfg.Origin {
		return note, fmt.Errorf("%w: it is of %q, the configuration says %q", backup.ErrForeign, m.Origin, cfg.Origin)
	}
	var key [32]byte
	if err := withToken(ctx, cfg, o.ConfigFile, log, func(token *hsm.Client, _ hsm.Info) error {
		key, err = chainKey(ctx, chain, o.Open, token)
		return err
	}); err != nil {
		return note, err
	}
	c := cfg.mirror(key, log)
	if len(o.To) > 0 {
		c.Dirs = o.To
	}
	if err := restoreTo(ctx, c, chain, o); err != nil {
		return note, err
	}
	note = store.Restored{Backup: m.ID, Number: m.Number, Sequence: m.Head.Sequence, Taken: m.At, Manifest: chain.Digest(),
		At: time.Now().UTC().Truncate(time.Second), By: whoami()} //nolint:forbidigo // the safe's own clock is closed with it
	return note, cfg.leaveRestored(chain, o, c.Dirs, note)
}

func restoreTo(ctx context.Context, c raid.Config, chain *backup.Chain, o RestoreOptions) error {
	in, err := chain.Contents(o.Open)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = raid.Restore(ctx, c, in.Point, in.Next)
	if err == nil && in.Skipped > 0 {
		c.Log.Warn("keys made again since this backup were left out: what they were made again for cannot be read", "keys", in.Skipped)
	}
	return err
}

// leaveRestored puts what the next opening needs beside the volumes: the wrapped key, and the note for the
// journal. As root it gives everything to the safe's own user.
func (c Config) leaveRestored(chain *backup.Chain, o RestoreOptions, dirs []string, note store.Restored) error {
	wrapped, err := chain.File(o.Open, "state/"+sealedKeyName)
	if err != nil {
		return err
	}
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
	text, err := json.MarshalIndent(note, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(c.restoredNote(), append(text, '\n'), 0o600); err != nil {
		return err
	}
	return giveToOwner(c.State, append([]string{c.restoredNote(), filepath.Join(c.State, sealedKeyName), filepath.Join(c.State, "mirror")}, dirs...))
}

func (c Config) restoredNote() string { return filepath.Join(c.State, "restored.json") }

// giveToOwner gives files and folders to the owner of the state folder, where root made them.
func giveToOwner(state string, paths []string) error {
	info, err := os.Stat(state)
	if err != nil || os.Geteuid() != 0 {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	for _, path := range paths {
		if err := giveTree(path, int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
	}
	return nil
}

// giveTree gives a file, or a folder with all in it, to a user. Within the folder no link leads out of it.
func giveTree(path string, uid, gid int) error {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() {
		return errors.Join(err, os.Lchown(path, uid, gid))
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // only looked into
	if opened, err := root.Stat("."); err != nil || !os.SameFile(info, opened) {
		return errors.Join(fmt.Errorf("%s was exchanged for another folder", path), err)
	}
	return fs.WalkDir(root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return root.Lchown(name, uid, gid)
	})
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
	f, err := os.Open(a.config.restoredNote())
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
	var note store.Restored
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&note); err != nil {
		return fmt.Errorf("%s: %w", a.config.restoredNote(), err)
	}
	if err := a.safe.NoteRestored(ctx, note); err != nil {
		return err
	}
	a.log.Warn("this safe was restored from a backup", "backup", note.Backup, "number", note.Number, "taken", note.Taken, "by", note.By)
	return os.Remove(a.config.restoredNote())
}
