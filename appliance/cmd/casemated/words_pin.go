package main

import "casemate/systemd"

// pinWords is what `casemated hsm pin` says, in one language.
type pinWords struct {
	Pin                        help
	FlagFile, FlagEncrypt      string
	Ask, AskAgain              string
	OneOfTwo, NoPlain          string
	NotTheSame, NotTheSameHint string
	Replaced, Again            string
	Bound                      map[string]string // of package systemd
}

func pinWordsIn(language string) *pinWords {
	if language == "fr" {
		return &pinFrench
	}
	return &pinEnglish
}

var pinEnglish = pinWords{
	Pin: help{
		Short: "Give this box the token's PIN again, encrypted",
		Long: `Give this box the token's PIN again: where it is another machine than the one on which the PIN was encrypted,
where the PIN was mistyped, or after the token's security officer has set another. It is asked for without being
shown, or read from FILE, or from a pipe; it replaces what lies on the box (encrypted for the service manager, or
the file that hsm.pin_file names), whole or not at all, and the token's process takes it up. The token's own PIN
is not changed: that is its vendor's tool's to do.

A PIN that the token refused is not tried again; given once more by this command it is, once.

With --encrypt the PIN that an earlier version left in plain is encrypted, and that file removed.`,
		Example: "  casemated hsm pin\n  casemated hsm pin --file /root/pin\n  casemated hsm pin --encrypt",
	},
	FlagFile: "read it from `FILE`, mode 0600", FlagEncrypt: "encrypt the one that an earlier version left in plain",
	Ask: "The token's PIN", AskAgain: "Once more",
	OneOfTwo: "--file and --encrypt do not go together", NoPlain: "no PIN lies here in plain",
	NotTheSame: "the two are not the same", NotTheSameHint: "nothing was changed; begin again",
	Replaced: "the PIN lies in %s", Again: "the token had refused this very PIN; it is tried once more",
	Bound: map[string]string{
		systemd.BoundToHost:    "encrypted with the key of this machine, which lies on the same disk: whoever has that disk has both",
		systemd.BoundToTPM:     "encrypted with this machine's TPM: its disk alone opens nothing",
		systemd.BoundToBoth:    "encrypted with this machine's TPM and its own key: its disk alone opens nothing",
		systemd.BoundToUnknown: "encrypted with a key that this program does not know",
	},
}

var pinFrench = pinWords{
	Pin: help{
		Short: "Redonner à ce coffre le code PIN du jeton, chiffré",
		Long: `Redonner à ce coffre le code PIN du jeton : quand c'est une autre machine que celle où il fut chiffré, quand il
fut mal tapé, ou après que l'officier de sécurité du jeton en a posé un autre. Il est demandé sans être montré,
ou lu dans FILE, ou d'un tube ; il remplace ce qui est sur le coffre (chiffré pour le gestionnaire de services,
ou le fichier que nomme hsm.pin_file), en entier ou pas du tout, et le processus du jeton le prend. Le code du
jeton lui-même n'est pas changé : c'est l'affaire de l'outil du fabricant.

Un code que le jeton a refusé n'est pas réessayé ; redonné par cette commande, il l'est, une fois.

Avec --encrypt, le code qu'une version antérieure avait laissé en clair est chiffré, et ce fichier effacé.`,
		Example: "  casemated hsm pin\n  casemated hsm pin --file /root/pin\n  casemated hsm pin --encrypt",
	},
	FlagFile: "le lire dans `FILE`, droits 0600", FlagEncrypt: "chiffrer celui qu'une version antérieure a laissé en clair",
	Ask: "Code PIN du jeton", AskAgain: "Encore une fois",
	OneOfTwo: "--file et --encrypt ne vont pas ensemble", NoPlain: "aucun code PIN n'est ici en clair",
	NotTheSame: "les deux ne sont pas les mêmes", NotTheSameHint: "rien n'a été changé ; recommencez",
	Replaced: "le code PIN est dans %s", Again: "le jeton avait refusé ce code même ; il est essayé une fois de plus",
	Bound: map[string]string{
		systemd.BoundToHost:    "chiffré avec la clé de cette machine, qui est sur le même disque : qui a ce disque a les deux",
		systemd.BoundToTPM:     "chiffré avec le TPM de cette machine : son disque seul n'ouvre rien",
		systemd.BoundToBoth:    "chiffré avec le TPM de cette machine et sa propre clé : son disque seul n'ouvre rien",
		systemd.BoundToUnknown: "chiffré avec une clé que ce programme ne connaît pas",
	},
}
