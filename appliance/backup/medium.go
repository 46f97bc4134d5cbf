package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"casemate/store/seal"
)

// medium is the folder of a backup being written. Everything is written under a temporary name; commit
// gives the files their names, the manifest last.
type medium struct {
	dir    string
	number uint64
	most   int64    // bytes of one file
	made   []string // final names of what lies there under temporary ones
	stands bool     // the manifest has its name: there is a backup
}

func temporary(name string) string { return "." + name + ".part" }

// partBytes is the most bytes of one file: every file system of removable media takes so much.
const partBytes = 1 << 30

// syncBytes is after how much a file is synced: a slow medium that has to take a gigabyte at once would keep
// the safe waiting for longer than it does.
const syncBytes = 16 << 20

// lock keeps other commands of this machine out of a folder: what one of them is writing would be swept by the other as
// a broken one's. Its process's end lets go of it. A file system that has no locks goes without.
func lock(dir string) (unlock func(), err error) {
	d, err := os.Open(dir) // #nosec G304 -- the folder the operator named
	if err != nil {
		return nil, mediumError(err)
	}
	unlock = func() { _ = d.Close() }                                                                // nothing was written through it
	if err := unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) { // #nosec G115 -- a descriptor fits
		unlock()
		return nil, fmt.Errorf("%w: into %q", ErrBusy, dir)
	}
	return unlock, nil
}

// sweep takes away what backups that never came to their end left: temporary files, and files numbered
// beyond the newest manifest.
func sweep(dir string, newest uint64) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return mediumError(err)
	}
	for _, e := range entries {
		number, _, ok := parseName(e.Name())
		if ok && number > newest || partName.MatchString(e.Name()) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return mediumError(err)
			}
		}
	}
	return nil
}

// mediumError gives what a file system says a name of ours.
func mediumError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, unix.EFBIG):
		return fmt.Errorf("%w: %w", ErrFull, err)
	case errors.Is(err, ErrFull), errors.Is(err, ErrMedium):
		return err
	}
	return fmt.Errorf("%w: %w", ErrMedium, err)
}

// free gives the bytes free for us on a medium.
func free(dir string) (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, mediumError(err)
	}
	return int64(fs.Bavail) * fs.Bsize, nil // #nosec G115 -- a size
}

// write puts one small file there.
func (m *medium) write(name string, content []byte) (File, error) {
	f, err := m.create(name)
	if err != nil {
		return File{}, err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return File{}, mediumError(err)
	}
	return File{Name: name, Size: int64(len(content)), SHA256: Digest(content)}, nil
}

func (m *medium) create(name string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(m.dir, temporary(name)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, mediumError(err)
	}
	m.made = append(m.made, name)
	return f, nil
}

// commit gives every file its name. A crash in the middle leaves files without a manifest, which are none;
// after it the backup is there.
func (m *medium) commit(manifest string) error {
	for _, name := range m.made {
		if name != manifest {
			if err := os.Rename(filepath.Join(m.dir, temporary(name)), filepath.Join(m.dir, name)); err != nil {
				return mediumError(err)
			}
		}
	}
	if err := syncDir(m.dir); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(m.dir, temporary(manifest)), filepath.Join(m.dir, manifest)); err != nil {
		return mediumError(err)
	}
	m.stands = true
	return syncDir(m.dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir) // #nosec G304 -- the folder the operator named
	if err != nil {
		return mediumError(err)
	}
	return mediumError(errors.Join(d.Sync(), d.Close()))
}

// abandon takes away what was begun, the manifest first, as far as the medium lets it; what stays, the next backup
// sweeps. What stands, stays.
func (m *medium) abandon() {
	if m.stands {
		return
	}
	for _, name := range slices.Backward(m.made) {
		_ = os.Remove(filepath.Join(m.dir, name))            // see above
		_ = os.Remove(filepath.Join(m.dir, temporary(name))) // see above
	}
}

// stream is one encrypted stream over numbered files: store/seal's, whose chunks can be neither altered
// nor dropped nor moved, nor its end cut off.
type stream struct {
	io.WriteCloser // takes plain bytes
	m              *medium
	kind           string
	files          []File
	cur            *os.File
	sum            hash.Hash
	size           int64
	loose          int64 // written and not synced
}

func streamKey(content [32]byte, kind string) [32]byte {
	return seal.DeriveKey(content, "casemate backup "+kind+" v1")
}

func streamAD(id, kind string) []byte { return []byte("casemate backup v1 " + kind + " " + id) }

func (m *medium) stream(id, kind string, content [32]byte) (*stream, error) {
	s := &stream{m: m, kind: kind}
	var err error
	s.WriteCloser, err = seal.NewEncrypter(streamKey(content, kind), streamAD(id, kind), func(_ uint32, chunk []byte) error { return s.chunk(chunk) })
	return s, err
}

// chunk writes one chunk of the stream, in the next file if this one has no room.
func (s *stream) chunk(b []byte) error {
	for len(b) > 0 {
		if s.cur != nil && s.size >= s.m.most {
			if err := s.next(); err != nil {
				return err
			}
		}
		if s.cur == nil {
			if len(s.files) == maxFiles {
				return fmt.Errorf("%w: more than %d files", ErrFull, maxFiles)
			}
			var err error
			if s.cur, err = s.m.create(partOf(s.m.number, s.kind, len(s.files)+1)); err != nil {
				return err
			}
			s.sum, s.size = sha256.New(), 0
		}
		n := min(int64(len(b)), s.m.most-s.size)
		if _, err := s.cur.Write(b[:n]); err != nil {
			return mediumError(err)
		}
		_, _ = s.sum.Write(b[:n])
		s.size += n
		if s.loose += n; s.loose >= syncBytes {
			if err := s.cur.Sync(); err != nil {
				return mediumError(err)
			}
			s.loose = 0
		}
		b = b[n:]
	}
	return nil
}

// next ends a file; it is durable then.
func (s *stream) next() error {
	if err := errors.Join(s.cur.Sync(), s.cur.Close()); err != nil {
		return mediumError(err)
	}
	name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(s.cur.Name()), "."), ".part")
	s.files = append(s.files, File{Name: name, Size: s.size, SHA256: hex.EncodeToString(s.sum.Sum(nil))})
	s.cur = nil
	return nil
}

// end closes the stream and gives its files, durable.
func (s *stream) end() ([]File, error) {
	if err := s.Close(); err != nil {
		return nil, err
	}
	err := s.next()
	return s.files, err
}

// finish is end for a stream of one file.
func (s *stream) finish() (File, error) {
	_, err := s.end()
	if err == nil && len(s.files) != 1 {
		err = fmt.Errorf("%w: %s needs %d files, not one", ErrFull, s.kind, len(s.files))
	}
	if err != nil {
		return File{}, err
	}
	return s.files[0], nil
}

// drop lets go of a file that is open.
func (s *stream) drop() {
	if s.cur != nil {
		_ = s.cur.Close() // what it holds is thrown away
	}
}
