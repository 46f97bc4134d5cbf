package appliance

import (
	"fmt"
	"os"

	"github.com/pelletier/go-toml/v2"

	"casemate/store/identity"
)

// callersFile is the shape of Config.CallersFile.
type callersFile struct {
	Callers []CallerConfig  `toml:"caller"`
	Revoked []RevokedConfig `toml:"revoked,omitempty"`
}

// directory builds the table of callers from the configuration and the callers file, as they are
// on disk now. Both are checked by the same rules.
func (c Config) directory() (*identity.Directory, error) {
	if c.CallersFile != "" {
		more, err := loadCallers(c.CallersFile)
		if err != nil {
			return nil, err
		}
		c.Callers = append(append([]CallerConfig(nil), c.Callers...), more.Callers...)
		c.Revoked = append(append([]RevokedConfig(nil), c.Revoked...), more.Revoked...)
		d := decoder{}
		c.check(&d.faults, nil)
		if err := d.faults.err(); err != nil {
			return nil, fmt.Errorf("%s: %w", c.CallersFile, err)
		}
	}
	roots, err := readCertificates(c.HTTP.AccessRoots)
	if err != nil {
		return nil, fmt.Errorf("roots of the access authorities: %w", err)
	}
	entries, revoked := c.callers()
	return identity.NewDirectory(entries, revoked, roots)
}

// loadCallers reads the callers file strictly. A file that is not there is an error: it may have held
// revocations.
func loadCallers(file string) (callersFile, error) {
	var into callersFile
	text, err := os.ReadFile(file) // #nosec G304 -- named by the configuration
	if err != nil {
		return into, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if len(text) > maxConfig {
		return into, fmt.Errorf("%s: %w: it is longer than %d bytes", file, ErrConfig, maxConfig)
	}
	tree := map[string]any{}
	if err := toml.Unmarshal(text, &tree); err != nil {
		return into, fmt.Errorf("%s: %w: %w", file, ErrConfig, syntaxError(err))
	}
	d := decoder{}
	d.table("", tree, &into)
	if err := d.faults.err(); err != nil {
		return into, fmt.Errorf("%s: %w", file, err)
	}
	return into, nil
}
