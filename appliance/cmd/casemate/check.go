package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"casemate/appliance/wire"
	"casemate/store/proof"
)

// checked is the result of one control.
type checked struct {
	Document string `json:"document"`
	wire.Check
}

func (a *app) checkCommand() *cobra.Command {
	return a.command("check DOCUMENT...", a.t.Check, a.args(1, -1), func(cmd *cobra.Command, args []string) error {
		for _, id := range args {
			if err := a.documentID(id); err != nil {
				return err
			}
		}
		c, err := a.connect()
		if err != nil {
			return err
		}
		defer c.Close()
		bad := 0
		for _, id := range args {
			check, err := c.Check(cmd.Context(), id)
			if err != nil {
				return &doing{id, err}
			}
			if !check.OK {
				bad++
			}
			if err := a.result(checked{id, check}, func() { a.showCheck(id, check) }); err != nil {
				return err
			}
		}
		if bad > 0 {
			return &failure{exit: exitIntegrity, message: fmt.Sprintf(a.t.CheckFailed, bad, len(args)), hint: a.t.CheckFailedHint}
		}
		return nil
	})
}

func (a *app) showCheck(id string, check wire.Check) {
	verdict := a.t.Holds
	if !check.OK {
		verdict = a.t.DoesNotHold
	}
	if check.Provisional {
		verdict += " (" + a.t.Provisional + ")"
	}
	a.say("%s  %s  %s\n", clean(id), instant(check.At), verdict)
	for _, s := range check.Steps {
		a.step(s.OK, s.Name, s.Detail)
	}
}

// step writes one step of a verification: its mark, what it is, what was found.
func (a *app) step(ok bool, name, detail string) {
	mark := a.t.MarkOK
	if !ok {
		mark = a.t.MarkBad
	}
	a.say("  %s %s", mark, clean(name))
	if detail != "" {
		a.say(": %s", clean(detail))
	}
	a.say("\n")
}

// compared is the result of a comparison.
type compared struct {
	Document  string `json:"document"`
	Identical bool   `json:"identical"`
}

func (a *app) compareCommand() *cobra.Command {
	return a.command("compare DOCUMENT FILE...", a.t.Compare, a.args(2, -1), func(cmd *cobra.Command, args []string) error {
		id := args[0]
		if err := a.documentID(id); err != nil {
			return err
		}
		c, err := a.connect()
		if err != nil {
			return err
		}
		defer c.Close()
		var digests []proof.Digests
		for _, name := range args[1:] {
			d, err := a.digest(name)
			if err != nil {
				return err
			}
			digests = append(digests, d.Sum())
		}
		identical, err := c.Compare(cmd.Context(), id, digests)
		if err != nil {
			return err
		}
		if err := a.result(compared{id, identical}, func() {
			if identical {
				a.say(a.t.Identical+"\n", id)
			}
		}); err != nil || identical {
			return err
		}
		return &failure{exit: exitDifferent, message: fmt.Sprintf(a.t.Differs, id), hint: a.t.DiffersHint}
	})
}

// digest reads a file, or standard input for "-"; its bytes stay here.
func (a *app) digest(name string) (*proof.Hasher, error) {
	s := source{name: name, size: -1, open: func() (io.ReadCloser, error) { return io.NopCloser(a.stdin), nil }}
	if name != "-" {
		var err error
		if s, err = a.fileSource(name); err != nil {
			return nil, err
		}
	}
	file, err := s.open()
	if err != nil {
		return nil, err
	}
	bar := a.progress(s.name, s.size)
	defer bar.finish()
	hasher := proof.NewHasher()
	_, err = io.CopyBuffer(struct{ io.Writer }{hasher}, struct{ io.Reader }{bar.reader(file)}, make([]byte, 1<<20))
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return hasher, err
}
