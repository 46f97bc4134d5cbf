package main

// setupWords is what `casemated setup` says, in one language.
type setupWords struct {
	Setup                                             help
	FlagAnswers, FlagPrefix, FlagCheck                string
	BadAnswers, BadAnswersHint                        string
	Unfinished, BrokenOff, BrokenOffHint              string
	NothingAgainst, NotSetUp, NotSetUpHint            string
	Failed, FailedLeft, FailedHint                    string
	Running, RunningHint                              string
	NoConsole, NoConsoleHint                          string
	Steps                                             map[string]string
	Done, DoneRoot, Next                              string
	NextPIN, NextLost, NextGiven, NextTrust           string
	NextKeys, NextStart                               string
	NextDoctor                                        string
	Summary, WillDo                                   string
	RowOrigin, RowNames, RowListen, RowVolume         string
	RowErased, RowToken, RowServers, RowAuthority     string
	RowPerson                                         string
	Welcome, AskCeremony, AskAgain, AskAnyway         string
	AboutNames, AskOrigin, AskNames, AskListen        string
	AskRecovery                                       string
	AboutVolumes, AskVolume, AskMoreVolumes, AskMount string
	AboutErase, AskErase                              string
	AboutToken, AskModule, AskLabel, AskSerial        string
	AskInitialised, AskItsPIN, AskPIN, AskSOPIN       string
	AboutClock, AskServers, AskPolicy                 string
	AboutAuthority, AskURL, AskRoots, AskPolicies     string
	AskAuthorityName                                  string
	AboutPersons, AskPerson, AskRoles, AskCSR         string
}

