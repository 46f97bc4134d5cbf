package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"casemate/appliance"
	"casemate/hsm/module"
)

// pinCommand replaces the PIN that lies on the box, or encrypts the one that an earlier version left there.
func pinCommand(o *options) *cobra.Command {
	w := pinWordsIn(o.t.language)
	var file string
	var encrypt bool
	cmd := describe(&cobra.Command{Use: "pin", Args: noArguments, RunE: func(cmd *cobra.Command, _ []string) error {
		if encrypt && file != "" {
			return exitCode{exitUsage, &told{nil, w.OneOfTwo, ""}}
		}
		cfg, err := o.load()
		if err != nil {
			return err
		}
		if encrypt {
			return o.encryptPIN(cmd, cfg, w)
		}
		pin, err := w.ask(cmd, file, o.t.Colon)
		if err != nil {
			return err
		}
		done, err := appliance.ReplacePIN(cmd.Context(), cfg, o.config, pin)
		if err != nil {
			return err
		}
		if done.Encrypted {
			if err := appliance.TakeUpPIN(cmd.Context()); err != nil {
				return err
			}
		}
		return o.tellPIN(cmd, done, w)
	}}, w.Pin)
	cmd.Flags().StringVar(&file, "file", "", w.FlagFile)
	cmd.Flags().BoolVar(&encrypt, "encrypt", false, w.FlagEncrypt)
	return cmd
}

func (o *options) encryptPIN(cmd *cobra.Command, cfg appliance.Config, w *pinWords) error {
	done, found, err := appliance.EncryptPIN(cmd.Context(), cfg, o.config)
	if err != nil {
		return err
	}
	if !found {
		return o.tell(cmd, done, "%s", w.NoPlain)
	}
	return o.tellPIN(cmd, done, w)
}

func (o *options) tellPIN(cmd *cobra.Command, done appliance.PINReplaced, w *pinWords) error {
	p := &printer{t: o.t}
	p.line(w.Replaced, done.File)
	if done.Encrypted {
		p.line("%s", w.Bound[done.BoundTo])
	}
	if done.Again {
		p.line("%s", w.Again)
	}
	return o.tell(cmd, done, "%s", strings.TrimSuffix(p.b.String(), "\n"))
}

const maxTypedPIN = 4 << 10 // bytes read of a pipe

// ask takes the PIN from a file, from the console (unseen, twice), or from a pipe.
func (w *pinWords) ask(cmd *cobra.Command, file, colon string) (string, error) {
	if file != "" {
		return module.ReadPIN(file)
	}
	if !onConsole() {
		text, err := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), maxTypedPIN)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		return strings.TrimSuffix(text, "\n"), nil
	}
	var typed [2]string
	for i, question := range []string{w.Ask, w.AskAgain} {
		_, _ = fmt.Fprint(cmd.ErrOrStderr(), question+colon) // else no answer comes
		text, err := term.ReadPassword(int(os.Stdin.Fd()))   //nolint:gosec // a descriptor fits
		_, _ = fmt.Fprintln(cmd.ErrOrStderr())               // what was typed does not show, its end neither
		if err != nil {
			return "", err
		}
		typed[i] = string(text)
	}
	if typed[0] != typed[1] {
		return "", &told{nil, w.NotTheSame, w.NotTheSameHint}
	}
	return typed[0], nil
}
