package main

import (
	"github.com/spf13/cobra"

	"casemate/appliance/wire"
)

func (a *app) vaultsCommand() *cobra.Command {
	return a.command("vaults", a.t.Vaults, a.noArgs(), func(cmd *cobra.Command, _ []string) error {
		c, err := a.connect()
		if err != nil {
			return err
		}
		defer c.Close()
		vaults, err := c.Vaults(cmd.Context())
		if err != nil {
			return err
		}
		for _, v := range vaults {
			if err := a.result(v, func() { a.showVault(v) }); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *app) showVault(v wire.Vault) {
	a.say("%s  %s  %8d  %14d  %s\n", clean(v.ID), instant(v.Created), v.Documents, v.Bytes, clean(v.Name))
}

func (a *app) vaultCommand() *cobra.Command {
	vault := a.command("vault", a.t.Vault, a.noArgs(), func(cmd *cobra.Command, _ []string) error { return cmd.Help() })
	vault.AddCommand(a.command("create NAME", a.t.VaultCreate, a.args(1, 1), func(cmd *cobra.Command, args []string) error {
		c, err := a.connect()
		if err != nil {
			return err
		}
		defer c.Close()
		v, err := c.CreateVault(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return a.result(v, func() { a.say(a.t.VaultCreated+"\n", clean(v.Name), clean(v.ID)) })
	}))
	return vault
}
