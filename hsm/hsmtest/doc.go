// Package hsmtest gives a test a SoftHSM token of its own and a real token
// process in front of it: another run of the test's own binary, which this
// package's init turns into the process. Importing the package is enough; a
// test can kill that process, break its module or restart it, and keep using
// the same client.
package hsmtest

import (
	"testing"
	"time"

	"casemate/hsm"
	"casemate/hsm/module"
)

// SoftHSM is where Debian installs the library.
const SoftHSM = "/usr/lib/softhsm/libsofthsm2.so"

// Options change what Start makes; the zero value is what most tests want.
type Options struct {
	Origin      string        // default "casemate.example/test"
	Module      string        // default SoftHSM
	Label       string        // default "casemate"
	Real        bool          // not a demonstration
	TLSNames    []string      // default localhost and 127.0.0.1
	WrapMethods []string      // allowed at setup; default all
	Environment []string      // more of it, for setup and process
	Timeout     time.Duration // of the process for its module
	Sessions    int
	Tolerance   time.Duration
	AllowUIDs   []uint32
}

// Token is a token set up, and the process that serves it.
type Token struct {
	Client      *hsm.Client
	Dir         string // holds everything below
	Socket      string
	StateDir    string
	PINFile     string
	SOPINFile   string
	SoftHSMConf string
	SetupResult module.SetupResult

	t       testing.TB
	options Options
	process *supervisor
}
