package main

import (
	"errors"

	"github.com/spf13/cobra"

	"casemate/appliance/wire"
	"casemate/appliance/words"
)

// healthCommand asks the running safe how it is, through its control socket.
func healthCommand(o *options) *cobra.Command {
	var alive bool
	w := o.t.box()
	cmd := describe(&cobra.Command{Use: "health", Args: noArguments, RunE: func(cmd *cobra.Command, _ []string) error {
		c, err := o.running()
		if err != nil {
			return err
		}
		defer c.Close()
		ask, well := c.Ready, w.Ready
		if alive {
			ask, well = c.Healthy, w.Healthy
		}
		said, err := ask(cmd.Context())
		if err != nil {
			return o.absent(err)
		}
		if err := o.tellHealth(cmd, said, well); err != nil {
			return err
		}
		if !said.OK {
			return exitCode{exitFindings, &told{errors.New("not well"), w.NotWell, ""}}
		}
		if len(said.Concerns) > 0 {
			return exitCode{exitFindings, &told{errors.New("wants a person"), w.Concerned, ""}}
		}
		return nil
	}}, w.Health)
	cmd.Flags().BoolVar(&alive, "alive", false, w.FlagAlive)
	return cmd
}

func (o *options) tellHealth(cmd *cobra.Command, h wire.Health, well string) error {
	if o.json || h.OK && len(h.Concerns) == 0 {
		return o.tell(cmd, h, "%s", well)
	}
	p := &printer{t: o.t}
	if h.OK {
		p.line("%s", well)
	}
	known := words.Reasons(o.t.language)
	for _, r := range append(h.Reasons, h.Concerns...) {
		said := known[r.Code]
		if said.Message == "" {
			said.Message = r.Code
		}
		p.line("%s (%s)", said.Message, r.Message)
		if said.Hint != "" {
			p.line("  %s %s", o.t.HintLabel, said.Hint)
		}
	}
	return p.to(cmd.OutOrStdout())
}
