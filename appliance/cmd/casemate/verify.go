package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func (a *app) verifyCommand() *cobra.Command {
	return a.command("verify RECEIPT --trust DIR", a.t.Verify, a.args(1, 1), func(*cobra.Command, []string) error {
		return errors.New("not yet")
	})
}
