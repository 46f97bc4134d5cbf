package setup

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrUnfinished says that a set-up was broken off: it is to be undone before another one begins.
var ErrUnfinished = errors.New("an earlier set-up was broken off")

// ErrRunning says that another process is setting up this very box.
var ErrRunning = errors.New("another set-up is running")

// What a set-up makes, as it is noted before it is made.
const (
	MadeFile   = "file"  // which was not there
	MadeDir    = "dir"   // which was not there, with all that is in it
	Filled     = "fill"  // a folder that was there and empty, but for lost+found
	Mounted    = "mount" // a disk, on a folder
	Fstab      = "fstab" // a line, at the end of a file that was there
	Whole      = "whole" // the last line: nothing is missing any more, and nothing is undone
	TokenTaken = "token" // a token that is none of our files: nobody can make it blank again from here
	TokenBack  = "back"  // what was made in that token was removed by who made it
)

// Made is one thing.
type Made struct {
	Act  string `json:"act"`
	Path string `json:"path"`
	Line string `json:"line,omitempty"`
	Was  *Was   `json:"was,omitempty"` // a folder, before it was filled
}

// Was is a folder as it was: which one it is, and whose.
type Was struct {
	Dev   uint64 `json:"dev"`
	Inode uint64 `json:"inode"`
	Mode  uint32 `json:"mode"`
	UID   int    `json:"uid"`
	GID   int    `json:"gid"`
}

// Record is the list of what a set-up has made. Each line is on the disk before what it tells of is
// begun; a crash at any moment leaves a list by which [Undo] brings everything back. The last act of a
// set-up removes it.
type Record struct {
	file string
	f    *os.File
}

// Begin makes a record where there is none.
func Begin(file string) (*Record, error) {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600) // #nosec G304 -- of the layout
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s: %w", file, ErrUnfinished)
	}
	if err != nil {
		return nil, err
	}
	r := &Record{file, f}
	if err := lock(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := syncDir(filepath.Dir(file)); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(file))
	}
	return r, nil
}

// Note writes down what is about to be made. When it returns, it may be.
func (r *Record) Note(m Made) error {
	if m.Act == Filled {
		var st unix.Stat_t
		if err := unix.Stat(m.Path, &st); err != nil {
			return fmt.Errorf("looking at %s: %w", m.Path, err)
		}
		m.Was = &Was{st.Dev, st.Ino, st.Mode & 0o7777, int(st.Uid), int(st.Gid)}
	}
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	_, err = r.f.Write(append(line, '\n'))
	if err = errors.Join(err, r.f.Sync()); err != nil {
		return fmt.Errorf("noting what is made: %w", err)
	}
	return nil
}

// Back undoes what was noted so far; see [Undo].
func (r *Record) Back() (left []Made, err error) {
	if err := r.f.Close(); err != nil { // and its lock
		return nil, err
	}
	return Undo(r.file)
}

// Lock is a file for each child to inherit: while one of them lives, nobody undoes what it may be making.
func (r *Record) Lock() *os.File { return r.f }

// Keep ends a set-up that is whole: from here on nothing is undone.
func (r *Record) Keep() error {
	if err := r.Note(Made{Act: Whole}); err != nil {
		return err
	}
	if err := errors.Join(r.f.Close(), os.Remove(r.file), syncDir(filepath.Dir(r.file))); err != nil {
		return fmt.Errorf("ending the set-up: %w", err)
	}
	return nil
}

