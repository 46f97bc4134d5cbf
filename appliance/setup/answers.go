package setup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/pelletier/go-toml/v2"
)

// ErrAnswers is wrapped by whatever ParseAnswers refuses.
var ErrAnswers = errors.New("the answers cannot be used")

const maxAnswers = 256 << 10 // bytes

// Answers is all that the box needs to know at its first start. Relative paths are relative to the folder
// of the file they stand in. Nothing secret stands in it: PINs are in files of their own, or made.
type Answers struct {
	// Language is the one the console speaks: en or fr. Empty is that of the command line.
	Language string `toml:"language"`
	// Origin names the journal for ever: a domain you own, and a path.
	Origin string `toml:"origin"`
	// Names are those and the addresses under which callers reach the box: its TLS certificate is for them.
	Names []string `toml:"names"`
	// Listen is the address and port of the API; Monitor that of /metrics, empty for none.
	Listen  string `toml:"listen"`
	Monitor string `toml:"monitor"`
	// Demonstration says that the person knows that no key ceremony is held.
	Demonstration bool `toml:"demonstration"`
	// Offline takes a network that is not there yet: neither time servers nor authorities are asked.
	Offline bool `toml:"offline"`
	// SameDisk takes volumes that share a disk, with each other or with the system.
	SameDisk bool `toml:"same_disk"`

	// Recovery holds the certificates of those who may open a backup, PEM; without one no backup is taken.
	Recovery string `toml:"recovery"`

	Volumes     []Volume    `toml:"volume"`
	Token       Token       `toml:"token"`
	Clock       Clock       `toml:"clock"`
	Authorities []Authority `toml:"authority"`
	Persons     []Person    `toml:"person"`
}

// Volume is one copy of everything: an empty folder where its disk is mounted, or a whole disk.
type Volume struct {
	// Dir is the folder. With Device it is where the disk will be mounted, and is made.
	Dir string `toml:"dir"`
	// Device is a disk without anything on it, which gets a file system. One that has something is refused
	// unless Erase names it exactly as the refusal says.
	Device string `toml:"device"`
	Erase  string `toml:"erase"`
}

// Token is the PKCS#11 token, which must not be initialised yet, unless it says so.
type Token struct {
	Module string `toml:"module"`
	Label  string `toml:"label"`
	Serial string `toml:"serial"` // of the one to take, where there are several
	// Initialised takes the token of that label as others left it: PINFile holds its PIN, and it has nothing
	// of a safe. SoftHSMConf is then where SoftHSM finds it, if it is one of SoftHSM's.
	Initialised bool   `toml:"initialised"`
	SoftHSMConf string `toml:"softhsm_conf"`
	// PINFile and SOPINFile hold PINs to be set, mode 0600. Empty: random ones are made.
	PINFile   string `toml:"pin_file"`
	SOPINFile string `toml:"so_pin_file"`
}

// Clock is whom the box asks for the time.
type Clock struct {
	Servers []string `toml:"servers"`
	// Policy is refuse (nothing is sealed while the clock is not trusted) or flag. Empty is refuse.
	Policy string `toml:"policy"`
}

// Authority is one RFC 3161 timestamp authority.
type Authority struct {
	Name     string   `toml:"name"`
	URL      string   `toml:"url"`
	Roots    string   `toml:"roots"` // PEM, obtained from the authority itself
	Policies []string `toml:"policies"`
}

// Person gets a certificate. With CSR, a PKCS #10 request in PEM or DER, the key stays with its owner;
// without, it is made here and must be handed over.
type Person struct {
	Name  string   `toml:"name"`
	Roles []string `toml:"roles"`
	CSR   string   `toml:"csr"`
}

// LoadAnswers reads a file of answers; see [ParseAnswers].
func LoadAnswers(file string) (Answers, error) {
	f, err := os.Open(file) // #nosec G304 -- named by the person
	if err != nil {
		return Answers{}, fmt.Errorf("%w: %w", ErrAnswers, err)
	}
	defer func() { _ = f.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(f, maxAnswers+1))
	if err != nil {
		return Answers{}, fmt.Errorf("%w: reading %q: %w", ErrAnswers, file, err)
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return Answers{}, fmt.Errorf("%w: %w", ErrAnswers, err)
	}
	a, err := ParseAnswers(text, dir)
	if err != nil {
		return Answers{}, fmt.Errorf("%s: %w", file, err)
	}
	return a, nil
}

// ParseAnswers reads answers in TOML strictly: a key that is not known is an error, and each is named with
// its line. Paths are resolved against dir. What the answers say is judged later, with the machine.
func ParseAnswers(text []byte, dir string) (Answers, error) {
	var a Answers
	if len(text) > maxAnswers {
		return a, fmt.Errorf("%w: it is longer than %d bytes", ErrAnswers, maxAnswers)
	}
	d := toml.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		return Answers{}, fmt.Errorf("%w: %w", ErrAnswers, where(err))
	}
	a.resolve(dir)
	return a, nil
}

// where says at which line, and of several unknown keys names each.
func where(err error) error {
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) {
		var all error
		for i := range unknown.Errors {
			row, _ := unknown.Errors[i].Position()
			all = errors.Join(all, fmt.Errorf("line %d: no such key: %v", row, unknown.Errors[i].Key()))
		}
		return all
	}
	var at *toml.DecodeError
	if errors.As(err, &at) {
		row, column := at.Position()
		return fmt.Errorf("line %d, column %d: %w", row, column, err)
	}
	return err
}

func (a *Answers) resolve(dir string) {
	paths := []*string{&a.Recovery, &a.Token.Module, &a.Token.PINFile, &a.Token.SOPINFile, &a.Token.SoftHSMConf}
	for i := range a.Volumes {
		paths = append(paths, &a.Volumes[i].Dir, &a.Volumes[i].Device)
	}
	for i := range a.Authorities {
		paths = append(paths, &a.Authorities[i].Roots)
	}
	for i := range a.Persons {
		paths = append(paths, &a.Persons[i].CSR)
	}
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}
