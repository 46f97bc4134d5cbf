package main

import (
	"cmp"

	"casemate/appliance/backup"
	"casemate/appliance/words"
)

// backupWords is what backup, drill and restore say, in one language.
type backupWords struct {
	Backup, Drill, Restore, Bench                                        help
	FlagFull, FlagRecovery, FlagOpened, FlagNumber, FlagDocuments        string
	FlagScratch, FlagVerify, FlagFiles, FlagTo, FlagDigest, FlagUnproved string
	FlagSameDisk                                                         string
	SameDisk                                                             string
	Progress, Whole, Increment, Taken, Digest, WholeAfterAll, Superseded string
	Damaged, Drilled, NeedsKey, NeedsKeyHint, OneAct, Unboxed, Restored  string
	Verified, VerifiedFiles, VerifiedContents, VerifiedOrigin            string
	Unchecked, Why                                                       map[string]string
}

// why says why a backup is whole although an increment was wanted.
func (w *backupWords) why(text string) string {
	language := "en"
	if w == &backupFrench {
		language = "fr"
	}
	return cmp.Or(w.Why[text], words.Mirror(language, text))
}

func (t *catalogue) backup() *backupWords {
	if t.language == "fr" {
		return &backupFrench
	}
	return &backupEnglish
}

var backupEnglish = backupWords{
	Backup: help{
		Short: "Take a backup into a folder, on a removable medium for instance",
		Long: `Take a backup of the safe on this machine into DIR: everything up to one instant, or what was changed
since the backup before in that folder, whatever goes on meanwhile. It is enciphered for the recovery
certificates of [backup] recipients. The safe may run or not. What was in DIR before stays whole,
whatever happens; only the files of keys (*.keys-001) of this safe's earlier backups there are removed. A
folder with another safe's backups is refused. So is one on a disk of the system or of the safe, unless
--same-disk: most likely its medium is not mounted.`,
		Example: "  casemated backup /media/stick-1\n  casemated backup --full /media/stick-2",
	},
	Drill: help{
		Short: "Prove that a backup restores",
		Long: `Restore the backup in DIR beside the safe, open it without serving it, compare it with its manifest and
with the safe's journal, and read and prove documents of it, chosen at random. What was restored is removed;
the journal gets the verdict. It needs room for all that the backup holds.`,
		Example: "  casemated backup drill /media/stick-1 --opened /run/keys --scratch /srv/scratch",
	},
	Restore: help{
		Short: "Verify a backup, or make new volumes of it",
		Long: `With --verify, look at everything in the backup in DIR and write nothing: without any key, that every
file is there as it was written; with the recovery key, that all deciphers and is complete; where the token
answers, that this safe made it. What could not be looked at is said.

With --files OUT, write the configuration and the public material of the backup into OUT.

Else make new volumes of it, in the empty folders --to or those of the configuration. The first gets
everything; the others are filled by the safe itself. The token must answer. If the token or this
machine saw later batches, the safe does not open by itself then: two officers decide (casemated raid decide).

The recovery key may stay elsewhere: openssl opens there the small file of each number that is needed,
and its folder is given as --opened:
  openssl cms -decrypt -inform DER -in 000001.recipients -inkey recovery.key -out 000001.key`,
		Example: "  casemated restore --verify /media/stick-1\n  casemated restore /media/stick-1 --opened /run/keys --to /srv/volume-a --to /srv/volume-b",
	},
	Bench: help{
		Short: "Measure backups beside what the disks do with as many bytes",
		Long: `Makes a safe in the empty folder --dir, with a token in software, and takes, verifies and restores whole backups in
the empty folder --medium, each by turns with a copy of the same bytes. What depositors feel of a backup comes last.`,
		Example: "  casemated bench backup --dir /srv/a/bench --medium /media/stick-1/bench --load 1024",
	},
	FlagFull:      "a whole backup, whatever was backed up before",
	FlagRecovery:  "file with a recovery key: an RSA private key in PEM",
	FlagOpened:    "folder with the keys that openssl opened elsewhere: 000001.key for 000001.recipients",
	FlagNumber:    "number of the backup; the newest if left out",
	FlagDocuments: "how many documents are read and proved",
	FlagScratch:   "folder on a disk with room, for what is restored for the drill",
	FlagVerify:    "look at everything and write nothing",
	FlagFiles:     "empty folder for the configuration and the public material",
	FlagTo:        "empty folder of a new volume; once for each",
	FlagDigest:    "SHA-256 of the backup's manifest, as it was printed: nothing else is taken",
	FlagSameDisk:  "take it although DIR is on a disk of the system or of the safe, or in memory",
	FlagUnproved:  "with --files: take them out although nothing proves that this safe made them",
	SameDisk:      "ATTENTION: this folder lies on a disk of the system or of the safe itself, or in memory. What is lost with that is lost with this backup.",
	Progress:      "%s of about %s", Whole: "whole", Increment: "increment",
	Taken:            "Backup %d (%s) is in %s: %d documents, %d journal entries, up to batch %d; %s written.",
	Digest:           "SHA-256 of its manifest: %s",
	WholeAfterAll:    "It is whole, since %s.",
	Superseded:       "The files of keys of earlier backups in this folder were removed: this one's serves them all.",
	Damaged:          "ATTENTION: %d values were damaged on every volume and are in it as damaged: nothing restored from it has them. See casemated fsck.",
	Drilled:          "The backup restores: its journal is the beginning of this safe's, and %d documents were read and proved. It is in the journal.",
	NeedsKey:         "this needs the recovery key",
	NeedsKeyHint:     "give --recovery-key FILE, or --opened DIR with the keys that openssl opened elsewhere: one of the two",
	OneAct:           "--verify, --files and --to are three acts: give one",
	Unboxed:          "%d files are in %s. Look at them, put them where they belong, then restore the volumes.",
	Restored:         "Backup %d, taken %s, is restored up to batch %d. Name the folders of the new volumes in [volumes] dirs and start the safe. If it does not open since later batches are on record, two officers decide: casemated raid decide. The journal will say that it was restored.",
	Verified:         "Backup %d of %s: %d documents, up to batch %d; it consists of the numbers %v.",
	VerifiedFiles:    "Every file is there, with the digest that its manifest names.",
	VerifiedContents: "All of it deciphers to its end, and is what the manifests count.",
	VerifiedOrigin:   "This safe made it, and every value in it is one of this safe's.",
	Unchecked: map[string]string{ //nolint:gosec // names of keys, no keys
		"recovery-key": "Not looked at: what is enciphered (it takes --recovery-key or --opened).",
		"token":        "Not looked at: whether this safe made it (the token must answer).",
	},
	Why: map[string]string{
		backup.WhyBroken: backup.WhyBroken, backup.WhyDamaged: backup.WhyDamaged,
	},
}

