package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// mayCreate refuses a target that exists, before anything is asked of the safe.
// "-" is standard output.
func (a *app) mayCreate(name string, force bool) error {
	if force || name == "-" {
		return nil
	}
	_, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		return a.exists(name)
	}
	return err
}

func (a *app) exists(name string) error {
	return &failure{exit: exitGeneral, message: fmt.Sprintf(a.t.Exists, name), hint: a.t.ExistsHint, cause: fs.ErrExist}
}

// create makes a file that appears whole or not at all: fill writes into a
// temporary one beside it (mode 0600), which is synced, then takes the name. When
// fill fails or is interrupted nothing is left; after a crash of the machine a
// file named .casemate-* may be, and never one with the name.
func (a *app) create(name string, force bool, fill func(*os.File) error) (err error) {
	dir := filepath.Dir(name)
	file, err := os.CreateTemp(dir, ".casemate-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = file.Close()           // may be closed already
			_ = os.Remove(file.Name()) // what fill wrote must not be mistaken for a result
		}
	}()
	if err := fill(file); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := a.publish(file.Name(), name, force); err != nil {
		return err
	}
	return syncDir(dir)
}

// publish gives a finished file its name. Without force a link does it, which fails
// where another file came meanwhile; a file system without links is looked at first.
func (a *app) publish(temporary, name string, force bool) error {
	if !force {
		switch err := os.Link(temporary, name); {
		case err == nil:
			return os.Remove(temporary)
		case errors.Is(err, fs.ErrExist):
			return a.exists(name)
		}
		if err := a.mayCreate(name, false); err != nil {
			return err
		}
	}
	return os.Rename(temporary, name)
}

// syncDir makes the new name survive a power cut, where folders can be synced.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	syncErr := d.Sync()
	if err := d.Close(); err != nil {
		return err
	}
	return syncErr
}