var setupEnglish = setupWords{
	Setup: help{
		Short: "Set up this box: the first start, on the console or from a file of answers",
		Long: `Set up this box: ask what it needs (names and addresses, volumes, token, time servers, timestamp
authority, first persons), say what will be done, and do it: configuration, PINs, keys in the token, volumes,
certificates. It is all or nothing: what fails, or is broken off, is taken back, and nothing that exists is
overwritten. At the end it says what comes next.

With --answers nobody is asked; --check says what stands against it, and changes nothing. No key ceremony is
held: what the safe seals says "demonstration".

Exit code 0: done (or nothing stands against it); 78: something does; 5: an earlier set-up was broken off.`,
		Example: "  casemated setup\n  casemated setup --answers answers.toml --check\n  casemated setup --answers answers.toml",
	},
	FlagAnswers: "do not ask: the answers stand in `FILE`", FlagPrefix: "a safe of your own in the folder `DIR`, without the package and without systemd",
	FlagCheck:  "only say what stands against it",
	BadAnswers: "the answers cannot be used", BadAnswersHint: "correct the file; the guide \"First start\" shows a whole one",
	Unfinished: "An earlier set-up was broken off here.", BrokenOff: "what it made is still there", BrokenOffHint: "casemated setup without --check takes it back first",
	NothingAgainst: "nothing stands against it", NotSetUp: "the box was not set up; nothing was changed", NotSetUpHint: "do what stands beside each of these, then begin again",
	Failed: "the set-up failed, and what it had made was taken back", FailedHint: "see what it says; --debug says more; then begin again",
	Running: "another set-up is running", RunningHint: "let it come to its end", FailedLeft: "the set-up failed, and not all that it had made could be taken back",
	NoConsole: "this is not a terminal, and nobody can be asked", NoConsoleHint: "give a file of answers with --answers",
	Steps: map[string]string{ //nolint:gosec // words, no credentials
		"disk": "Disk %s: a file system, mounted on %s", "files": "Configuration in %s", "token": "Token %q: keys and authorities",
		"volumes": "Volumes: %s", "person": "Certificate of %q: %s", "undo": "Taking back what was made.",
		"left": "This could not be taken back (%s): %s",
	},
	Done: "The safe %s is set up; its configuration is %s", DoneRoot: "seal root, SHA-256: %s",
	Next:      "What comes next:",
	NextPIN:   "The PIN of the security officer stands in %s: write it down in two sealed envelopes, then delete the file.",
	NextLost:  "The token's own PIN lies encrypted in %s, and opens on no other machine: if this one is lost, the security officer sets another, and casemated hsm pin puts it in place.",
	NextGiven: "These files of yours hold PINs: delete each, once it is on paper: %s", NextTrust: "Hand out what stands in %s, apart from receipts: whoever verifies needs it.",
	NextKeys:  "These keys were made here: hand each to its person, then delete it: %s",
	NextStart: "Start the safe: %s", NextDoctor: "Look at it: %s, then %s",
	Summary: "This is what will be set up:", WillDo: "Disks that are to be erased lose everything. Keys are made, and cannot be made a second time.",
	RowOrigin: "journal", RowNames: "names and addresses", RowListen: "answers on", RowVolume: "volume", RowErased: "%s, ERASED, on %s", RowToken: "token",
	RowServers: "time servers", RowAuthority: "timestamp authority", RowPerson: "person",
	Welcome:     "This sets up the box as a digital safe. An empty answer takes what stands in [brackets]; Ctrl-C ends it, and nothing is changed before the last question.",
	AskCeremony: "No key ceremony is held now, so what this safe seals will say \"demonstration\". Go on? (yes/no)", AskAgain: "Once more, please.",
	AskAnyway:  "It is possible all the same, and not advised. Do you want it? (yes/no)",
	AboutNames: "The journal of the safe has a name for ever: a domain you own and a path, like casemate.example/safe-1.",
	AskOrigin:  "Name of the journal", AskNames: "Names and addresses of this box, as callers write them", AskListen: "Address and port to answer on",
	AskRecovery:  "File with the certificates of those who may open a backup (PEM; nothing: none can be taken yet)",
	AboutVolumes: "Each volume holds a copy of everything, encrypted. Give for each an empty folder where a disk of its own is mounted, or a whole disk (/dev/...), which gets a file system.",
	AskVolume:    "Folder or disk of volume %d", AskMoreVolumes: "One more (nothing: no more)", AskMount: "Folder to mount it on",
	AboutErase: "A disk with data is taken only if you name it exactly; for a blank one give nothing.", AskErase: "Erase",
	AboutToken: "The keys are made in a token and never leave it. Best it is blank. One that others initialised is used as it is, if you say so and nothing of a safe is in it; nothing there is ever erased.",
	AskModule:  "PKCS#11 library of the token's vendor", AskLabel: "Name for the token", AskSerial: "Serial number, if there are several",
	AskInitialised: "Is it initialised already, by others? (yes/no)", AskItsPIN: "File with its PIN, tried once (mode 0600)",
	AskPIN: "File with the PIN to set (nothing: one is made)", AskSOPIN: "File with the security officer's PIN (nothing: one is made)",
	AboutClock: "Time servers, at least one, better four that do not depend on one another. With the policy refuse nothing is sealed while they do not bear the clock out; with flag it is sealed and said.",
	AskServers: "Time servers", AskPolicy: "Policy (refuse, flag)",
	AboutAuthority: "A timestamp authority outside (RFC 3161) dates what the safe seals. Have its root certificates from the authority itself. Until one answers, every proof stays provisional: sealed, and dated by this box alone. Others are added later, each a table [[timestamp.authority]] in casemate.toml, and a restart; then what waited is dated.",
	AskURL:         "Address (URL)", AskRoots: "File with its root certificates (PEM)", AskPolicies: "Policies it is accepted with (object identifiers)", AskAuthorityName: "A name for it",
	AboutPersons: "First persons: each gets a certificate. With a request (PKCS #10) the key stays with its owner; without, it is made here, to be handed over. One at least is an administrator.",
	AskPerson:    "Person (nothing: no more)", AskRoles: "Roles (depositor, reader, auditor, administrator, officer)", AskCSR: "File with the request (nothing: make a key here)",
}

