package main

import "casemate/appliance/words"

// english is the first catalogue; the others say the same.
var english = catalogue{
	language: "en",
	Raid: help{
		Short: "See and look after the volumes",
		Long: `See and look after the volumes of the safe on this machine, through its control socket: root and
the safe's own user may. Each act stands in the journal.

VOLUME is a volume's identity, at least its first eight digits, or its folder.`,
		Example: "  casemated raid status\n  casemated raid replace 1a2b3c4d /srv/volume-c",
	},
	Status: help{
		Short: "Tell how the volumes are, why, and what to do",
		Long: `Tell how the mirror and each of its volumes are, since when, why, and what to do. Without a daemon
it is told from what the volumes say of themselves.

Exit code 0: nothing asks for a person; 5: something does.`,
	},
	Scrub: help{
		Short: "Read everything again: start, pause, status",
		Long: `A scrub reads every byte on every volume again, checks it, and repairs what is bad from another
volume. The safe does it by itself; without an argument its state is told.`,
	},
	ScrubStart:  help{Short: "Begin a scrub now, or go on with a paused one"},
	ScrubPause:  help{Short: "Have a scrub wait until it is started again"},
	ScrubStatus: help{Short: "Tell how far the scrub is"},
	Resilver: help{
		Short: "Have a volume brought up at once",
		Long: `Have a volume brought up at once: one that is missing, detached or faulted too, once its disk is
back. With --whole it is emptied and filled anew.`,
	},
	Replace: help{
		Short: "Put a new disk in the place of a volume",
		Long: `Retire VOLUME for good and fill the empty folder NEWDIR in its place. What was retired is never taken
back by itself.`,
		Example: "  mkfs.xfs /dev/sdc && mount /dev/sdc /srv/volume-c\n  casemated raid replace 1a2b3c4d /srv/volume-c",
	},
	Add: help{
		Short: "Make an empty folder a volume, or a spare",
		Long: `Make the empty folder DIR one more volume, filled in the background; with --spare it waits until it is
needed in the place of a lost one.`,
	},
	Remove:  help{Short: "Retire a volume for good", Long: "Retire a volume for good. The last one in sync is never removed."},
	Detach:  help{Short: "Take a volume out, to carry it away", Long: "Close a volume cleanly, to be carried away by a courier or into a safe. It stays known and is\nbrought up again by `casemated raid resilver`."},
	Reclaim: help{Short: "Give space of what was removed back to the disk", Long: "Give space of what was removed back to the file system of a volume. It takes a twin in sync, and is\nrefused where anything on the volume is bad."},
	Examine: help{Short: "Tell what a folder says of itself", Long: "Tell what the volume in a folder says of itself: of which mirror it is, what it has, why it is out.\nNothing is started or changed."},
	Decide: help{
		Short: "Decide, by two persons, which volume is true",
		Long: `When the volumes cannot say by themselves which of them holds the truth, the safe does not open, and two
persons decide: callers with the role officer.

1. Without an argument, the choices are told, and what each would lose.
2. With CHOICE, a statement is written to standard output, and kept here for a day.
3. Both officers read it and sign it with their own certificates:
     openssl cms -sign -binary -in decision.txt -signer me.crt -inkey me.key -outform DER -out me.p7s
4. With both signatures, the decision is taken. The next start of the safe carries it out and journals it.`,
		Example: "  casemated raid decide\n  casemated raid decide 1a2b3c4d >decision.txt\n  casemated raid decide --signature ada.p7s --signature bob.p7s",
	},
	Root:    help{Short: "Casemate, a digital safe: the daemon and the commands of the box"},
	Serve:   help{Short: "Open the safe and answer over HTTPS"},
	HSM:     help{Short: "Hold the token and answer the daemon's typed requests"},
	Version: help{Short: "Say which version this is"},
	Doctor:  help{Short: "Check what the safe needs around it, with a remedy for each fault"},
	Init: help{
		Short: "Set up a safe for demonstration: token, keys, volumes, first certificates",
		Long: `Set up a safe for demonstration: initialise the token, make its keys, format the volumes, write
the public trust material and the first client certificates into DIR.

A safe set up so is marked "demonstration" wherever a person looks: no key ceremony was held, and
one person had every secret in hand. Nothing that exists is overwritten.`,
	},
	Fsck: help{
		Short: "Read everything again on every volume and check it (the daemon must be stopped)",
		Long: `Open the safe, read everything again on every volume in sync and check it: journal, rounds, documents
with their proofs, every other value. With --repair what is bad on one volume and good on another is
written again, and checked again. While the safe serves, "casemated raid scrub start" does the same.

Exit code 0: nothing is wrong any more; 5: something is, and each finding says what to do.`,
	},
	BenchRaid: help{
		Short: "Measure the mirror on two file systems beside these without it",
		Long: `Makes a mirror and a safe in two empty folders, best on two disks, and prints one line a case: writes
beside two raw files with fdatasync in the same run, writes with one volume, a volume filled anew beside
a raw copy, a scrub beside both digests on one core, and what a small deposit waits meanwhile. With
--grow, how opening, scrub and memory grow with the number of documents. Both folders are left as they
are; they hold a safe that nobody needs.`,
	},
	BenchService: help{
		Short: "Measure how the service starts and stops, and what idle callers cost",
		Long: `Makes a safe in an empty folder, deposits until there are as many documents as --grow says, and prints
one line a case: from the start of the process until it is ready, with nothing of it in the page cache; memory
and open files with a thousand connections that say nothing; from SIGTERM to the end while some
deposit. What was acknowledged until then must be there when it serves again. A folder that an
earlier run has left is measured as it is, without --grow; the folder stays.`,
	},
	FlagDemonstration: "yes, without a key ceremony", FlagOut: "the `DIR` that gets trust/, access.pem and clients/",
	FlagRepair: "write again what is bad on one volume and good on another", FlagVolume: "read the one volume in `DIR` alone (or its identity)",
	InitSteps: map[string]string{ //nolint:gosec // words, no credentials
		"token": "Token %q: keys and authorities", "volumes": "Volumes: %s",
		"client": "Certificate of %q: %s", "table": "Add to the configuration: callers = %q",
	},
	InitDone: "The safe is set up. Start it with: casemated serve --config %s",
	Wrong:    "something is wrong; see above", HelpCommand: "Tell more about a command",
	UsageHint:  "casemated COMMAND --help tells what may stand there",
	FsckVolume: "volume %s: %d journal entries, %d documents (%s), %d other values, %d findings, %d repaired",
	FsckWrong:  "WRONG", FsckMended: "REPAIRED", FsckMore: "and %d findings more",
	FsckClean: "clean", FsckStand: "%d findings stand", FsckRepaired: "everything that was wrong is repaired",
	FsckAll:      "%d journal entries, %d documents (%s) on every volume, %d timestamp rounds: %s",
	FsckProgress: "%d documents, %s so far, %d findings",
	Findings: map[string]string{"value-damaged": "", "value-missing": "", "volume-audit": "", "journal": "", "round": "", "vault": "", "record": "",
		"document": "", "index": "", "gap": "", "document-missing": "", "document-unknown": "", "orphan": ""},
	Remedies: map[string]string{
		"repair": "a good copy is on another volume: casemated fsck --repair, or casemated raid scrub start while the safe serves",
		"lost":   "no volume in sync has a good copy: if a volume is missing or detached, bring it back (casemated raid status); keep this volume as it is and call whoever looks after the safe",
		"alone":  "there is no other volume in sync to take a good copy from: bring one back (casemated raid status), then casemated fsck --repair",
		"beyond": "no disk does this by itself: values are whole and authentic, yet they disagree; keep all volumes as they are, detach one as evidence and call whoever looks after the safe",
		"return": "see casemated raid status, and check again when it is in sync",
		"orphan": "no document is harmed and nothing is to be done: these bytes only take room; tell whoever looks after the safe",
	},
	FlagWhole: "empty it and fill it anew", FlagSpare: "as a spare, to take the place of a lost one", FlagSameDisk: "knowingly on the system's disk or on that of another volume",
	FlagYes: "do not ask", FlagSign: "an officer's detached CMS signature of the statement, `FILE`; twice",
	UsageTemplate: words.UsageTemplate(words.Headings{
		Usage: "Usage", Examples: "Examples", Commands: "Commands", Flags: "Flags", Global: "Flags of every command",
		Topics: "Further help", More: `Use "{{.CommandPath}} COMMAND --help" for more about a command.`,
	}),
	FlagHelp: "show this help", FlagConfig: "the configuration `FILE`", FlagJSON: "print one JSON object a line",
	FlagLang: "speak `LANGUAGE`: en or fr (default: that of the environment)", FlagDebug: "say more in the log",
	ErrorLabel: "error:", HintLabel: "hint:",
	Mirror: "mirror %s", Colon: ": ", Since: " since %s", Volume: "volume %s  %s  %s",
	Why: "why:", Todo: "do:", Disk: "disk:",
	FreeOf: "%s free of %s", Nearly: "nearly full: deposits are refused below %s", Faults: "%d bad values in 24 hours; %d are too many",
	Progress: "%s of %s, %s/s, %s left", Anew: "filled anew", CaughtUp: "caught up", Resume: "goes on where it was interrupted",
	Deposits: "deposits are taken, on %d volumes; at least %d are wanted", Refusing: "deposits are REFUSED: %d volumes are in sync, at least %d are wanted",
	Closed: "the safe is not running: this is what its volumes say of themselves",
	Scrubbing: map[string]string{
		"idle": "scrub: none is running", "running": "scrub: running since %s", "paused": "scrub: PAUSED, begun %s",
	},
	ScrubOverdue: "the next is LATE, it was due %s", ScrubLast: "the last one ended %s with %d findings and %d repairs (report %s)", ScrubNever: "none was finished yet", ScrubNext: "the next ends by %s",
	ScrubFound: "%d findings, %d values repaired, %d findings stand", ScrubProblem: "it waits: %s",
	Choices: "what may be decided:", Choice: "choice %s: volume %s in %s, up to batch %d", ChoiceWritten: "written %s",
	ChoiceLoses: "loses:", ChoiceTake: "casemated raid decide %s >decision.txt",
	HowToDecide:     "two officers decide: print one of the statements, have both sign it, hand both signatures back (casemated raid decide --help)",
	NothingToDecide: "there is nothing to decide",
	Sign: "The statement is valid for a day. Each of two officers reads it and signs it:\n" +
		"  openssl cms -sign -binary -in decision.txt -signer me.crt -inkey me.key -outform DER -out me.p7s\n" +
		"Then: casemated raid decide --signature ada.p7s --signature bob.p7s",
	Decided: "decided by %s: start the safe, which carries it out and journals it",
	Added:   "volume %s is added and is being filled: casemated raid status shows how far it is", SpareAdded: "spare %s is added",
	Replaced: "volume %s is replaced by %s, which is being filled: casemated raid status shows how far it is",
	Removed:  "volume %s is removed for good", Detached: "volume %s is detached: its disk may be taken out",
	Resilvering: "volume %s is being brought up: casemated raid status shows how far it is", Reclaimed: "volume %s: %s before, %s after",
	ScrubStarted: "the scrub is running", ScrubPaused: "the scrub waits until it is started again",
	Write:       "in the configuration write, for the day the state folder is lost: [volumes] dirs = [%s]",
	SureReplace: "Volume %s in %s is retired for good; %s takes its place.", SureRemove: "Volume %s in %s is retired for good.",
	Sure: "Go on? Type yes: ", NotSure: "nothing was done",
	SayYes: "this is not a terminal, and nobody can be asked", SayYesHint: "say --yes",
	NotRunning: "the safe is not running, and this needs it", NotRunningHint: "start it (systemctl start casemate, or casemated serve), or see casemated raid status",
	AsksForPerson: "something asks for a person; see above", UnknownVolume: "%q names no volume, or several",
	Units: []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}, And: "and",
}
