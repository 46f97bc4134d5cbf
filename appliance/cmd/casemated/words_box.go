package main

// boxWords is what the commands of the box say beside those of the volumes, in one language.
type boxWords struct {
	setupWords
	Health                             help
	FlagAlive                          string
	Healthy, Ready, NotWell, Concerned string
}

func (t *catalogue) box() *boxWords {
	if t.language == "fr" {
		return &boxFrench
	}
	return &boxEnglish
}

var boxEnglish = boxWords{
	setupWords: setupEnglish,
	Health: help{
		Short: "Tell whether the running safe would take a deposit now",
		Long: `Tell whether the safe that runs on this machine would take a deposit now, and what stands against it, and what wants a
person all the same, as a volume that is out of service does; with --alive, whether it works at all, which is
what its watchdog asks. For scripts and for a person in a hurry; casemated doctor looks at much more. The same
answers over HTTP at /readyz (which stays 200 while deposits are taken) and /healthz.

Exit code 0: all is well; 5: something is not, and what; 1: no safe answers.`,
		Example: "  casemated health\n  casemated health --alive --json",
	},
	FlagAlive: "only whether the safe works at all",
	Healthy:   "the safe works", Ready: "the safe works and takes deposits", NotWell: "something stands against it; see above", Concerned: "something wants a person; see above",
}

var boxFrench = boxWords{
	setupWords: setupFrench,
	Health: help{
		Short: "Dire si le coffre en marche recevrait un dépôt maintenant",
		Long: `Dire si le coffre qui tourne sur cette machine recevrait un dépôt maintenant, et ce qui s'y oppose, et ce qui
demande quelqu'un tout de même, comme un volume hors service ; avec --alive, s'il travaille seulement, ce que son
chien de garde demande. Pour les scripts et pour qui est pressé ; casemated doctor regarde bien davantage. Les
mêmes réponses par HTTP en /readyz (qui reste à 200 tant que les dépôts sont reçus) et /healthz.

Code de sortie 0 : tout va bien ; 5 : quelque chose ne va pas, et quoi ; 1 : aucun coffre ne répond.`,
		Example: "  casemated health\n  casemated health --alive --json",
	},
	FlagAlive: "seulement si le coffre travaille",
	Healthy:   "le coffre travaille", Ready: "le coffre travaille et reçoit les dépôts", NotWell: "quelque chose s'y oppose ; voyez plus haut", Concerned: "quelque chose demande quelqu'un ; voyez plus haut",
}