// Undo takes back what the record of a broken set-up lists, the last first, and the record at the end. It
// may be broken off itself and begun again. Left is what it could not take back, for a person; then the
// record is gone all the same, else nothing could ever be set up again.
func Undo(file string) (left []Made, err error) {
	f, err := os.OpenFile(file, os.O_RDWR, 0) // #nosec G304 -- of the layout
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // the lock goes with it
	if err := lockSoon(f); err != nil {
		return nil, err
	}
	list, err := readRecord(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if n := len(list); n > 0 && list[n-1].Act == Whole { // killed between the last two acts of Keep
		return nil, errors.Join(os.Remove(file), syncDir(filepath.Dir(file)))
	}
	back := false
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Act == TokenBack || (list[i].Act == TokenTaken && back) {
			back = true
			continue
		}
		if err := list[i].undo(); err != nil && !errors.Is(err, unix.ENOTDIR) { // a file is where its folder would be: never made
			left = append(left, list[i])
		}
	}
	return left, errors.Join(os.Remove(file), syncDir(filepath.Dir(file)))
}

// readRecord reads the lines that are whole: what a line cut off tells of was never begun.
func readRecord(f io.Reader) (list []Made, err error) {
	r := bufio.NewReader(io.LimitReader(f, maxRecord))
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return list, nil //nolint:nilerr // the end, or a line that was cut off
		}
		var m Made
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			return nil, fmt.Errorf("line %d: %w", len(list)+1, err)
		}
		list = append(list, m)
	}
}

const maxRecord = 1 << 20 // bytes

// lock keeps a second process away while this one lives.
func lock(f *os.File) error {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("%s: %w", f.Name(), ErrRunning)
	}
	return nil
}

const (
	lockPatience = 30 * time.Second
	lockAgain    = 20 * time.Millisecond
)

// lockSoon waits a little: the children of a set-up that was killed are killed with it, but not in the
// same moment.
func lockSoon(f *os.File) error {
	for waited := time.Duration(0); ; waited += lockAgain {
		err := lock(f)
		if err == nil || waited >= lockPatience {
			return err
		}
		time.Sleep(lockAgain)
	}
}

var errNotOurs = errors.New("not to be undone from here")

func (m Made) undo() error {
	switch m.Act {
	case MadeFile:
		if err := os.Remove(m.Path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	case MadeDir:
		return os.RemoveAll(m.Path)
	case Filled:
		return m.empty()
	case Mounted:
		if !isMount(m.Path) {
			return nil
		}
		return exec.Command("umount", m.Path).Run()
	case Fstab:
		return withoutLine(m.Path, m.Line)
	default:
		return errNotOurs
	}
}

// empty empties the folder it was noted for, and no other that may lie there by now, and gives it back.
func (m Made) empty() error {
	var st unix.Stat_t
	if err := unix.Stat(m.Path, &st); err != nil {
		return err
	}
	if m.Was == nil || st.Dev != m.Was.Dev || st.Ino != m.Was.Inode {
		return errNotOurs
	}
	entries, err := os.ReadDir(m.Path)
	for _, e := range entries {
		if e.Name() != "lost+found" {
			err = errors.Join(err, os.RemoveAll(filepath.Join(m.Path, e.Name())))
		}
	}
	return errors.Join(err, os.Lchown(m.Path, m.Was.UID, m.Was.GID), unix.Chmod(m.Path, m.Was.Mode))
}

// withoutLine writes a file again without one line of it.
func withoutLine(file, line string) error {
	text, err := os.ReadFile(file) // #nosec G304 -- of the layout
	if err != nil {
		return err
	}
	rest := strings.ReplaceAll(string(text), line+"\n", "")
	if rest == string(text) {
		return nil
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	return replace(file, []byte(rest), info.Mode().Perm())
}

// replace writes a file whole or not at all.
func replace(file string, text []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".setup-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already once renamed
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return errors.Join(os.Rename(f.Name(), file), syncDir(filepath.Dir(file)))
}

// isMount tells whether a file system is mounted on the folder itself.
func isMount(dir string) bool {
	var here, above unix.Stat_t
	return unix.Stat(dir, &here) == nil && unix.Stat(filepath.Dir(dir), &above) == nil && here.Dev != above.Dev
}

func syncDir(dir string) error {
	d, err := os.Open(dir) // #nosec G304 -- of the layout
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
