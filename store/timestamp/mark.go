package timestamp

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// reserve is how far the mark runs ahead of the time attested: it is written
// at most once in that time, however many readings there are, and after a
// crash it is at most that much later than what was really attested. Half of
// the usual MaxDistance: a restart on the spot still finds time trusted.
const reserve = 500 * time.Millisecond

const markTitle = "casemate time mark v1"

// mark is the high-water mark on disk: no trusted time later than reserved
// has ever been attested. It is replaced whole (new file, fsync, rename,
// fsync of the folder), so a crash leaves the old one or the new one, and
// carries a checksum, so a damaged one is refused rather than believed.
type mark struct {
	path     string
	reserved time.Time // on disk; zero when there is no file yet
}

// openMark reads the mark. A missing file is a first start.
func openMark(path string) (*mark, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return &mark{path: path}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w: %w", path, ErrMark, err)
	}
	t, err := parseMark(b)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", path, err)
	}
	return &mark{path: path, reserved: t}, nil
}

// cover makes sure, durably, that the mark is not earlier than t. It must
// have returned nil before t is shown to anybody.
func (m *mark) cover(t time.Time) error {
	if !t.After(m.reserved) {
		return nil
	}
	next := t.Add(reserve)
	if err := replaceFile(m.path, formatMark(next)); err != nil {
		return fmt.Errorf("writing %q: %w: %w", m.path, ErrMark, err)
	}
	m.reserved = next
	return nil
}

// formatMark: title, time, checksum of both, a line each.
func formatMark(t time.Time) []byte {
	body := markTitle + "\n" + t.UTC().Format(time.RFC3339Nano) + "\n"
	sum := sha256.Sum256([]byte(body))
	return []byte(body + hex.EncodeToString(sum[:]) + "\n")
}

func parseMark(b []byte) (time.Time, error) {
	lines := strings.Split(string(b), "\n")
	if len(b) > 256 || len(lines) != 4 || lines[0] != markTitle || lines[3] != "" {
		return time.Time{}, fmt.Errorf("not a time mark: %w", ErrMark)
	}
	t, err := time.Parse(time.RFC3339Nano, lines[1])
	if err != nil {
		return time.Time{}, fmt.Errorf("no time in it: %w", ErrMark)
	}
	// Formatting again covers the checksum and every other liberty.
	if subtle.ConstantTimeCompare(formatMark(t), b) != 1 {
		return time.Time{}, fmt.Errorf("its checksum is wrong: %w", ErrMark)
	}
	return t.UTC(), nil
}

// replaceFile puts content at path such that after a crash the old or the new
// content is there, whole, and after its return the new.
func replaceFile(path string, content []byte) error {
	temporary := path + ".new"
	if err := writeSync(temporary, content); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func writeSync(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}
