package volume

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// maxRecord bounds a record file.
const maxRecord = 256 << 10

// ErrRecord is a record file that is torn or altered.
var ErrRecord = errors.New("a record whose checksum does not match")

// EncodeRecord is a line "name sha256-hex", then v as indented JSON, which the digest covers.
func EncodeRecord(name string, v any) ([]byte, error) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, err
	}
	body = append(body, '\n')
	sum := sha256.Sum256(body)
	return append([]byte(name+" "+hex.EncodeToString(sum[:])+"\n"), body...), nil
}

// DecodeRecord checks and reads what EncodeRecord wrote; unknown fields are refused.
func DecodeRecord(name string, b []byte, v any) error {
	line, body, ok := bytes.Cut(b, []byte("\n"))
	if !ok || len(b) > maxRecord {
		return fmt.Errorf("%w: no header", ErrRecord)
	}
	sum := sha256.Sum256(body)
	if string(line) != name+" "+hex.EncodeToString(sum[:]) {
		return fmt.Errorf("%w: header %.40q", ErrRecord, line)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: trailing data", ErrRecord)
	}
	return nil
}

// ReplaceFile writes a small file so that a crash leaves the old one or the new one, and the new
// one once it returned: temporary file, fsync, rename, fsync of the directory.
func ReplaceFile(path string, b []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) // #nosec G304 -- our own directory
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("writing %q: %w", tmp, err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir) // #nosec G304 -- our own directory
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// readSmall reads a file of at most maxRecord bytes.
func readSmall(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0) // #nosec G304 -- our own directory
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxRecord+1))
	return b, errors.Join(err, f.Close())
}
