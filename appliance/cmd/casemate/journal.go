package main

import (
	"time"

	"github.com/spf13/cobra"

	"casemate/appliance/client"
	"casemate/appliance/wire"
)

func (a *app) journalCommand() *cobra.Command {
	var q client.Query
	var from, to string
	var limit int
	var checkpoint bool
	cmd := a.command("journal", a.t.Journal, a.noArgs(), func(cmd *cobra.Command, _ []string) error {
		var err error
		if q.From, err = a.parseInstant("from", from); err != nil {
			return err
		}
		if q.To, err = a.parseInstant("to", to); err != nil {
			return err
		}
		c, err := a.connect()
		if err != nil {
			return err
		}
		defer c.Close()
		if checkpoint {
			note, err := c.Checkpoint(cmd.Context())
			if err != nil {
				return err
			}
			return a.result(map[string]string{"checkpoint": string(note)}, func() { a.say("%s", note) })
		}
		told := 0
		for entry, err := range c.Journal(cmd.Context(), q) {
			if err != nil {
				return err
			}
			if err := a.result(entry, func() { a.showEntry(entry) }); err != nil {
				return err
			}
			if told++; told == limit {
				break
			}
		}
		return nil
	})
	flags := cmd.Flags()
	flags.StringVar(&q.Object, "object", "", a.t.Flag.Object)
	flags.StringVar(&q.User, "user", "", a.t.Flag.User)
	flags.StringVar(&from, "from", "", a.t.Flag.From)
	flags.StringVar(&to, "to", "", a.t.Flag.To)
	flags.Uint64Var(&q.After, "after", 0, a.t.Flag.AfterEntry)
	flags.IntVar(&limit, "limit", 0, a.t.Flag.Limit)
	flags.BoolVar(&checkpoint, "checkpoint", false, a.t.Flag.Checkpoint)
	return cmd
}

// parseInstant takes a day or an instant with its zone; a day begins in UTC, as the
// journal counts.
func (a *app) parseInstant(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, a.usage(a.t.InstantHint, a.t.InstantWrong, flag, text)
}

func (a *app) showEntry(e wire.Entry) {
	a.say("%8d  %s  %-9s  %s", e.Seq, instant(e.At), clean(e.Result), clean(e.Act))
	for _, part := range []string{e.Object, e.Vault, e.Actor.Name, e.Actor.From, e.Reason} {
		if part != "" {
			a.say("  %s", clean(part))
		}
	}
	a.say("\n")
}
