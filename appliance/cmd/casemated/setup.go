package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"casemate/appliance"
)

func initCommand(o *options) *cobra.Command {
	var demonstration bool
	var out string
	cmd := describe(&cobra.Command{Use: "init --demonstration --out DIR",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load()
			if err != nil {
				return err
			}
			say := func(step appliance.InitStep, args ...any) {
				_, _ = fmt.Fprintf(cmd.ErrOrStderr(), o.t.InitSteps[string(step)]+"\n", args...)
			}
			done, err := appliance.Init(cmd.Context(), cfg, appliance.InitOptions{
				ConfigFile: o.config, Demonstration: demonstration, Out: out, Say: say, Log: o.log()})
			if err != nil {
				return err
			}
			if o.json {
				return printJSON(cmd, done)
			}
			_, err = fmt.Fprintf(cmd.ErrOrStderr(), o.t.InitDone+"\n", o.config)
			return err
		}}, o.t.Init)
	cmd.Flags().BoolVar(&demonstration, "demonstration", false, o.t.FlagDemonstration)
	cmd.Flags().StringVar(&out, "out", "", o.t.FlagOut)
	return cmd
}

func doctorCommand(o *options) *cobra.Command {
	return describe(&cobra.Command{Use: "doctor", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load()
			if err != nil {
				return err
			}
			language := o.t.language
			if o.json {
				language = "en" // what programs read is one
			}
			bad := 0
			p := &printer{t: o.t}
			for _, d := range appliance.Doctor(cmd.Context(), cfg, language) {
				if d.Verdict == appliance.Bad {
					bad++
				}
				if o.json {
					if err := printJSON(cmd, d); err != nil {
						return err
					}
					continue
				}
				p.diagnosis(d)
			}
			if err := p.to(cmd.OutOrStdout()); err != nil {
				return err
			}
			if bad > 0 {
				return o.found()
			}
			return nil
		}}, o.t.Doctor)
}
