package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"casemate/appliance"
)

func initCommand(o *options) *cobra.Command {
	var demonstration bool
	var out string
	cmd := &cobra.Command{Use: "init --demonstration --out DIR",
		Short: "Set up a safe for demonstration: token, keys, volumes, first certificates",
		Long: `Set up a safe for demonstration: initialise the token, make its keys, format the volumes, write
the public trust material and the first client certificates into DIR.

A safe set up so is marked "demonstration" wherever a person looks: no key ceremony was held, and
one person had every secret in hand. Nothing that exists is overwritten.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load()
			if err != nil {
				return err
			}
			say := func(format string, args ...any) { _, _ = fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...) }
			done, err := appliance.Init(cmd.Context(), cfg, appliance.InitOptions{
				ConfigFile: o.config, Demonstration: demonstration, Out: out, Say: say, Log: o.log()})
			if err != nil {
				return err
			}
			if o.json {
				return printJSON(cmd, done)
			}
			say("The safe is set up. Start it with: casemated serve --config %s", o.config)
			return nil
		}}
	cmd.Flags().BoolVar(&demonstration, "demonstration", false, "yes, without a key ceremony")
	cmd.Flags().StringVar(&out, "out", "", "the `DIR` that gets trust/, access.pem and clients/")
	return cmd
}

func doctorCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "doctor", Short: "Check what the safe needs around it, with a remedy for each fault", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load()
			if err != nil {
				return err
			}
			bad := 0
			for _, d := range appliance.Doctor(cmd.Context(), cfg) {
				if d.Verdict == appliance.Bad {
					bad++
				}
				if o.json {
					err = printJSON(cmd, d)
				} else {
					_, err = fmt.Fprintf(cmd.OutOrStdout(), "%-5s %-14s %s\n", d.Verdict, d.What, strings.ReplaceAll(d.Detail, "\n", "; "))
					if d.Remedy != "" && err == nil {
						_, err = fmt.Fprintf(cmd.OutOrStdout(), "%-20s hint: %s\n", "", d.Remedy)
					}
				}
				if err != nil {
					return err
				}
			}
			if bad > 0 {
				return exitCode{exitFindings, errFindings}
			}
			return nil
		}}
}