var backupFrench = backupWords{
	Backup: help{
		Short: "Faire une sauvegarde dans un dossier, sur un support amovible par exemple",
		Long: `Faire une sauvegarde du coffre de cette machine dans DIR : tout jusqu'à un instant, ou ce qui a changé
depuis la sauvegarde précédente de ce dossier, quoi qu'il se passe pendant ce temps. Elle est chiffrée pour les
certificats de recouvrement de [backup] recipients. Le coffre peut fonctionner ou non. Ce qui se trouvait dans
DIR reste intact quoi qu'il arrive ; seuls les fichiers de clés (*.keys-001) des sauvegardes antérieures de ce
coffre y sont supprimés. Un dossier qui contient les sauvegardes d'un autre coffre est refusé. Un dossier sur un
disque du système ou du coffre l'est aussi, sauf --same-disk : son support n'est sans doute pas monté.`,
		Example: "  casemated backup /media/stick-1\n  casemated backup --full /media/stick-2",
	},
	Drill: help{
		Short: "Prouver qu'une sauvegarde se restaure",
		Long: `Restaurer la sauvegarde de DIR à côté du coffre, l'ouvrir sans la servir, la comparer à son manifeste et
au journal du coffre, puis lire et prouver des documents tirés au sort. Ce qui fut restauré est supprimé ; le
journal reçoit le verdict. Il faut de la place pour tout ce que contient la sauvegarde.`,
		Example: "  casemated backup drill /media/stick-1 --opened /run/keys --scratch /srv/scratch",
	},
	Restore: help{
		Short: "Vérifier une sauvegarde, ou en faire de nouveaux volumes",
		Long: `Avec --verify, tout regarder dans la sauvegarde de DIR sans rien écrire : sans aucune clé, que chaque
fichier est là tel qu'il fut écrit ; avec la clé de recouvrement, que tout se déchiffre et est complet ; là où le
jeton répond, que ce coffre l'a faite. Ce qui n'a pas pu être regardé est dit.

Avec --files OUT, écrire dans OUT la configuration et les éléments publics de la sauvegarde.

Sinon, en faire de nouveaux volumes, dans les dossiers vides --to ou ceux de la configuration. Le premier
reçoit tout ; le coffre remplit lui-même les autres. Le jeton doit répondre. Si le jeton ou cette machine ont vu
des lots plus récents, le coffre ne s'ouvre pas de lui-même : deux officiers décident (casemated raid decide).

La clé de recouvrement peut rester ailleurs : openssl y ouvre le petit fichier de chaque numéro nécessaire,
et son dossier est donné par --opened :
  openssl cms -decrypt -inform DER -in 000001.recipients -inkey recovery.key -out 000001.key`,
		Example: "  casemated restore --verify /media/stick-1\n  casemated restore /media/stick-1 --opened /run/keys --to /srv/volume-a --to /srv/volume-b",
	},
	Bench: help{
		Short: "Mesurer les sauvegardes à côté de ce que les disques font d'autant d'octets",
		Long: `Fait un coffre dans le dossier vide --dir, avec un jeton logiciel, puis fait, vérifie et restaure des sauvegardes
complètes dans le dossier vide --medium, tour à tour avec une copie des mêmes octets. Ce qu'en ressent un déposant vient
à la fin.`,
		Example: "  casemated bench backup --dir /srv/a/bench --medium /media/stick-1/bench --load 1024",
	},
	FlagFull:      "une sauvegarde complète, quelles que soient les précédentes",
	FlagRecovery:  "fichier d'une clé de recouvrement : une clé privée RSA en PEM",
	FlagOpened:    "dossier des clés qu'openssl a ouvertes ailleurs : 000001.key pour 000001.recipients",
	FlagNumber:    "numéro de la sauvegarde ; la plus récente par défaut",
	FlagDocuments: "combien de documents sont lus et prouvés",
	FlagScratch:   "dossier d'un disque qui a de la place, pour ce que restaure l'exercice",
	FlagVerify:    "tout regarder et ne rien écrire",
	FlagFiles:     "dossier vide pour la configuration et les éléments publics",
	FlagTo:        "dossier vide d'un nouveau volume ; une fois pour chacun",
	FlagDigest:    "SHA-256 du manifeste de la sauvegarde, tel qu'il fut affiché : rien d'autre n'est pris",
	FlagSameDisk:  "la faire bien que DIR soit sur un disque du système ou du coffre, ou en mémoire",
	FlagUnproved:  "avec --files : les sortir bien que rien ne prouve que ce coffre les a faits",
	SameDisk:      "ATTENTION : ce dossier est sur un disque du système ou du coffre lui-même, ou en mémoire. Ce qui se perd avec lui se perd avec cette sauvegarde.",
	Progress:      "%s sur environ %s", Whole: "complète", Increment: "incrémentale",
	Taken:            "La sauvegarde %d (%s) est dans %s : %d documents, %d écritures du journal, jusqu'au lot %d ; %s écrits.",
	Digest:           "SHA-256 de son manifeste : %s",
	WholeAfterAll:    "Elle est complète : %s.",
	Superseded:       "Les fichiers de clés des sauvegardes antérieures de ce dossier ont été supprimés : celui-ci sert à toutes.",
	Damaged:          "ATTENTION : %d valeurs étaient abîmées sur tous les volumes et y sont marquées abîmées : rien de ce qui en sera restauré ne les aura. Voyez casemated fsck.",
	Drilled:          "La sauvegarde se restaure : son journal est le début de celui de ce coffre, et %d documents ont été lus et prouvés. C'est au journal.",
	NeedsKey:         "il faut ici la clé de recouvrement",
	NeedsKeyHint:     "donnez --recovery-key FICHIER, ou --opened DOSSIER avec les clés qu'openssl a ouvertes ailleurs : l'un des deux",
	OneAct:           "--verify, --files et --to sont trois actes : donnez-en un",
	Unboxed:          "%d fichiers sont dans %s. Regardez-les, mettez-les à leur place, puis restaurez les volumes.",
	Restored:         "La sauvegarde %d, faite le %s, est restaurée jusqu'au lot %d. Nommez les dossiers des nouveaux volumes dans [volumes] dirs et démarrez le coffre. S'il ne s'ouvre pas parce que des lots plus récents sont connus, deux officiers décident : casemated raid decide. Le journal dira qu'il fut restauré.",
	Verified:         "Sauvegarde %d du %s : %d documents, jusqu'au lot %d ; elle se compose des numéros %v.",
	VerifiedFiles:    "Chaque fichier est là, avec l'empreinte que nomme son manifeste.",
	VerifiedContents: "Tout se déchiffre jusqu'au bout, et correspond à ce que comptent les manifestes.",
	VerifiedOrigin:   "Ce coffre l'a faite, et chaque valeur qu'elle contient est de ce coffre.",
	Unchecked: map[string]string{ //nolint:gosec // names of keys, no keys
		"recovery-key": "Non regardé : ce qui est chiffré (il faut --recovery-key ou --opened).",
		"token":        "Non regardé : si ce coffre l'a faite (le jeton doit répondre).",
	},
	Why: map[string]string{
		backup.WhyBroken:  "la sauvegarde précédente, ou l'une de celles dont elle dépend, n'est pas telle qu'elle fut écrite",
		backup.WhyDamaged: "des valeurs étaient abîmées sur tous les volumes lors de la sauvegarde précédente, et ont pu être réparées depuis",
	},
}
