package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// settings say which safe and who calls. Each comes from its flag, else from its
// variable, else from the configuration file.
type settings struct {
	Config string `toml:"-"`    // --config: the file itself
	URL    string `toml:"url"`  // CASEMATE_URL: https://host:port
	CA     string `toml:"ca"`   // CASEMATE_CA: PEM, authorities of the safe's own certificate
	Cert   string `toml:"cert"` // CASEMATE_CERT: PEM, the caller's certificate, then its chain
	Key    string `toml:"key"`  // CASEMATE_KEY: PEM, its private key
}

// maxConfig bounds the configuration file.
const maxConfig = 64 << 10

// settings gathers what the three sources say and checks that nothing is missing.
func (a *app) settings() (settings, error) {
	file, err := a.configFile()
	if err != nil {
		return settings{}, err
	}
	s := settings{
		URL:  first(a.given.URL, a.getenv("CASEMATE_URL"), file.URL),
		CA:   first(a.given.CA, a.getenv("CASEMATE_CA"), file.CA),
		Cert: first(a.given.Cert, a.getenv("CASEMATE_CERT"), file.Cert),
		Key:  first(a.given.Key, a.getenv("CASEMATE_KEY"), file.Key),
	}
	for _, need := range []struct{ value, flag, variable string }{
		{s.URL, "url", "CASEMATE_URL"},
		{s.CA, "ca", "CASEMATE_CA"},
		{s.Cert, "cert", "CASEMATE_CERT"},
		{s.Key, "key", "CASEMATE_KEY"},
	} {
		if need.value == "" {
			return settings{}, a.usage(a.t.SettingMissingHint, a.t.SettingMissing, need.flag, need.variable)
		}
	}
	return s, nil
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// configFile reads the file --config names, which must exist, or the one in the
// user's own folder, which need not.
func (a *app) configFile() (settings, error) {
	name, must := a.given.Config, true
	if name == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return settings{}, nil // no home: only flags and variables then
		}
		name, must = filepath.Join(dir, "casemate", "config.toml"), false
	}
	text, err := readLimited(name, maxConfig)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !must:
		return settings{}, nil
	case err != nil:
		return settings{}, a.usage(a.t.ConfigHint, a.t.ConfigUnreadable, name, err)
	}
	s, err := parseConfig(text)
	if err != nil {
		return settings{}, a.usage(a.t.ConfigHint, a.t.ConfigWrong, name, err)
	}
	return s.relativeTo(filepath.Dir(name)), nil
}

// parseConfig is strict: an unknown key is an error that names it.
func parseConfig(text []byte) (settings, error) {
	var s settings
	err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&s)
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) && len(unknown.Errors) > 0 {
		row, _ := unknown.Errors[0].Position()
		return settings{}, fmt.Errorf("line %d: unknown key %q: it may be url, ca, cert or key", row, strings.Join(unknown.Errors[0].Key(), "."))
	}
	if err != nil {
		return settings{}, err
	}
	return s, nil
}

// relativeTo makes the file names of a configuration relative to its folder.
func (s settings) relativeTo(dir string) settings {
	for _, name := range []*string{&s.CA, &s.Cert, &s.Key} {
		if *name != "" && !filepath.IsAbs(*name) {
			*name = filepath.Join(dir, *name)
		}
	}
	return s
}

// warnOfOpenKey tells when others than its owner may read the private key. Windows
// keeps rights elsewhere than in the mode.
func (a *app) warnOfOpenKey(name string) {
	info, err := os.Stat(name)
	if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0 {
		return
	}
	a.warn(a.t.KeyOpenHint, a.t.KeyOpen, name, info.Mode().Perm())
}

// readLimited reads a small file.
func readLimited(name string, limit int64) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // only read from
	text, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	return text, err
}
