package main

import "casemate/appliance/words"

// french dit la même chose que [english].
var french = catalogue{
	Root: help{
		Short: "Déposer des documents dans un coffre-fort numérique, les relire, les prouver",
		Long: `casemate parle à un coffre Casemate en HTTPS, avec un certificat client.

Il dépose des documents, les relit, en rapporte les récépissés, et vérifie ces
récépissés hors ligne, sans coffre.

Les réglages viennent des options, sinon de CASEMATE_URL, CASEMATE_CA, CASEMATE_CERT
et CASEMATE_KEY, sinon de ~/.config/casemate/config.toml (url, ca, cert, key ; les
noms de fichiers y sont relatifs à ce dossier).

Les résultats vont sur la sortie standard, tout le reste sur la sortie d'erreur.
Avec --json, chaque résultat est un objet JSON sur une ligne.`,
		Example: `  casemate deposit --vault factures --receipt facture.asice facture.pdf
  casemate verify facture.asice --trust confiance/`,
	},
	Deposit: help{
		Short: "Déposer des documents dans un compartiment",
		Long: `Déposer des documents dans un compartiment : chaque FILE devient un document, ou
tous un seul avec --as-one. FILE « - » est l'entrée standard et demande --name.

Rien n'est gardé tant que le coffre n'a pas tout : écrit, scellé et journalisé. Les
empreintes sont calculées pendant l'envoi, et ce que le coffre dit avoir gardé y est
comparé. De plusieurs documents, le premier échec arrête ; ceux annoncés avant sur
la sortie standard sont gardés. Un échec après que le coffre a gardé un document
(son récépissé n'a pu être rapporté) commence par l'identifiant du document.

Qui peut déposer et non lire reçoit un récépissé détaché : gardez le document à côté.`,
		Example: `  casemate deposit --vault factures facture.pdf
  casemate deposit --vault contrats --as-one --meta client=ACME contrat.pdf annexe.zip
  casemate deposit --vault factures --receipt recepisses/ --wait *.pdf
  tar c dossier | casemate deposit --vault sauvegardes --name dossier.tar -`,
	},
	Get: help{
		Short: "Relire un document",
		Long: `Relire les octets d'origine d'un document. Leurs empreintes sont calculées à
l'arrivée, et ils ne prennent leur nom que si les deux sont justes : un fichier
présent est entier et vérifié. Rien n'est écrasé sans --force. Un nom qu'un déposant
aurait choisi pour nuire est remplacé par document-0001.ext.

Avec -o -, un fichier va sur la sortie standard à mesure qu'il arrive : il ne peut
servir que si le code de sortie est 0.`,
		Example: `  casemate get k5v2wtnbmhqx5yhdvkvmzlt5vm
  casemate get k5v2wtnbmhqx5yhdvkvmzlt5vm --file 2 -o annexe.zip`,
	},
	Stat: help{Short: "Dire ce que le coffre sait de documents", Long: "Dire ce que le coffre sait de documents : fichiers, empreintes, métadonnées, dates, état."},
	List: help{
		Short: "Lister un compartiment",
		Long:  "Lister les documents d'un compartiment par numéro : numéro, identifiant, date, octets, état, noms.",
		Example: `  casemate list --vault factures
  casemate list --vault factures --same-as facture.pdf
  casemate list --vault factures --json | jq -r .id`,
	},
	Count: help{Short: "Compter les documents et les octets d'un compartiment", Long: "Compter les documents d'un compartiment et leurs octets."},
	Check: help{
		Short: "Faire tout relire et vérifier par le coffre",
		Long: `Faire relire des documents par le coffre sur chaque volume, recalculer les deux
empreintes, vérifier scellement, horodatage et place au journal. Rien n'est répondu
de mémoire. Code de sortie 5 quand quelque chose ne tient pas.`,
		Example: `  casemate check k5v2wtnbmhqx5yhdvkvmzlt5vm`,
	},
	Compare: help{
		Short: "Demander si des fichiers sont ceux d'un document",
		Long: `Demander si des fichiers sont ceux d'un document. Leurs empreintes sont calculées
ici ; elles seules voyagent. Donner tous les fichiers du document, dans son ordre. La
question et la réponse entrent au journal. Code de sortie 8 quand ils diffèrent.`,
		Example: `  casemate compare k5v2wtnbmhqx5yhdvkvmzlt5vm facture.pdf`,
	},
	ReceiptCommand: help{
		Short: "Rapporter le récépissé d'un document",
		Long: `Rapporter le récépissé d'un document : un fichier (.asice) qui le prouve à
quiconque, hors ligne. Jusqu'au prochain horodatage il est provisoire ; --wait attend
celui-ci. Un récépissé détaché n'emporte pas le document : gardez les deux.`,
		Example: `  casemate receipt k5v2wtnbmhqx5yhdvkvmzlt5vm -o facture.asice --wait
  casemate receipt k5v2wtnbmhqx5yhdvkvmzlt5vm --detached`,
	},
	Verify: help{
		Short: "Vérifier un récépissé hors ligne",
		Long: `Vérifier un récépissé sans coffre ni réseau : empreintes, scellement, horodatages,
place au journal. --trust nomme un dossier avec seal.pem, tsa.pem et journal.vkey tels
que remis à la cérémonie des clés : jamais ceux que le récépissé apporte lui-même. Un
récépissé détaché demande ses documents par --document.

Code de sortie 0 quand tout tient, 5 quand quelque chose ne tient pas, 9 quand tout
tient mais sans horodatage externe encore.`,
		Example: `  casemate verify facture.asice --trust confiance/
  casemate verify facture-detache.asice --document facture.pdf --trust confiance/`,
	},
	Journal: help{
		Short: "Lire le journal",
		Long: `Lire le journal : chaque acte et chaque tentative refusée, par objet, par personne,
par période. --checkpoint donne à la place la dernière tête signée du journal.`,
		Example: `  casemate journal --object k5v2wtnbmhqx5yhdvkvmzlt5vm
  casemate journal --from 2026-11-01 --to 2026-12-01 --json`,
	},
	Vaults:      help{Short: "Lister vos compartiments", Long: "Lister les compartiments qui vous sont ouverts : identifiant, date, documents, octets, nom."},
	Vault:       help{Short: "Gérer les compartiments", Long: "Gérer les compartiments."},
	VaultCreate: help{Short: "Créer un compartiment", Long: "Créer un compartiment.", Example: `  casemate vault create factures`},
	Status: help{
		Short: "Dire comment va le coffre",
		Long:  "Dire comment va le coffre : horloge, volumes, journal, horodatages. Code de sortie 10 quand il donne l'alarme.",
	},
	Trust: help{
		Short: "Rapporter, pour comparer, les ancres que le coffre dit siennes",
		Long: `Écrire dans DIR les fichiers seal.pem, tsa.pem et journal.vkey tels que le coffre
lui-même les donne, et dire leurs empreintes. Comparez-les au procès-verbal de la
cérémonie des clés : une ancre obtenue de celui qu'elle doit juger ne prouve rien.`,
		Example: `  casemate trust dires-du-coffre/`,
	},
	Version: help{Short: "Dire la version", Long: "Dire la version de cette commande."},
	ExitCodes: help{
		Short: "Codes de sortie",
		Long:  "casemate se termine par l'un de ces codes, dont le sens ne change jamais. Avec\n--json, une erreur est un objet sur la sortie d'erreur, avec le nom au champ « code ».",
	},
	HelpCommand: "Aide sur une commande",
	Completion:  "Produire le script de complétion d'un shell",
	UsageTemplate: words.UsageTemplate(words.Headings{
		Usage: "Usage ", Examples: "Exemples ", Commands: "Commandes ", Flags: "Options ", Global: "Options de toutes les commandes ",
		Topics: "Autres aides ", More: `« {{.CommandPath}} COMMAND --help » en dit plus sur une commande.`,
	}),
	Flag: flagWords{
		Config: "lire les réglages dans `FILE`", URL: "adresse du coffre, `URL` https://hôte:port", CA: "`FILE` PEM des autorités du certificat du coffre",
		Cert: "`FILE` PEM de votre certificat", Key: "`FILE` PEM de sa clé privée", JSON: "écrire chaque résultat en un objet JSON sur une ligne", Help: "montrer cette aide",
		Vault: "nom (`NAME`) du compartiment", Name: "nom (`NAME`) du fichier dans le document, au lieu du sien", Meta: "métadonnée `KEY=VALUE`, attestée avec le document ; peut être répétée",
		SHA256: "annoncer l'empreinte d'un fichier, 64 chiffres `HEX` : d'autres octets sont refusés ; à répéter dans l'ordre des fichiers",
		AsOne:  "faire un seul document de tous les fichiers", Receipt: "garder le récépissé dans `FILE`, ou dans ce dossier",
		Detached: "ne pas mettre le document dans le récépissé", Force: "écraser ce qui s'y trouve", Wait: "attendre l'horodatage externe jusqu'à `DURATION` (seule : 15m)",
		Output: "écrire dans `FILE`, dans ce dossier, ou sur la sortie standard avec -", ReceiptOutput: "écrire dans `FILE` (sinon DOCUMENT.asice), ou sur la sortie standard avec -",
		File: "seulement le fichier `N` du document, à partir de 1", After: "commencer après le document `NUMBER`", Limit: "s'arrêter après `N`", SameAs: "seulement les documents aux octets de `FILE`, qui reste ici ; à répéter, dans l'ordre, pour un document de plusieurs",
		Object: "seulement les entrées sur ce document `ID`", User: "seulement les entrées de cette personne `NAME`", From: "pas avant `TIME` : 2026-11-22 ou 2026-11-22T17:00:00Z", To: "avant `TIME`",
		AfterEntry: "commencer après l'entrée `NUMBER`", Checkpoint: "donner la dernière tête signée du journal",
		Document: "`FILE` sur lequel porte le récépissé détaché ; peut être répété", TrustDir: "dossier `DIR` avec seal.pem, tsa.pem et journal.vkey",
	},

	ErrorLabel: "erreur :", HintLabel: "remède :", WarningLabel: "attention :", IncidentLabel: "incident :",
	Exit: exitWords{
		OK:          "fait",
		General:     "autre échec, ici ou dans le coffre",
		Usage:       "ligne de commande ou réglages inutilisables ; rien n'a été envoyé",
		Refused:     "refusé : certificat, droit, ou demande impossible telle quelle",
		NotFound:    "pas de tel compartiment, document ou fichier",
		Integrity:   "défaut d'intégrité : des octets, un récépissé ou un document gardé ne sont pas ce qu'ils doivent être",
		Unavailable: "le coffre est injoignable ou ne peut pas pour l'instant : réessayer",
		Unknown:     "tout a été envoyé et aucune réponse n'est venue : lister le compartiment avant de déposer de nouveau",
		Different:   "compare : les fichiers ne sont pas ceux du document",
		NotProved:   "pas encore d'horodatage externe : le récépissé est provisoire",
		Alarm:       "status : le coffre répond et donne l'alarme",
		Interrupted: "interrompu par un signal ; rien ne reste à moitié écrit",
	},
	UnknownOutcome: said{Message: "aucune réponse n'est venue : le document est peut-être gardé", Hint: "regardez avec « casemate list » s'il y est avant de le déposer de nouveau"},
	Settings:       said{Message: "les réglages sont inutilisables", Hint: "« casemate --help » dit d'où viennent les réglages"},
	Untrusted:      said{Message: "le serveur ne prouve pas qu'il est le coffre", Hint: "l'adresse est-elle juste, et CASEMATE_CA est-elle l'autorité de ce coffre-ci ? Ne continuez pas avant de le savoir"},
	Certificate:    said{Message: "le coffre n'accepte pas le certificat", Hint: "vérifiez que CASEMATE_CERT vient de l'autorité de ce coffre, est encore valable, et a été inscrit par un administrateur"},
	Forbidden:      said{Message: "interdit", Hint: "demandez ce droit à un administrateur du coffre"},
	Refused:        said{Message: "refusé"},
	NotFound:       said{Message: "introuvable", Hint: "« casemate vaults » et « casemate list » disent ce qui vous est ouvert"},
	Integrity:      said{Message: "défaut d'intégrité", Hint: "n'utilisez pas ces octets ; réessayez, et si cela se répète dites-le à l'administrateur du coffre"},
	Unreachable:    said{Message: "le coffre est injoignable", Hint: "le coffre est-il en marche, et CASEMATE_URL juste ? Puis réessayez"},
	Unavailable:    said{Message: "le coffre ne peut pas pour l'instant", Hint: "réessayez plus tard"},
	Internal:       said{Message: "le coffre a failli", Hint: "donnez l'incident à l'administrateur du coffre"},
	Protocol:       said{Message: "ce n'est pas la réponse d'un coffre", Hint: "CASEMATE_URL est-elle un coffre, d'une version que ce client connaît ?"},
	Problems:       words.Problems("fr"),
	Interrupted:    "interrompu : rien ne reste à moitié écrit",
	ResultLost:     "écriture du résultat",
	Unusable:       "ce qui est allé sur la sortie standard n'est pas vérifié et ne doit pas servir",

	ArgumentsWrong:     "les arguments devraient être : %s",
	CommandUnknown:     "il n'y a pas de commande %q",
	FlagUnknown:        "il n'y a pas d'option %q",
	FlagEmpty:          "l'option %q demande une valeur",
	FlagInvalid:        "--%s ne peut pas être %q : %v",
	FlagMissing:        "--%s manque : %s ne peut s'en passer",
	VaultMissingHint:   "« casemate vaults » liste ceux qui vous sont ouverts",
	DocumentIDWrong:    "%q n'est pas un identifiant de document",
	DocumentIDHint:     "un identifiant a 26 lettres et chiffres, comme « casemate list » les montre",
	NameForOne:         "--name ne vaut que pour un fichier",
	NameNotUTF8:        "le nom %q n'est pas en UTF-8",
	NameHint:           "donnez-en un autre au document avec --name",
	StdinNeedsName:     "l'entrée standard ne peut être qu'un fichier, et demande --name",
	StdinHint:          "casemate deposit --vault VAULT --name NAME -",
	IsFolder:           "%q est un dossier",
	FolderHint:         "nommez ses fichiers, avec --as-one s'ils vont ensemble, ou faites-en une archive",
	TooManyDigests:     "%d empreintes annoncées pour %d fichiers",
	SHA256Wrong:        "%q n'est pas une empreinte SHA-256",
	SHA256Hint:         "64 chiffres hexadécimaux, comme sha256sum les écrit",
	MetaWrong:          "--meta %q devrait être KEY=VALUE",
	MetaHint:           "par exemple --meta client=ACME",
	MetaTwice:          "--meta %q est donné deux fois",
	MetaNotUTF8:        "--meta %q n'est pas en UTF-8",
	ReceiptStdout:      "--receipt demande un fichier, la sortie standard porte déjà le résultat",
	ReceiptStdoutHint:  "déposez d'abord, puis « casemate receipt DOCUMENT -o - »",
	ReceiptForMany:     "--receipt %q devrait être un dossier qui existe, puisqu'il y a plusieurs documents",
	ReceiptFolderHint:  "créez le dossier, ou faites un seul document de tous les fichiers avec --as-one",
	ReceiptTwice:       "deux récépissés s'appelleraient %q",
	ReceiptTwiceHint:   "déposez un par un les fichiers de même nom",
	NoSuchFile:         "le document %s a %d fichiers, pas de fichier %d",
	OneFile:            "un seul fichier peut aller sur la sortie standard, le document en a %d",
	OneFileHint:        "choisissez-en un avec --file, ou un dossier avec -o",
	FolderForMany:      "%q devrait être un dossier qui existe, puisque le document a plusieurs fichiers",
	FolderForManyHint:  "créez le dossier, ou choisissez un fichier avec --file",
	Exists:             "%q existe déjà",
	ExistsHint:         "choisissez un autre nom avec -o, ou --force pour l'écraser",
	InstantWrong:       "--%s %q n'est pas un instant",
	InstantHint:        "2026-11-22, ou 2026-11-22T17:00:00Z avec un fuseau",
	SettingMissing:     "quel coffre, et qui êtes-vous ? --%s ou %s manque",
	SettingMissingHint: "donnez CASEMATE_URL, CASEMATE_CA, CASEMATE_CERT et CASEMATE_KEY, ou écrivez url, ca, cert et key dans ~/.config/casemate/config.toml",
	ConfigUnreadable:   "lecture des réglages dans %q : %v",
	ConfigWrong:        "les réglages dans %q : %v",
	ConfigHint:         "le fichier a des lignes comme url = \"https://coffre.example:8443\" ; ses clés sont url, ca, cert, key",
	KeyOpen:            "d'autres que vous peuvent lire la clé privée %q (mode %04o)",
	KeyOpenHint:        "chmod 600, et demandez un nouveau certificat si d'autres ont pu la lire",

	VerifyFailed:      "%s ne se vérifie pas",
	VerifyFailedHint:  "les étapes marquées NON disent pourquoi ; ne vous fiez pas à ce récépissé",
	VerifyProvisional: "%s tient, mais aucun horodatage externe ne le couvre encore",
	ProvedBetween:     "scellé après %s et avant %s, sur la foi d'autorités indépendantes",
	ProvedBy:          "scellé avant %s, sur la foi d'une autorité indépendante",
	TrustDirHint:      "un dossier avec seal.pem, tsa.pem et journal.vkey tels que remis à la cérémonie des clés",
	Steps: map[string]string{
		"container": "conteneur", "attestation": "attestation", "fingerprint": "empreintes", "documents": "documents", "manifest": "manifeste scellé",
		"evidence": "horodatage externe", "seal": "scellement", "journal": "journal", "times": "dates",
	},
	DetachedHint:           "qui n'a pas le droit de lire peut avoir le récépissé sans le document : --detached",
	Depositing:             "dépôt de %s",
	Reading:                "lecture de %s",
	Waiting:                "attente de l'horodatage externe, jusqu'à %s",
	NotProvedYet:           "le document %s n'a pas d'horodatage externe après %s",
	NotProvedHint:          "le document est gardé et scellé ; rapportez son récépissé plus tard avec « casemate receipt --wait »",
	ReceiptSaved:           "récépissé %s (%s)",
	ReceiptProvisional:     "le récépissé %s est provisoire : aucun horodatage externe ne le couvre encore",
	ReceiptProvisionalHint: "rapportez-le de nouveau avec --wait",
	ReceiptDetached:        "le récépissé %s est détaché : votre certificat permet de déposer et non de lire, le document n'y est donc pas",
	ReceiptDetachedHint:    "gardez le document à côté ; --detached demande d'emblée un tel récépissé",
	Kept:                   "le document %s est déposé dans %s",
	KeptLeft:               "non déposés : %s",
	KeptHint:               "ne le déposez pas de nouveau : « casemate receipt %s » rapporte son récépissé, avec --wait après l'horodatage",
	KeptOtherHint:          "voyez ce que le coffre a gardé avec « casemate stat %s » avant de déposer de nouveau, et dites-le à son administrateur si ce n'est pas ce que vous avez envoyé",
	Label: labels{
		Vault: "compartiment", File: "fichier", Metadata: "métadonnée", Depositor: "déposant", Declared: "déclaré", State: "état",
		Note: "note", Clock: "horloge", Volumes: "miroir", Volume: "volume", Journal: "journal", Proofs: "preuves", Alarm: "ALARME",
	},
	LabelWidth:      12,
	VaultAndNumber:  "%s, numéro %d",
	ClockTrusted:    "horloge sûre, %d sources",
	ClockUntrusted:  "horloge incertaine : %s",
	Proved:          "prouvé : existait le %s sur la foi d'une autorité externe (horodatage %d)",
	Provisional:     "provisoire : scellé, l'horodatage externe vient avec le prochain tour",
	ProvedWord:      "prouvé",
	ProvisionalWord: "provisoire",
	Demonstration:   "DÉMONSTRATION : aucune cérémonie des clés n'a eu lieu pour ce coffre",
	Got:             "%s  %s, les deux empreintes vérifiées",
	Counted:         "%d documents, %s",
	VaultCreated:    "compartiment %s créé, identifiant %s",
	Holds:           "tient",
	DoesNotHold:     "NE TIENT PAS",
	MarkOK:          "oui",
	MarkBad:         "NON",
	CheckFailed:     "%d documents sur %d ne tiennent pas",
	CheckFailedHint: "prévenez tout de suite l'administrateur du coffre ; les lignes ci-dessus disent ce qui a été trouvé",
	Identical:       "%s : identique",
	Differs:         "les fichiers ne sont pas ceux du document %s",
	DiffersHint:     "il faut tous les fichiers du document, dans son ordre : voir « casemate stat »",
	Alarms:          "le coffre donne %d alarmes",
	AlarmsHint:      "prévenez l'administrateur du coffre",
	Free:            "%s libres",
	JournalState:    "%d entrées, %d sous la dernière tête signée",
	ProofsState:     "horodatage %d, %d documents attendent le suivant",
	PendingSince:    "le plus ancien depuis %s",
	TrustWarning:    "ces ancres viennent du coffre qu'elles doivent juger",
	TrustHint:       "comparez les empreintes au procès-verbal de la cérémonie des clés, et vérifiez avec les fichiers remis là",
	Bytes:           "%d octets",
	Units:           []string{"o", "Kio", "Mio", "Gio", "Tio", "Pio"},
	Storage:         words.StorageIn("fr"),
}
