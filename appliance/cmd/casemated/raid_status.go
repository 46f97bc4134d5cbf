package main

import (
	"errors"

	"github.com/spf13/cobra"

	"casemate/appliance"
	"casemate/appliance/client"
	"casemate/appliance/wire"
)

func raidStatusCommand(o *options) *cobra.Command {
	return describe(&cobra.Command{Use: "status", Args: noArguments, RunE: func(cmd *cobra.Command, _ []string) error {
		s, closed, err := o.storage(cmd)
		if err != nil {
			return err
		}
		return o.show(cmd, s, closed)
	}}, o.t.Status)
}

func raidExamineCommand(o *options) *cobra.Command {
	return describe(&cobra.Command{Use: "examine DIR", Args: exactly(1), RunE: func(cmd *cobra.Command, args []string) error {
		s, err := appliance.ExamineFolder(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return o.show(cmd, s, true)
	}}, o.t.Examine)
}

// storage asks the running safe; where none runs, its volumes.
func (o *options) storage(cmd *cobra.Command) (s wire.Storage, closed bool, err error) {
	cfg, err := o.load()
	if err != nil {
		return s, false, err
	}
	c := client.Local(cfg.ControlSocket())
	defer c.Close()
	if s, err = c.Storage(cmd.Context()); !errors.Is(err, client.ErrUnreachable) {
		return s, false, err
	}
	s, err = appliance.Examine(cmd.Context(), cfg)
	return s, true, err
}

// show prints a mirror; it fails with the code of findings when something asks for a person.
func (o *options) show(cmd *cobra.Command, s wire.Storage, closed bool) error {
	if o.json {
		if err := printJSON(cmd, s); err != nil {
			return err
		}
	} else {
		p := &printer{t: o.t, health: func(v wire.Volume) string {
			if v.State == "missing" { // what is mounted there now is another disk
				return ""
			}
			return health(cmd.Context(), o.t, v)
		}}
		if closed {
			p.line("%s", o.t.Closed)
		}
		p.mirror(s, !closed)
		if err := p.to(cmd.OutOrStdout()); err != nil {
			return err
		}
	}
	if asksForPerson(s) {
		return exitCode{exitFindings, &told{nil, o.t.AsksForPerson, ""}}
	}
	return nil
}

// asksForPerson tells whether anything is not well and does not heal by itself.
func asksForPerson(s wire.Storage) bool {
	for _, v := range s.Volumes {
		if v.State != "in-sync" && v.State != "spare" && v.State != "syncing" {
			return true
		}
	}
	if sc := s.Scrub; sc != nil && (sc.Overdue || sc.Unrepaired > 0 || (sc.Last != nil && sc.Last.Unrepaired > 0)) {
		return true
	}
	return s.State == "refused" || s.State == "read-only" || s.ReadOnly || (s.State == "degraded" && len(s.Volumes) == 0)
}
