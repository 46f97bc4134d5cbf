package appliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"casemate/appliance/setup"
	"casemate/hsm"
	"casemate/hsm/module"
	"casemate/raid"
	"casemate/store/proof"
)

// ErrSetup says that a set-up failed; what it had made was taken back.
var ErrSetup = errors.New("the box was not set up, and nothing of it is left")

// SetupError is a set-up that failed with a problem that has words.
type SetupError struct{ Problem setup.Problem }

func (e *SetupError) Error() string { return e.Problem.Code + ": " + e.Problem.Detail }

// ErrSetupLeft says that a set-up failed and left what could not be taken back; each was named.
var ErrSetupLeft = errors.New("the box was not set up, and not all that was made could be taken back")

// Unfinished tells whether an earlier set-up was broken off here.
func (s *Setup) Unfinished() bool {
	_, err := os.Lstat(s.Layout.Record())
	return err == nil
}

// Undo takes back what a set-up that was broken off has made; never under a safe that runs.
func (s *Setup) Undo() error {
	socket := filepath.Join(s.Layout.State, "control.sock")
	if c, err := net.Dial("unix", socket); err == nil { // documents may be in it by now
		return errors.Join(&SetupError{setup.Problem{Code: setup.BadSetUp, Detail: "a safe runs there: " + socket}}, c.Close())
	}
	s.say(SetupUndo)
	left, err := setup.Undo(s.Layout.Record())
	s.tellLeft(left)
	s.tidy()
	return err
}

// tidy removes the folder of the configuration, and the one above it, where they are a person's own and
// nothing is in them: they were there before the record could be.
func (s *Setup) tidy() {
	if s.Layout.Start {
		_ = os.Remove(s.Layout.Config) // fails where something is in it
		_ = os.Remove(filepath.Dir(s.Layout.Config))
	}
}

func (s *Setup) tellLeft(left []setup.Made) {
	for _, m := range left {
		what := m.Path
		if m.Act == setup.TokenTaken && m.Line != "" {
			what += ", CKA_ID " + m.Line + "…" // of the keys that this set-up made there, and of no others
		}
		s.say(SetupLeft, m.Act, what)
	}
}

func (s *Setup) say(step SetupStep, args ...any) {
	if s.Say != nil {
		s.Say(step, args...)
	}
}

// Run sets the box up: all of it or nothing. Each thing is noted on disk before it is made; a failure, an
// interruption or a crash at any moment leaves a record by which everything is taken back, now or when
// the set-up is begun again. What it cannot take back is a token in hardware that was initialised.
func (s *Setup) Run(ctx context.Context) (SetupDone, error) {
	if err := os.MkdirAll(s.Layout.Config, 0o750); err != nil {
		return SetupDone{}, err
	}
	record, err := setup.Begin(s.Layout.Record())
	if err != nil {
		return SetupDone{}, err
	}
	w := &setupWork{Setup: s, record: record}
	done, err := w.all(ctx)
	if err == nil {
		return done, record.Keep()
	}
	s.say(SetupUndo)
	left, undone := record.Back()
	s.tellLeft(left)
	s.tidy()
	if undone != nil {
		return SetupDone{}, errors.Join(err, undone)
	}
	if len(left) > 0 {
		return SetupDone{}, fmt.Errorf("%w: %w", ErrSetupLeft, err)
	}
	return SetupDone{}, fmt.Errorf("%w: %w", ErrSetup, err)
}

// setupWork is a set-up on its way.
type setupWork struct {
	*Setup
	record *setup.Record
	config Config
	pins   pins
	made   bool           // keys, in the token
	keys   module.SetupID // by which they are known in one that others initialised
}

// all is the one descent. Before each step its traces are in the record.
func (w *setupWork) all(ctx context.Context) (done SetupDone, err error) {
	if err := w.disks(ctx); err != nil {
		return done, err
	}
	w.say(SetupFiles, w.Layout.Config)
	if err := w.folders(); err != nil {
		return done, err
	}
	if err := w.files(ctx); err != nil {
		return done, err
	}
	defer w.pins.close()
	defer func() { err = w.leaveToken(ctx, err) }()
	if w.config, err = LoadConfig(w.Layout.ConfigFile()); err != nil {
		return done, err
	}
	w.say(SetupToken, w.label())
	if err := w.makeToken(ctx); err != nil {
		return done, err
	}
	if done, err = w.withToken(ctx); err != nil {
		return done, err
	}
	return done, w.units()
}

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

// hand writes what is handed out (trust files, certificates) and the table of callers.
func (w *setupWork) hand(ctx context.Context, token *hsm.Client, info hsm.Info) (SetupDone, error) {
	root := info.SealChain[len(info.SealChain)-1]
	done := SetupDone{Config: w.Layout.ConfigFile(), Origin: info.Origin, SealRoot: fingerprintOf(root), JournalVKey: info.JournalVKey,
		Handed: w.Layout.Handed, SOPIN: w.soPINFile(), Given: w.plainLeft()}
	t, err := w.config.trust(info)
	if err != nil {
		return done, err
	}
	trust := filepath.Join(w.Layout.Handed, "trust")
	clients := filepath.Join(w.Layout.Handed, "clients")
	if err := errors.Join(os.Mkdir(trust, 0o755), os.Mkdir(clients, 0o700)); err != nil { // #nosec G301 -- public
		return done, err
	}
	for name, text := range t.files {
		if err := writeFile(filepath.Join(trust, name), text, 0o644); err != nil {
			return done, err
		}
	}
	var access []byte
	for _, der := range info.AccessRoots {
		access = append(access, pemOf(der)...)
	}
	if err := errors.Join(w.file(w.config.HTTP.AccessRoots, access, 0o644), writeFile(filepath.Join(w.Layout.Handed, "access.pem"), access, 0o644)); err != nil {
		return done, err
	}
	var table callersFile
	for _, p := range w.Answers.Persons {
		w.say(SetupPerson, p.Name, strings.Join(p.Roles, ", "))
		caller, err := w.person(ctx, token, clients, p)
		if err != nil {
			return done, err
		}
		table.Callers = append(table.Callers, caller)
		if p.CSR == "" {
			done.Keys = append(done.Keys, filepath.Join(clients, p.Name+".key"))
		}
	}
	text, err := toml.Marshal(table)
	if err != nil {
		return done, err
	}
	head := "# Who may call, and what for. Written by casemated setup; SIGHUP makes serve read it again.\n"
	return done, w.file(w.config.CallersFile, append([]byte(head), text...), 0o640)
}

// person gets a certificate: of his own request, else with a key made here.
func (w *setupWork) person(ctx context.Context, token *hsm.Client, dir string, p setup.Person) (CallerConfig, error) {
	if p.CSR == "" {
		return makeClient(ctx, token, dir, p.Name, p.Roles)
	}
	request, err := readRequest(p.CSR)
	if err != nil {
		return CallerConfig{}, err
	}
	der, err := token.IssueCertificate(ctx, hsm.CertificateRequest{CSR: request, Validity: clientValidity})
	if err != nil {
		return CallerConfig{}, fmt.Errorf("certificate of %q: %w", p.Name, err)
	}
	if err := writeFile(filepath.Join(dir, p.Name+".crt"), pemOf(der), 0o644); err != nil {
		return CallerConfig{}, err
	}
	return callerOf(token, ctx, der, p.Name, p.Roles)
}
