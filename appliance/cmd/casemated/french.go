package main

import "casemate/appliance/words"

// french dit la même chose que [english].
var french = catalogue{
	language: "fr",
	Raid: help{
		Short: "Voir les volumes et en prendre soin",
		Long: `Voir les volumes du coffre de cette machine et en prendre soin, par sa socket de contrôle : root et
l'utilisateur du coffre le peuvent. Chaque acte est au journal.

VOLUME est l'identité d'un volume, au moins ses huit premiers chiffres, ou son dossier.`,
		Example: "  casemated raid status\n  casemated raid replace 1a2b3c4d /srv/volume-c",
	},
	Status: help{
		Short: "Dire comment vont les volumes, pourquoi, et que faire",
		Long: `Dire comment vont le miroir et chacun de ses volumes, depuis quand, pourquoi, et que faire. Quand le
coffre ne tourne pas, c'est dit d'après ce que les volumes disent d'eux-mêmes.

Code de fin 0 : rien ne demande personne ; 5 : quelque chose demande quelqu'un.`,
	},
	Scrub: help{
		Short: "Tout relire : start, pause, status",
		Long: `Une relecture relit chaque octet de chaque volume, le contrôle, et répare d'après un autre volume ce
qui est mauvais. Le coffre la fait de lui-même ; sans argument, son état est dit.`,
	},
	ScrubStart:  help{Short: "Commencer une relecture, ou reprendre celle qui est en pause"},
	ScrubPause:  help{Short: "Mettre la relecture en pause jusqu'à ce qu'on la relance"},
	ScrubStatus: help{Short: "Dire où en est la relecture"},
	Resilver: help{
		Short: "Faire remettre un volume à jour tout de suite",
		Long: `Faire remettre un volume à jour tout de suite : aussi un volume absent, détaché ou en défaut, une fois
son disque revenu. Avec --whole il est vidé et rempli à neuf.`,
	},
	Replace: help{
		Short: "Mettre un disque neuf à la place d'un volume",
		Long: `Retirer VOLUME pour toujours et remplir le dossier vide NEWDIR à sa place. Ce qui est retiré n'est jamais
repris de soi-même.`,
		Example: "  mkfs.xfs /dev/sdc && mount /dev/sdc /srv/volume-c\n  casemated raid replace 1a2b3c4d /srv/volume-c",
	},
	Add: help{
		Short: "Faire d'un dossier vide un volume, ou une réserve",
		Long: `Faire du dossier vide DIR un volume de plus, rempli pendant que le coffre travaille ; avec --spare il
attend qu'on ait besoin de lui à la place d'un volume perdu.`,
	},
	Remove:  help{Short: "Retirer un volume pour toujours", Long: "Retirer un volume pour toujours. Le dernier qui est à jour n'est jamais retiré."},
	Detach:  help{Short: "Sortir un volume, pour l'emporter", Long: "Fermer proprement un volume, pour qu'un coursier l'emporte ou qu'on le mette au coffre. Il reste connu ;\n« casemated raid resilver » le remet à jour."},
	Reclaim: help{Short: "Rendre au disque la place de ce qui a été enlevé", Long: "Rendre au système de fichiers d'un volume la place de ce qui a été enlevé. Il faut un jumeau à jour ; c'est\nrefusé si quoi que ce soit sur le volume est mauvais."},
	Examine: help{Short: "Dire ce qu'un dossier dit de lui-même", Long: "Dire ce que le volume d'un dossier dit de lui-même : de quel miroir il est, ce qu'il a, pourquoi il est\ndehors. Rien n'est démarré ni changé."},
	Decide: help{
		Short: "Décider à deux personnes quel volume dit vrai",
		Long: `Quand les volumes ne peuvent pas dire d'eux-mêmes lequel tient la vérité, le coffre ne s'ouvre pas, et deux
personnes décident : des appelants qui ont le rôle officer.

1. Sans argument, les choix sont dits, et ce que chacun perdrait.
2. Avec CHOICE, une déclaration est écrite sur la sortie standard, et gardée ici un jour.
3. Les deux la lisent et la signent, chacun avec son certificat :
     openssl cms -sign -binary -in decision.txt -signer me.crt -inkey me.key -outform DER -out me.p7s
4. Avec les deux signatures, la décision est prise. Le prochain démarrage l'exécute et l'écrit au journal.`,
		Example: "  casemated raid decide\n  casemated raid decide 1a2b3c4d >decision.txt\n  casemated raid decide --signature ada.p7s --signature bob.p7s",
	},
	Root:    help{Short: "Casemate, un coffre numérique : le service et les commandes de la machine"},
	Serve:   help{Short: "Ouvrir le coffre et répondre en HTTPS"},
	HSM:     help{Short: "Tenir le jeton et répondre aux demandes du service"},
	Version: help{Short: "Dire de quelle version il s'agit"},
	Doctor:  help{Short: "Contrôler ce qu'il faut au coffre autour de lui, avec un remède à chaque défaut"},
	Init: help{
		Short: "Installer un coffre de démonstration : jeton, clés, volumes, premiers certificats",
		Long: `Installer un coffre de démonstration : initialiser le jeton, faire ses clés, formater les volumes, écrire
dans DIR ce qui est public et les certificats des premiers appelants.

Un coffre installé ainsi est marqué « démonstration » partout où l'on regarde : aucune cérémonie des clés
n'a été tenue, et une seule personne a eu tous les secrets en main. Rien de ce qui existe n'est écrasé.`,
	},
	Fsck: help{
		Short: "Tout relire sur chaque volume et le contrôler (le service doit être arrêté)",
		Long: `Ouvrir le coffre, tout relire sur chaque volume à jour et le contrôler : journal, tours d'horodatage,
documents avec leurs preuves, toutes les autres valeurs. Avec --repair ce qui est mauvais sur un volume et
bon sur un autre est récrit, et contrôlé de nouveau. Quand le coffre sert, « casemated raid scrub start » en
fait autant.

Code de fin 0 : plus rien ne va mal ; 5 : quelque chose va mal, et chaque constat dit que faire.`,
	},
	BenchRaid: help{
		Short: "Mesurer le miroir sur deux systèmes de fichiers, à côté d'eux-mêmes sans lui",
		Long: `Fait un miroir et un coffre dans deux dossiers vides, mieux sur deux disques, et écrit une ligne par cas :
les écritures à côté de deux fichiers nus avec fdatasync dans le même essai, les écritures avec un seul
volume, un volume rempli à neuf à côté d'une copie nue, une relecture à côté des deux empreintes sur un cœur,
et ce qu'un petit dépôt attend pendant ce temps. Avec --grow, comment l'ouverture, la relecture et la mémoire
croissent avec le nombre de documents. Les deux dossiers restent tels quels ; ils contiennent un coffre dont
personne n'a besoin.`,
	},
	BenchService: help{
		Short: "Mesurer comment le service démarre et s'arrête, et ce que coûtent des appelants muets",
		Long: `Fait un coffre dans un dossier vide, y dépose jusqu'à autant de documents que le dit --grow, et écrit une
ligne par cas : du lancement du processus jusqu'à ce qu'il soit prêt, sans rien de lui dans le cache des
pages ; la mémoire et les fichiers ouverts avec mille connexions qui ne disent rien ; de SIGTERM à la fin
pendant que d'autres déposent. Ce qui a été accusé jusque-là doit y être quand il sert de nouveau. Un
dossier laissé par un essai précédent est mesuré tel quel, sans --grow ; le dossier reste.`,
	},
	FlagDemonstration: "oui, sans cérémonie des clés", FlagOut: "le dossier `DIR` qui reçoit trust/, access.pem et clients/",
	FlagRepair: "récrire ce qui est mauvais sur un volume et bon sur un autre", FlagVolume: "ne lire que le volume du dossier `DIR` (ou de cette identité)",
	InitSteps: map[string]string{ //nolint:gosec // words, no credentials
		"token": "Jeton %q : clés et autorités", "volumes": "Volumes : %s",
		"client": "Certificat de %q : %s", "table": "À ajouter à la configuration : callers = %q",
	},
	InitDone: "Le coffre est installé. Pour le démarrer : casemated serve --config %s",
	Wrong:    "quelque chose ne va pas ; voyez plus haut", HelpCommand: "En dire plus sur une commande",
	UsageWrong: "cette ligne de commande ne se comprend pas", UsageHint: "casemated COMMAND --help dit ce qui peut y être",
	FsckVolume: "volume %s : %d entrées du journal, %d documents (%s), %d autres valeurs, %d constats, %d réparations",
	FsckWrong:  "MAUVAIS", FsckMended: "RÉPARÉ", FsckMore: "et %d constats de plus",
	FsckClean: "tout est bon", FsckStand: "%d constats subsistent", FsckRepaired: "tout ce qui était mauvais est réparé",
	FsckAll:      "%d entrées du journal, %d documents (%s) sur chaque volume, %d tours d'horodatage : %s",
	FsckProgress: "%d documents, %s jusqu'ici, %d constats",
	Findings: map[string]string{
		"value-damaged": "une valeur ne se lit pas comme elle a été écrite", "value-missing": "il manque une valeur que l'autre volume a",
		"volume-audit": "le miroir n'y trouve pas ce qu'il a écrit", "journal": "le journal n'est pas tel qu'il a été écrit",
		"round": "un tour d'horodatage ne tient pas", "vault": "ce qui décrit un compartiment ne tient pas", "record": "la fiche d'un document ne s'ouvre pas",
		"document": "un document, son sceau ou ses preuves ne sont plus ce qu'ils étaient", "index": "un index ne mène pas à son document",
		"gap": "un numéro que rien n'explique", "document-missing": "le journal parle d'un document qui n'est pas là",
		"document-unknown": "un document dont le journal ne parle pas", "orphan": "des octets qui ne sont d'aucun document",
	},
	Remedies: map[string]string{
		"repair": "une bonne copie est sur un autre volume : casemated fsck --repair, ou casemated raid scrub start quand le coffre sert",
		"lost":   "aucun volume à jour n'a de bonne copie : si un volume est absent ou détaché, faites-le revenir (casemated raid status) ; gardez ce volume tel quel et appelez qui veille sur le coffre",
		"alone":  "il n'y a pas d'autre volume à jour d'où prendre une bonne copie : faites-en revenir un (casemated raid status), puis casemated fsck --repair",
		"beyond": "aucun disque ne fait cela de lui-même : les valeurs sont entières et authentiques, et pourtant se contredisent ; gardez tous les volumes tels quels, détachez-en un comme preuve et appelez qui veille sur le coffre",
		"return": "voyez casemated raid status, et contrôlez de nouveau quand il sera à jour",
		"orphan": "aucun document n'est atteint et il n'y a rien à faire : ces octets ne font que prendre de la place ; dites-le à qui veille sur le coffre",
	},
	FlagWhole: "le vider et le remplir à neuf", FlagSpare: "en réserve, pour prendre la place d'un volume perdu", FlagSameDisk: "sciemment sur le disque du système ou sur celui d'un autre volume",
	FlagYes: "ne rien demander", FlagSign: "signature CMS détachée de la déclaration par une personne, `FILE` ; deux fois",
	UsageTemplate: words.UsageTemplate(words.Headings{
		Usage: "Emploi", Examples: "Exemples", Commands: "Commandes", Flags: "Options", Global: "Options de toutes les commandes",
		Topics: "Autres aides", More: `« {{.CommandPath}} COMMAND --help » en dit plus sur une commande.`,
	}),
	FlagHelp: "montrer cette aide", FlagConfig: "la configuration, `FILE`", FlagJSON: "écrire un objet JSON par ligne",
	FlagLang: "parler la langue `LANGUAGE` : en ou fr (sinon : celle de l'environnement)", FlagDebug: "en dire plus dans le journal de la machine",
	ErrorLabel: "erreur :", HintLabel: "conseil :",
	Mirror: "miroir %s", Colon: " : ", Since: " depuis le %s", Volume: "volume %s  %s  %s",
	Why: "raison :", Todo: "à faire :", Disk: "disque :",
	FreeOf: "%s libres sur %s", Nearly: "presque plein : sous %s les dépôts sont refusés", Faults: "%d valeurs mauvaises en 24 heures ; %d sont trop",
	Progress: "%s sur %s, %s/s, encore %s", Anew: "rempli à neuf", CaughtUp: "rattrapé", Resume: "reprend où il a été interrompu",
	Deposits: "les dépôts sont reçus, sur %d volumes ; il en faut au moins %d", Refusing: "les dépôts sont REFUSÉS : %d volumes sont à jour, il en faut au moins %d",
	Closed: "le coffre ne tourne pas : voici ce que ses volumes disent d'eux-mêmes",
	Scrubbing: map[string]string{
		"idle": "relecture : aucune en cours", "running": "relecture : en cours depuis le %s", "paused": "relecture : EN PAUSE, commencée le %s",
	},
	ScrubOverdue: "la prochaine est EN RETARD, elle devait finir le %s", ScrubLast: "la dernière a fini le %s avec %d constats et %d réparations (rapport %s)", ScrubNever: "aucune n'a encore fini", ScrubNext: "la prochaine finit avant le %s",
	ScrubFound: "%d constats, %d valeurs réparées, %d constats demeurent", ScrubProblem: "elle attend : %s",
	Choices: "ce qui peut être décidé :", Choice: "choix %s : volume %s dans %s, jusqu'à l'écriture %d", ChoiceWritten: "écrite le %s",
	ChoiceLoses: "perd :", ChoiceTake: "casemated raid decide %s >decision.txt",
	HowToDecide:     "deux personnes décident : imprimez l'une des déclarations, faites-la signer des deux, rendez les deux signatures (casemated raid decide --help)",
	NothingToDecide: "il n'y a rien à décider",
	Sign: "La déclaration vaut un jour. Chacune des deux personnes la lit et la signe :\n" +
		"  openssl cms -sign -binary -in decision.txt -signer me.crt -inkey me.key -outform DER -out me.p7s\n" +
		"Puis : casemated raid decide --signature ada.p7s --signature bob.p7s",
	Decided: "décidé par %s : démarrez le coffre, qui l'exécute et l'écrit au journal",
	Added:   "le volume %s est ajouté et se remplit : casemated raid status dit où il en est", SpareAdded: "la réserve %s est ajoutée",
	Replaced: "le volume %s est remplacé par %s, qui se remplit : casemated raid status dit où il en est",
	Removed:  "le volume %s est retiré pour toujours", Detached: "le volume %s est détaché : son disque peut être sorti",
	Resilvering: "le volume %s est remis à jour : casemated raid status dit où il en est", Reclaimed: "volume %s : %s avant, %s après",
	ScrubStarted: "la relecture est en cours", ScrubPaused: "la relecture attend qu'on la relance",
	Write:       "écrivez dans la configuration, pour le jour où le dossier d'état serait perdu : [volumes] dirs = [%s]",
	SureReplace: "Le volume %s dans %s est retiré pour toujours ; %s prend sa place.", SureRemove: "Le volume %s dans %s est retiré pour toujours.",
	Sure: "Continuer ? Tapez oui : ", NotSure: "rien n'a été fait",
	SayYes: "ceci n'est pas un terminal, et personne ne peut répondre", SayYesHint: "dites --yes",
	NotRunning: "le coffre ne tourne pas, et il le faut pour cela", NotRunningHint: "démarrez-le (systemctl start casemate, ou casemated serve), ou voyez casemated raid status",
	AsksForPerson: "quelque chose demande quelqu'un ; voyez plus haut", UnknownVolume: "%q ne nomme aucun volume, ou plusieurs",
	Units: []string{"o", "Kio", "Mio", "Gio", "Tio", "Pio"}, And: "et",
}
