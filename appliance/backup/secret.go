package backup

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ErrExposed refuses a key that somebody else may read, or may have put there.
var ErrExposed = errors.New("others may read this key, or it is another user's")

// ReadSecret reads a file, or a pipe to its end, that this user or root owns, and nobody else may touch: a key that was
// decrypted on the way need lie nowhere. What was opened is looked at, so that nobody exchanges it in between.
func ReadSecret(path string, most int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // #nosec G304 -- named by the operator
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil { // #nosec G115 -- a descriptor fits
		return nil, err
	}
	pipe := st.Mode&unix.S_IFMT == unix.S_IFIFO
	switch {
	case !pipe && st.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, fmt.Errorf("%w: %q is no file and no pipe", ErrKey, path)
	case st.Mode&0o077 != 0, st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return nil, fmt.Errorf("%w: %q has mode %04o, of user %d", ErrExposed, path, st.Mode&0o777, st.Uid)
	}
	if pipe { // the very one, opened again so that whoever writes is waited for
		if f, err = os.Open(fmt.Sprintf("/proc/self/fd/%d", f.Fd())); err != nil {
			return nil, err
		}
		defer f.Close() //nolint:errcheck // only read
	}
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		clear(text)
		return nil, fmt.Errorf("%w: %q has more than %d bytes", ErrKey, path, most)
	}
	return text, err
}
