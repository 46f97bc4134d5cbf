package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// reachWords is what `casemated reach` says, in one language.
type reachWords struct {
	Reach           help
	Written, Stands string
}

var reachEnglish = reachWords{
	Reach: help{
		Short: "Let the services reach the library and the volumes that the configuration names",
		Long: `Let the services reach what the configuration names and the package could not know of: a token's library that lies
elsewhere than below /usr/lib and /opt, volumes elsewhere than below /srv, /mnt, /media and /var/lib/casemate. It
writes drop-ins of the units and lines of the AppArmor profiles, and has both read again; a service takes them up when
it is restarted. The set-up does this, and so does each upgrade of the package; do it after having moved something.
A volume's folder must besides be one that casemate.service may write: see the guide to the volumes.`,
		Example: "  casemated reach",
	},
	Written: "written: %s", Stands: "nothing needs to be written",
}

var reachFrench = reachWords{
	Reach: help{
		Short: "Admettre les services à la bibliothèque et aux volumes que nomme la configuration",
		Long: `Admettre les services à ce que nomme la configuration et que le paquet ne pouvait pas connaître : une bibliothèque de
jeton ailleurs que sous /usr/lib et /opt, des volumes ailleurs que sous /srv, /mnt, /media et /var/lib/casemate. La
commande écrit des compléments d'unités et des lignes des profils AppArmor, et fait relire les deux ; un service les
prend quand il est redémarré. La mise en place le fait, chaque mise à jour du paquet aussi ; à refaire après avoir
déplacé quelque chose. Le dossier d'un volume doit en outre être de ceux où casemate.service peut écrire : voyez le
guide des volumes.`,
		Example: "  casemated reach",
	},
	Written: "écrits : %s", Stands: "rien n'est à écrire",
}

// reachCommand lets the services reach what the configuration names.
func reachCommand(o *options) *cobra.Command {
	w := &reachEnglish
	if o.t.language == "fr" {
		w = &reachFrench
	}
	return describe(&cobra.Command{Use: "reach", Args: noArguments, RunE: func(cmd *cobra.Command, _ []string) error {
		cfg, err := o.load()
		if err != nil {
			return err
		}
		written, err := cfg.Reach(o.config)
		if err != nil {
			return err
		}
		if len(written) == 0 {
			return o.tell(cmd, written, "%s", w.Stands)
		}
		return o.tell(cmd, written, w.Written, strings.Join(written, ", "))
	}}, w.Reach)
}
