// Package module is the process that alone holds the PKCS#11 library and the
// PIN: Setup makes a token and its keys, Serve answers package hsm's requests.
// It is the only package of Casemate with cgo.
//
// It never signs what it is handed: it parses a typed request, builds the
// bytes itself, has the token sign, verifies the result and only then lets it
// leave. Whatever it must not forget (the last checkpoint, a PIN that was
// refused) is on disk, synced, before anybody hears of it.
//
// There is no recovery inside the process. A module that hangs or loses its
// device answers for ever with the same error, so Serve gives up with
// ErrRestart, the process exits, and its supervisor starts a clean one.
package module

import (
	"errors"
	"log/slog"
	"time"

	"casemate/hsm"
)

// ErrRestart says that this process can do no more: exit, and be started again.
var ErrRestart = errors.New("the token process must be restarted")

// Defaults of a Config's zero fields.
const (
	DefaultTimeout   = 10 * time.Second
	DefaultSessions  = 4
	DefaultTolerance = 2 * time.Minute
)

// Token says where the token is.
type Token struct {
	Module      string // path of the PKCS#11 library
	Label       string
	Serial      string // empty: whatever serial the label has, if only one has it
	SoftHSMConf string // softhsm2.conf, for SoftHSM only: handed on as SOFTHSM2_CONF
}

// Config is what Serve needs.
type Config struct {
	Token    Token
	PINFile  string // a systemd credential or a file of mode 0600 or stricter
	StateDir string // made by Setup
	// Timeout is how long one operation of the module may take. A module that
	// takes longer is given up.
	Timeout   time.Duration
	Sessions  int           // operations at once
	Tolerance time.Duration // how far attested times may stray from order, and from this clock
	// Decided verifies that two officers of this safe signed a statement, and gives the checkpoint of the
	// journal, size and root, that they decided to give up. after is the time of the newest document
	// sealed under a trusted clock, zero if there is none: what was signed before it is no decision
	// about the journal that has it. Nil: nothing can be decided.
	Decided   func(d hsm.Decision, after time.Time) (size uint64, root [32]byte, err error)
	AllowUIDs []uint32 // who may connect besides the process's own user and root
	Limits    Limits   // zero: DefaultLimits
	SettingUp bool     // a set-up is at work, and may yet withdraw: nothing but its keys is made in the token
	Log       *slog.Logger
	Now       func() time.Time
}

func (c *Config) defaults() {
	if c.Timeout <= 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Sessions <= 0 {
		c.Sessions = DefaultSessions
	}
	if c.Tolerance <= 0 {
		c.Tolerance = DefaultTolerance
	}
	if c.Limits == (Limits{}) {
		c.Limits = DefaultLimits
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// refused makes an hsm.ErrRefused with its reason.
func refused(reason string) error { return &reasonError{hsm.ErrRefused, reason} }

// auditError makes an hsm.ErrAudit with its reason.
func auditError(reason string) error { return &reasonError{hsm.ErrAudit, reason} }

type reasonError struct {
	class  error
	reason string
}

func (e *reasonError) Error() string { return e.class.Error() + ": " + e.reason }
func (e *reasonError) Unwrap() error { return e.class }
