package appliance

import (
	"errors"
	"net"
	"os"
	"path/filepath"

	"casemate/appliance/setup"
)

// Unfinished tells whether an earlier set-up was broken off here.
func (s *Setup) Unfinished() bool {
	_, err := os.Lstat(s.Layout.Record())
	return err == nil
}

// Undo takes back what a set-up that was broken off has made; never under a safe that runs.
func (s *Setup) Undo() error {
	socket := filepath.Join(s.Layout.State, "control.sock")
	if c, err := net.Dial("unix", socket); err == nil { // documents may be in it by now
		return errors.Join(&SetupError{setup.Problem{Code: setup.BadSetUp, Detail: "a safe runs there: " + socket}}, c.Close())
	}
	s.say(SetupUndo)
	left, err := setup.Undo(s.Layout.Record())
	s.tellLeft(left)
	s.tidy()
	return err
}

// tidy removes the folder of the configuration, and the one above it, where they are a person's own and
// nothing is in them: they were there before the record could be.
func (s *Setup) tidy() {
	if s.Layout.Start {
		_ = os.Remove(s.Layout.Config) // fails where something is in it
		_ = os.Remove(filepath.Dir(s.Layout.Config))
	}
}

func (s *Setup) tellLeft(left []setup.Made) {
	for _, m := range left {
		what := m.Path
		if m.Act == setup.TokenTaken && m.Line != "" {
			what += ", CKA_ID " + m.Line + "…" // of the keys that this set-up made there, and of no others
		}
		s.say(SetupLeft, m.Act, what)
	}
}
