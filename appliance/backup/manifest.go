package backup

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"golang.org/x/sys/unix"

	"casemate/raid/volume"
	"casemate/store"
	"casemate/store/seal"
)

const (
	manifestType = "casemate/backup"
	maxManifest  = 256 << 10
	maxManifests = 64 << 20 // of a folder, together: they are read into memory
	maxFiles     = 999
)

// File is one file of a backup.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Base is the backup that an increment stands on.
type Base struct {
	Number uint64 `json:"number"`
	SHA256 string `json:"sha256"` // of its manifest's file
}

// Manifest is the last file of a backup to be written: without it there is none. Its MAC is the safe's,
// under a key that the token unwraps: whoever has the token knows that this safe made the backup.
type Manifest struct {
	Typ        string      `json:"typ"`
	V          int         `json:"v"`
	Origin     string      `json:"origin"`
	ID         string      `json:"id"`
	Number     uint64      `json:"number"`
	Series     string      `json:"series"` // identity of the whole backup that it goes back to
	At         time.Time   `json:"at"`
	Version    string      `json:"version"` // of the program
	Set        volume.ID   `json:"set"`
	Whole      bool        `json:"whole"`
	Base       *Base       `json:"base,omitempty"`
	Head       volume.Head `json:"head"` // the last batch in it
	Held       store.Held  `json:"held"`
	Values     uint64      `json:"values"`
	Bytes      int64       `json:"bytes"`
	Apart      uint64      `json:"apart"`
	Damaged    uint64      `json:"damaged"`
	Recipients []string    `json:"recipients"` // SHA-256 of their certificates
	Envelope   File        `json:"envelope"`
	Data       []File      `json:"data"`
	Keys       File        `json:"keys"` // superseded by that of a later backup
	Box        File        `json:"box"`
	MAC        string      `json:"mac"` // HMAC-SHA256 over all of this with an empty mac
}

// MACKey is the key of manifests, derived from the mirror's.
func MACKey(mirror [32]byte) [32]byte { return seal.DeriveKey(mirror, "casemate backup manifest v1") }

// Sign gives the manifest with its MAC.
func (m Manifest) Sign(key [32]byte) (Manifest, error) {
	var err error
	m.MAC, err = m.mac(key)
	return m, err
}

func (m Manifest) mac(key [32]byte) (string, error) {
	m.MAC = ""
	text, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	h := hmac.New(sha256.New, key[:])
	_, _ = h.Write(text)
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Verify says whether this safe made the manifest.
func (m Manifest) Verify(key [32]byte) error {
	want, err := m.mac(key)
	if err != nil {
		return err
	}
	if !hmac.Equal([]byte(want), []byte(m.MAC)) {
		return ErrForeign
	}
	return nil
}

// Encode gives the file's bytes.
func (m Manifest) Encode() ([]byte, error) {
	b, err := json.Marshal(m)
	return append(b, '\n'), err
}

var hex64 = regexp.MustCompile(`^[0-9a-f]{64}$`)

// ParseManifest reads what Encode wrote.
func ParseManifest(b []byte) (m Manifest, err error) {
	if len(b) == 0 || len(b) > maxManifest || b[len(b)-1] != '\n' {
		return m, fmt.Errorf("%w: a manifest of %d bytes", ErrBroken, len(b))
	}
	if err := strictly(b[:len(b)-1], &m); err != nil {
		return m, err
	}
	return m, m.check()
}

// check refuses what no safe writes.
func (m Manifest) check() error {
	good := m.Typ == manifestType && m.V == 1 && m.Number > 0 && m.Number <= maxNumber && m.ID != "" && m.Whole == (m.Base == nil) &&
		m.Whole == (m.Series == m.ID) && len(m.Data) > 0 && len(m.Data) <= maxFiles && hex64.MatchString(m.MAC) &&
		m.Envelope.is(nameOf(m.Number, kindRecipients)) && m.Keys.is(nameOf(m.Number, kindKeys)+"-001") && m.Box.is(nameOf(m.Number, kindBox)+"-001")
	for i, f := range m.Data {
		good = good && f.is(partOf(m.Number, kindData, i+1))
	}
	for _, r := range m.Recipients {
		good = good && hex64.MatchString(r)
	}
	if b := m.Base; b != nil {
		good = good && b.Number > 0 && b.Number < m.Number && hex64.MatchString(b.SHA256)
	}
	if !good {
		return fmt.Errorf("%w: its manifest says what no safe writes", ErrBroken)
	}
	return nil
}

func (f File) is(name string) bool {
	return f.Name == name && f.Size >= 0 && hex64.MatchString(f.SHA256)
}

func partOf(number uint64, kind string, part int) string {
	return fmt.Sprintf("%s-%03d", nameOf(number, kind), part)
}

// Digest is the SHA-256 by which a manifest's file is named, hexadecimal.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func namesOf(recipients []*x509.Certificate) (list []string) {
	for _, c := range recipients {
		list = append(list, Digest(c.Raw))
	}
	return list
}

// kept is a manifest on a medium.
type kept struct {
	Manifest
	digest string // of its file
	text   []byte
}

// manifests reads all manifests of a folder, by number. One that does not read is told in its place.
func manifests(dir string) (found map[uint64]kept, bad map[uint64]error, newest uint64, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, 0, fmt.Errorf("%w: %q", ErrNone, dir)
	}
	if err != nil {
		return nil, nil, 0, fmt.Errorf("%w: %w", ErrMedium, err)
	}
	found, bad = map[uint64]kept{}, map[uint64]error{}
	total := 0
	for _, e := range entries {
		number, kind, ok := parseName(e.Name())
		if !ok || kind != kindManifest {
			continue
		}
		newest = max(newest, number)
		text, err := readSmall(filepath.Join(dir, e.Name()), maxManifest)
		if total += len(text); total > maxManifests {
			return nil, nil, 0, fmt.Errorf("%w: its manifests have more than %d bytes together", ErrBroken, maxManifests)
		}
		var m Manifest
		if err == nil {
			m, err = ParseManifest(text)
		}
		if err == nil && m.Number != number {
			err = fmt.Errorf("%w: %s is the manifest of number %d", ErrBroken, e.Name(), m.Number)
		}
		if err != nil {
			bad[number] = fmt.Errorf("%s: %w", e.Name(), err)
			continue
		}
		found[number] = kept{m, Digest(text), text}
	}
	return found, bad, newest, nil
}

func readSmall(name string, most int64) ([]byte, error) {
	f, info, err := openPlain(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	if info.Size() > most {
		return nil, fmt.Errorf("%w: %s has more than %d bytes", ErrBroken, filepath.Base(name), most)
	}
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, absentOr(err)
	}
	if int64(len(b)) > most {
		return nil, fmt.Errorf("%w: %s grew", ErrBroken, filepath.Base(name))
	}
	return b, nil
}

// openPlain opens a file of a medium: no link is followed and no pipe waited for, whoever put them there.
func openPlain(name string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0) // #nosec G304 -- a name of ours in the folder the operator named
	if errors.Is(err, unix.ELOOP) {
		return nil, nil, fmt.Errorf("%w: %s is no file", ErrBroken, filepath.Base(name))
	}
	if err != nil {
		return nil, nil, absentOr(err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: %s is no file", ErrBroken, filepath.Base(name))
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

// absentOr names a file that is not there, and a medium that fails.
func absentOr(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return fmt.Errorf("%w: %w", ErrMedium, err)
}