var setupFrench = setupWords{ //nolint:gosec // words, no credentials
	Setup: help{
		Short: "Mettre ce coffre en place : le premier démarrage, à la console ou par un fichier de réponses",
		Long: `Mettre ce coffre en place : demander ce qu'il lui faut (noms et adresses, volumes, jeton, serveurs de
temps, autorité d'horodatage, premières personnes), dire ce qui va être fait, et le faire : configuration,
codes PIN, clés dans le jeton, volumes, certificats. C'est tout ou rien : ce qui échoue, ou s'interrompt, est
défait, et rien de ce qui existe n'est écrasé. À la fin, il est dit ce qui vient ensuite.

Avec --answers personne n'est interrogé ; --check dit ce qui s'y oppose, sans rien changer. Aucune cérémonie
des clés n'est tenue : ce que le coffre scelle dit « démonstration ».

Code de sortie 0 : fait (ou rien ne s'y oppose) ; 78 : quelque chose s'y oppose ; 5 : une mise en place a été
interrompue.`,
		Example: "  casemated setup\n  casemated setup --answers answers.toml --check\n  casemated setup --answers answers.toml",
	},
	FlagAnswers: "ne rien demander : les réponses sont dans `FILE`", FlagPrefix: "un coffre à vous dans le dossier `DIR`, sans le paquet et sans systemd",
	FlagCheck:  "dire seulement ce qui s'y oppose",
	BadAnswers: "les réponses ne conviennent pas", BadAnswersHint: "corrigez le fichier ; le guide « Premier démarrage » en montre un entier",
	Unfinished: "Une mise en place a été interrompue ici.", BrokenOff: "ce qu'elle a fait est encore là", BrokenOffHint: "casemated setup sans --check la défait d'abord",
	NothingAgainst: "rien ne s'y oppose", NotSetUp: "le coffre n'a pas été mis en place ; rien n'a été changé", NotSetUpHint: "faites ce qui est dit de chaque point, puis recommencez",
	Failed: "la mise en place a échoué, et ce qu'elle avait fait a été défait", FailedHint: "voyez ce qui est dit ; --debug en dit plus ; puis recommencez",
	Running: "une autre mise en place est en cours", RunningHint: "laissez-la aboutir", FailedLeft: "la mise en place a échoué, et tout ce qu'elle avait fait n'a pas pu être défait",
	NoConsole: "ce n'est pas un terminal, et personne ne peut être interrogé", NoConsoleHint: "donnez un fichier de réponses avec --answers",
	Steps: map[string]string{ //nolint:gosec // words, no credentials
		"disk": "Disque %s : un système de fichiers, monté sur %s", "files": "Configuration dans %s", "token": "Jeton %q : clés et autorités",
		"volumes": "Volumes : %s", "person": "Certificat de %q : %s", "undo": "Ce qui a été fait est défait.",
		"left": "Ceci n'a pas pu être défait (%s) : %s",
	},
	Done: "Le coffre %s est en place ; sa configuration est %s", DoneRoot: "racine des sceaux, SHA-256 : %s",
	Next:      "Ce qui vient ensuite :",
	NextPIN:   "Le code PIN de l'officier de sécurité est dans %s : recopiez-le dans deux enveloppes scellées, puis effacez le fichier.",
	NextLost:  "Le code PIN du jeton lui-même est chiffré dans %s, et ne s'ouvre sur aucune autre machine : si celle-ci est perdue, l'officier de sécurité en pose un autre, et casemated hsm pin le met en place.",
	NextGiven: "Ces fichiers à vous contiennent des codes PIN : effacez chacun, une fois recopié sur papier : %s", NextTrust: "Remettez ce qui est dans %s, à part des reçus : qui vérifie en a besoin.",
	NextKeys:  "Ces clés ont été faites ici : remettez chacune à sa personne, puis effacez-la : %s",
	NextStart: "Démarrez le coffre : %s", NextDoctor: "Examinez-le : %s, puis %s",
	Summary: "Voici ce qui sera mis en place :", WillDo: "Les disques à effacer perdent tout. Des clés sont faites, et ne peuvent pas l'être une seconde fois.",
	RowOrigin: "journal", RowNames: "noms et adresses", RowListen: "répond sur", RowVolume: "volume", RowErased: "%s, EFFACÉ, sur %s", RowToken: "jeton",
	RowServers: "serveurs de temps", RowAuthority: "autorité d'horodatage", RowPerson: "personne",
	Welcome:     "Ceci met en place un coffre-fort numérique. Une réponse vide prend ce qui est entre [crochets] ; Ctrl-C arrête tout, et rien n'est changé avant la dernière question.",
	AskCeremony: "Aucune cérémonie des clés n'est tenue maintenant : ce que ce coffre scelle dira « démonstration ». Continuer ? (oui/non)", AskAgain: "Encore une fois, s'il vous plaît.",
	AskAnyway:  "C'est possible malgré tout, et déconseillé. Le voulez-vous ? (oui/non)",
	AboutNames: "Le journal du coffre a un nom pour toujours : un domaine à vous et un chemin, comme casemate.example/safe-1.",
	AskOrigin:  "Nom du journal", AskNames: "Noms et adresses de ce coffre, comme les appelants les écrivent", AskListen: "Adresse et port où répondre",
	AskRecovery:  "Fichier des certificats de ceux qui peuvent ouvrir une sauvegarde (PEM ; rien : il ne peut pas encore en être fait)",
	AboutVolumes: "Chaque volume contient une copie de tout, chiffrée. Donnez pour chacun un dossier vide où un disque à lui est monté, ou un disque entier (/dev/...), qui recevra un système de fichiers.",
	AskVolume:    "Dossier ou disque du volume %d", AskMoreVolumes: "Un de plus (rien : c'est tout)", AskMount: "Dossier où le monter",
	AboutErase: "Un disque qui porte des données n'est pris que si vous le nommez exactement ; pour un disque vierge, ne donnez rien.", AskErase: "Effacer",
	AboutToken: "Les clés naissent dans un jeton et n'en sortent jamais. Le mieux est qu'il soit vierge. Un jeton que d'autres ont initialisé est pris tel quel, si vous le dites et que rien d'un coffre n'y est ; rien n'y est jamais effacé.",
	AskModule:  "Bibliothèque PKCS#11 du fabricant du jeton", AskLabel: "Nom à donner au jeton", AskSerial: "Numéro de série, s'il y en a plusieurs",
	AskInitialised: "Est-il déjà initialisé, par d'autres ? (oui/non)", AskItsPIN: "Fichier avec son code PIN, essayé une fois (droits 0600)",
	AskPIN: "Fichier avec le code PIN à donner (rien : il en est fait un)", AskSOPIN: "Fichier avec le code de l'officier de sécurité (rien : il en est fait un)",
	AboutClock: "Serveurs de temps, un au moins, mieux quatre qui ne dépendent pas les uns des autres. Avec la règle refuse, rien n'est scellé tant qu'ils ne confirment pas l'horloge ; avec flag, on scelle et on le dit.",
	AskServers: "Serveurs de temps", AskPolicy: "Règle (refuse, flag)",
	AboutAuthority: "Une autorité d'horodatage extérieure (RFC 3161) date ce que le coffre scelle. Obtenez ses certificats racines d'elle-même. Tant qu'aucune ne répond, chaque preuve reste provisoire : scellée, et datée par ce coffre seul. D'autres s'ajoutent plus tard, chacune une table [[timestamp.authority]] dans casemate.toml, et un redémarrage ; alors ce qui attendait est daté.",
	AskURL:         "Adresse (URL)", AskRoots: "Fichier de ses certificats racines (PEM)", AskPolicies: "Politiques acceptées (identifiants d'objet)", AskAuthorityName: "Un nom pour elle",
	AboutPersons: "Premières personnes : chacune reçoit un certificat. Avec une demande (PKCS #10), la clé reste chez son propriétaire ; sans elle, elle est faite ici, à remettre. Une au moins est administrateur.",
	AskPerson:    "Personne (rien : c'est tout)", AskRoles: "Rôles (depositor, reader, auditor, administrator, officer)", AskCSR: "Fichier de la demande (rien : faire une clé ici)",
}
