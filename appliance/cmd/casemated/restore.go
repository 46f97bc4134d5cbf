package main

import (
	"errors"

	"github.com/spf13/cobra"

	"casemate/appliance"
	"casemate/appliance/backup"
)

// keyFlags say how a backup's envelopes are opened.
type keyFlags struct{ recovery, opened string }

func (k *keyFlags) add(cmd *cobra.Command, w *backupWords) {
	cmd.Flags().StringVar(&k.recovery, "recovery-key", "", w.FlagRecovery)
	cmd.Flags().StringVar(&k.opened, "opened", "", w.FlagOpened)
}

// maxKeyFile bounds a file with a recovery key.
const maxKeyFile = 64 << 10

// opener is what opens envelopes; nil if nothing does and nothing has to.
func (k *keyFlags) opener(o *options, needed bool) (backup.Opener, error) {
	w := o.t.backup()
	switch {
	case k.recovery != "" && k.opened != "", needed && k.recovery == "" && k.opened == "":
		return nil, exitCode{exitUsage, &told{nil, w.NeedsKey, w.NeedsKeyHint}}
	case k.opened != "":
		return backup.OpenedKeys(k.opened), nil
	case k.recovery == "":
		return nil, nil
	}
	text, err := backup.ReadSecret(k.recovery, maxKeyFile)
	if err != nil {
		return nil, err
	}
	private, err := backup.ParseRecoveryKey(text)
	if err != nil {
		return nil, err
	}
	return backup.RecoveryKey(private), nil
}

// restoreCommand verifies a backup, takes its files out, or makes volumes of it.
func restoreCommand(o *options) *cobra.Command {
	w := o.t.backup()
	var opt appliance.RestoreOptions
	var keys keyFlags
	var verify bool
	var files string
	cmd := describe(&cobra.Command{Use: "restore DIR", Args: exactly(1), RunE: func(cmd *cobra.Command, args []string) (err error) {
		if verify && (files != "" || len(opt.To) > 0) || files != "" && len(opt.To) > 0 {
			return exitCode{exitUsage, &told{nil, w.OneAct, ""}}
		}
		if opt.Open, err = keys.opener(o, !verify); err != nil {
			return err
		}
		opt.Dir, opt.ConfigFile, opt.Progress = args[0], o.config, o.moved(cmd, w.Progress)
		switch {
		case verify:
			return o.verifyBackup(cmd, opt)
		case files != "":
			names, err := appliance.UnboxBackup(cmd.Context(), o.configured(), o.log(), opt, files)
			if err != nil {
				return err
			}
			return o.tell(cmd, names, w.Unboxed, len(names), files)
		}
		return o.restore(cmd, opt)
	}}, w.Restore)
	keys.add(cmd, w)
	cmd.Flags().BoolVar(&verify, "verify", false, w.FlagVerify)
	cmd.Flags().StringVar(&files, "files", "", w.FlagFiles)
	cmd.Flags().StringArrayVar(&opt.To, "to", nil, w.FlagTo)
	cmd.Flags().Uint64Var(&opt.Number, "number", 0, w.FlagNumber)
	cmd.Flags().StringVar(&opt.Digest, "digest", "", w.FlagDigest)
	cmd.Flags().BoolVar(&opt.Unproved, "unproved", false, w.FlagUnproved)
	return cmd
}

// configured is the configuration, if this machine has one.
func (o *options) configured() *appliance.Config {
	if c, err := o.load(); err == nil {
		return &c
	}
	return nil
}

// verifyBackup tells what could be verified and what could not. A machine without a configuration verifies
// what needs none.
func (o *options) verifyBackup(cmd *cobra.Command, opt appliance.RestoreOptions) error {
	w := o.t.backup()
	v, err := appliance.VerifyBackup(cmd.Context(), o.configured(), o.log(), opt)
	if o.json {
		return errors.Join(printJSON(cmd, v), err)
	}
	p := &printer{t: o.t}
	for _, fault := range v.Faults {
		p.line("%s %s", o.t.FsckWrong, fault)
	}
	if err == nil {
		p.line(w.Verified, v.Number, v.At.Format("2006-01-02 15:04:05Z"), v.Documents, v.Sequence, v.Numbers)
		p.line("%s", w.VerifiedFiles)
	}
	if v.Contents {
		p.line("%s", w.VerifiedContents)
	}
	if v.Origin {
		p.line("%s", w.VerifiedOrigin)
	}
	if v.Damaged > 0 {
		p.line(w.Damaged, v.Damaged)
	}
	for _, what := range v.Unchecked {
		p.line("%s", w.Unchecked[what])
	}
	return errors.Join(p.to(cmd.OutOrStdout()), err)
}

// restore makes volumes of a backup, and says what comes next.
func (o *options) restore(cmd *cobra.Command, opt appliance.RestoreOptions) error {
	cfg, err := o.load()
	if err != nil {
		return err
	}
	note, err := appliance.RestoreBackup(cmd.Context(), cfg, o.log(), opt)
	if err != nil {
		return err
	}
	w := o.t.backup()
	return o.tell(cmd, note, w.Restored, note.Number, note.Taken.Format("2006-01-02 15:04:05Z"), note.Sequence)
}
