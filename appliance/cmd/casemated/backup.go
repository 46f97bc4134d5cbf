package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"casemate/appliance"
)

// backupCommand takes backups, and has them drilled.
func backupCommand(o *options) *cobra.Command {
	w := o.t.backup()
	opt := appliance.BackupOptions{}
	cmd := describe(&cobra.Command{Use: "backup DIR", Args: exactly(1), RunE: func(cmd *cobra.Command, args []string) error {
		cfg, err := o.load()
		if err != nil {
			return err
		}
		opt.Dir, opt.ConfigFile, opt.Source, opt.Progress = args[0], o.config, o.source(), o.moved(cmd, w.Progress)
		done, err := appliance.Backup(cmd.Context(), cfg, o.log(), opt)
		if err != nil {
			return err
		}
		if o.json {
			return printJSON(cmd, done.Manifest)
		}
		kind := w.Increment
		if done.Whole {
			kind = w.Whole
		}
		p := &printer{t: o.t}
		p.line(w.Taken, done.Number, kind, args[0], done.Held.Documents, done.Held.Entries, done.Head.Sequence, o.t.size(done.Bytes))
		p.line(w.Digest, done.Digest)
		if done.Why != "" {
			p.line(w.WholeAfterAll, w.why(done.Why))
		}
		if cfg.JudgeMedium(cmd.Context(), args[0]) != nil {
			p.line("%s", w.SameDisk)
		}
		if done.Swept > 0 {
			p.line("%s", w.Superseded)
		}
		if done.Damaged > 0 {
			p.line(w.Damaged, done.Damaged)
		}
		return p.to(cmd.OutOrStdout())
	}}, w.Backup)
	cmd.Flags().BoolVar(&opt.Full, "full", false, w.FlagFull)
	cmd.Flags().BoolVar(&opt.SameDisk, "same-disk", false, w.FlagSameDisk)
	cmd.AddCommand(drillCommand(o), sourceCommand(o))
	return cmd
}

// source is the command that opens a safe that does not run, for as long as a backup needs it.
func (o *options) source() []string {
	command := []string{"/proc/self/exe", "backup", "source", "--config", o.config}
	if o.debug {
		command = append(command, "--debug")
	}
	return command
}

// sourceCommand is that command; nobody types it. It goes on as the safe's own user.
func sourceCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "source", Hidden: true, Args: noArguments, RunE: func(cmd *cobra.Command, _ []string) error {
		cfg, err := o.load()
		if err != nil {
			return err
		}
		if err := asOwner(cfg); err != nil {
			return err
		}
		cfg.Scrub.Every = -1 // it is open for a while only
		a, err := appliance.Open(cmd.Context(), cfg, o.config, o.log())
		if err != nil {
			return err
		}
		return a.ServeSource(cmd.Context())
	}}
}

func drillCommand(o *options) *cobra.Command {
	w := o.t.backup()
	var opt appliance.RestoreOptions
	var keys keyFlags
	cmd := describe(&cobra.Command{Use: "drill DIR", Args: exactly(1), RunE: func(cmd *cobra.Command, args []string) error {
		cfg, err := o.load()
		if err != nil {
			return err
		}
		if opt.Open, err = keys.opener(o, true); err != nil {
			return err
		}
		opt.Dir, opt.ConfigFile, opt.Source = args[0], o.config, o.source()
		done, err := appliance.DrillBackup(cmd.Context(), cfg, o.log(), opt)
		if err != nil {
			return err
		}
		return o.tell(cmd, done, w.Drilled, done.Documents)
	}}, w.Drill)
	keys.add(cmd, w)
	cmd.Flags().Uint64Var(&opt.Number, "number", 0, w.FlagNumber)
	cmd.Flags().IntVar(&opt.Documents, "documents", 100, w.FlagDocuments)
	cmd.Flags().StringVar(&opt.Scratch, "scratch", "", w.FlagScratch)
	return cmd
}

// moved tells how far something is, once a second.
func (o *options) moved(cmd *cobra.Command, format string) func(done, of int64) {
	last := time.Now() //nolint:forbidigo // paces the display
	return func(done, of int64) {
		if o.json || time.Since(last) < time.Second {
			return
		}
		last = time.Now() //nolint:forbidigo // paces the display
		about := "?"
		if of > 0 {
			about = o.t.size(of)
		}
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", o.t.size(done), about) // it is only shown
	}
}
