package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"casemate/appliance"
	"casemate/appliance/words"
	"casemate/store"
)

func fsckCommand(o *options) *cobra.Command {
	var opt appliance.FsckOptions
	cmd := describe(&cobra.Command{Use: "fsck",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load()
			if err != nil {
				return err
			}
			if err := asOwner(cfg); err != nil {
				return err
			}
			opt.Progress = progressLine(cmd, o)
			report, err := appliance.Fsck(cmd.Context(), cfg, o.config, o.log(), opt)
			if err != nil {
				return err
			}
			if o.json {
				if err := printJSON(cmd, report); err != nil {
					return err
				}
			} else if err := o.printFsck(cmd, report); err != nil {
				return err
			}
			if !report.OK {
				return o.found()
			}
			return nil
		}}, o.t.Fsck)
	cmd.Flags().BoolVar(&opt.Repair, "repair", false, o.t.FlagRepair)
	cmd.Flags().StringVar(&opt.Volume, "volume", "", o.t.FlagVolume)
	return cmd
}

func (o *options) printFsck(cmd *cobra.Command, r appliance.FsckReport) error {
	p := &printer{t: o.t}
	for _, v := range r.Volumes {
		p.line(o.t.FsckVolume, v.Dir, v.Journal, v.Documents, p.t.size(int64(v.Bytes)), v.Values, v.Findings, v.Repaired) //nolint:gosec // a size
	}
	for _, f := range r.Findings {
		p.finding(f)
	}
	if r.More > 0 {
		p.line(o.t.FsckMore, r.More)
	}
	verdict := o.t.FsckClean
	switch {
	case r.Unrepaired > 0:
		verdict = fmt.Sprintf(o.t.FsckStand, r.Unrepaired)
	case len(r.Findings) > 0:
		verdict = o.t.FsckRepaired
	}
	p.line(o.t.FsckAll, r.Journal, r.Documents, p.t.size(int64(r.Bytes)), r.Rounds, verdict) //nolint:gosec // a size
	return p.to(cmd.OutOrStdout())
}

// finding tells what is wrong and what a person does. The detail is the safe's own; another language
// has a sentence for its kind before it.
func (p *printer) finding(f store.Finding) {
	mark := p.t.FsckWrong
	if f.Repaired {
		mark = p.t.FsckMended
	}
	detail := words.Said{Message: p.t.Findings[string(f.Code)]}.With(f.Detail)
	p.line("%s %s %s%s%s", mark, f.Volume, f.What, p.t.Colon, detail)
	if remedy := p.t.Remedies[f.Todo()]; remedy != "" {
		p.line("  %s %s", p.t.HintLabel, remedy)
	} else if f.Remedy != "" {
		p.line("  %s %s", p.t.HintLabel, f.Remedy)
	}
}

// diagnosis is one line of doctor, and its remedy.
func (p *printer) diagnosis(d appliance.Diagnosis) {
	say := words.DoctorIn(p.t.language)
	name, verdict := say.Names[d.What], say.Verdicts[string(d.Verdict)]
	if name == "" {
		name = d.What
	}
	p.line("%-8s %-14s %s", verdict, name, strings.ReplaceAll(d.Detail, "\n", "; "))
	if d.Remedy != "" {
		p.line("%-23s %s %s", "", p.t.HintLabel, d.Remedy)
	}
}

// progressLine tells how far fsck is, once a second, on a terminal or a log alike.
func progressLine(cmd *cobra.Command, o *options) func(store.FsckReport) {
	last := time.Now() //nolint:forbidigo // paces the display
	return func(r store.FsckReport) {
		if o.json || time.Since(last) < time.Second {
			return
		}
		last = time.Now()                                                                                                    //nolint:forbidigo // paces the display
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), o.t.FsckProgress+"\n", r.Documents, o.t.size(int64(r.Bytes)), len(r.Findings)) //nolint:gosec // a size
	}
}
