package main

import "casemate/appliance/words"

// english is the first catalogue; the others say the same.
var english = catalogue{
	Root: help{
		Short: "Deposit documents in a digital safe, read them back, prove them",
		Long: `casemate speaks to a Casemate safe over HTTPS with a client certificate.

It deposits documents, reads them back, fetches their receipts, and verifies
receipts offline, with no safe at hand.

Settings come from flags, else from CASEMATE_URL, CASEMATE_CA, CASEMATE_CERT and
CASEMATE_KEY, else from ~/.config/casemate/config.toml (url, ca, cert, key; file
names there are relative to that folder).

Results go to standard output, everything else to standard error. With --json
each result is one JSON object on one line.`,
		Example: `  casemate deposit --vault invoices --receipt invoice.asice invoice.pdf
  casemate verify invoice.asice --trust trust/`,
	},
	Deposit: help{
		Short: "Put documents in a vault",
		Long: `Put documents in a vault: each FILE becomes a document, or all of them one with
--as-one. FILE "-" is standard input and needs --name.

Nothing is kept unless the safe has everything: written, sealed and in its journal.
The bytes are digested while they are sent, and what the safe says it kept is
compared with that. When several documents are deposited, the first failure stops;
those told on standard output before it are kept. A failure after the safe kept a
document (its receipt could not be had) begins with the document's id.

Who may deposit and not read gets a detached receipt: keep the document beside it.`,
		Example: `  casemate deposit --vault invoices invoice.pdf
  casemate deposit --vault contracts --as-one --meta client=ACME contract.pdf annex.zip
  casemate deposit --vault invoices --receipt receipts/ --wait *.pdf
  tar c folder | casemate deposit --vault backups --name folder.tar -`,
	},
	Get: help{
		Short: "Read a document back",
		Long: `Read the original bytes of a document. They are digested while they arrive and
take their name only when both digests are right: a file that is there is whole and
verified. Nothing is overwritten without --force. A name a depositor chose to do
harm is replaced by document-0001.ext.

With -o - one file goes to standard output as it arrives: it may be used only if
the exit code is 0.`,
		Example: `  casemate get k5v2wtnbmhqx5yhdvkvmzlt5vm
  casemate get k5v2wtnbmhqx5yhdvkvmzlt5vm --file 2 -o annex.zip`,
	},
	Stat: help{Short: "Tell what the safe knows of documents", Long: "Tell what the safe knows of documents: files, digests, metadata, dates, state."},
	List: help{
		Short: "List a vault",
		Long:  "List the documents of a vault by number: number, id, date, bytes, state, names.",
		Example: `  casemate list --vault invoices
  casemate list --vault invoices --same-as invoice.pdf
  casemate list --vault invoices --json | jq -r .id`,
	},
	Count: help{Short: "Count a vault's documents and bytes", Long: "Count the documents of a vault and their bytes."},
	Check: help{
		Short: "Have the safe read documents again and verify everything",
		Long: `Have the safe read documents again on every volume, recompute both digests, and
verify seal, timestamp and place in the journal. Nothing is answered from memory.
Exit code 5 when something does not hold.`,
		Example: `  casemate check k5v2wtnbmhqx5yhdvkvmzlt5vm`,
	},
	Compare: help{
		Short: "Ask whether files are those of a document",
		Long: `Ask whether files are those of a document. They are digested here; only the
digests travel. Give all files of the document, in its order. The question and its
answer enter the journal. Exit code 8 when they differ.`,
		Example: `  casemate compare k5v2wtnbmhqx5yhdvkvmzlt5vm invoice.pdf`,
	},
	ReceiptCommand: help{
		Short: "Fetch a document's receipt",
		Long: `Fetch the receipt of a document: one file (.asice) that proves it to anybody,
offline. Until the next timestamp round it is provisional; --wait waits for the
round. A detached receipt leaves the document out: keep both.`,
		Example: `  casemate receipt k5v2wtnbmhqx5yhdvkvmzlt5vm -o invoice.asice --wait
  casemate receipt k5v2wtnbmhqx5yhdvkvmzlt5vm --detached`,
	},
	Verify: help{
		Short: "Verify a receipt offline",
		Long: `Verify a receipt with no safe and no network: digests, seal, timestamps, place in
the journal. --trust names a folder with seal.pem, tsa.pem and journal.vkey as they
were handed over at the key ceremony: never those the receipt itself carries. A
detached receipt wants its documents with --document.

Exit code 0 when everything holds, 5 when something does not, 9 when it holds but
has no external timestamp yet.`,
		Example: `  casemate verify invoice.asice --trust trust/
  casemate verify invoice-detached.asice --document invoice.pdf --trust trust/`,
	},
	Journal: help{
		Short: "Read the journal",
		Long: `Read the journal: every act and every refused attempt, by object, by user, by
period. --checkpoint prints the last signed head of the journal instead.`,
		Example: `  casemate journal --object k5v2wtnbmhqx5yhdvkvmzlt5vm
  casemate journal --from 2026-11-01 --to 2026-12-01 --json`,
	},
	Vaults:      help{Short: "List the vaults you may use", Long: "List the vaults you may use: id, date, documents, bytes, name."},
	Vault:       help{Short: "Manage vaults", Long: "Manage vaults."},
	VaultCreate: help{Short: "Create a vault", Long: "Create a vault.", Example: `  casemate vault create invoices`},
	Status: help{
		Short: "Tell how the safe is",
		Long:  "Tell how the safe is: clock, volumes, journal, timestamps. Exit code 10 when it raises an alarm.",
	},
	Trust: help{
		Short: "Fetch what the safe says its trust anchors are, to compare",
		Long: `Write seal.pem, tsa.pem and journal.vkey as the safe itself gives them into DIR, and
print their fingerprints. Compare these with the minutes of the key ceremony: an
anchor obtained from the party it is to judge proves nothing.`,
		Example: `  casemate trust safe-says/`,
	},
	Version: help{Short: "Tell the version", Long: "Tell the version of this command."},
	ExitCodes: help{
		Short: "Exit codes",
		Long:  "casemate ends with one of these codes; their meaning never changes. With --json\nan error is one object on standard error, with the name in its field \"code\".",
	},
	HelpCommand: "Help about any command",
	Completion:  "Generate the completion script of a shell",
	UsageTemplate: words.UsageTemplate(words.Headings{
		Usage: "Usage", Examples: "Examples", Commands: "Commands", Flags: "Flags", Global: "Flags of every command",
		Topics: "Further help", More: `Use "{{.CommandPath}} COMMAND --help" for more about a command.`,
	}),
	Flag: flagWords{
		Config: "read the settings from `FILE`", URL: "address `URL` of the safe, https://host:port", CA: "PEM `FILE` of the authorities of the safe's certificate",
		Cert: "PEM `FILE` of your certificate", Key: "PEM `FILE` of its private key", JSON: "write each result as one JSON object on one line", Help: "show this help",
		Vault: "`NAME` of the vault", Name: "`NAME` of the document's file, instead of the file's own", Meta: "metadata `KEY=VALUE`, attested with the document; may be repeated",
		SHA256: "announce the digest of a file, 64 `HEX` digits: other bytes are refused; repeat it in the order of the files",
		AsOne:  "make one document of all files", Receipt: "save the receipt in `FILE`, or in that folder",
		Detached: "leave the document out of the receipt", Force: "overwrite what is there", Wait: "wait up to `DURATION` for the external timestamp (alone: 15m)",
		Output: "write to `FILE`, into that folder, or to standard output with -", ReceiptOutput: "write to `FILE` (default DOCUMENT.asice), or to standard output with -",
		File: "only the file `N` of the document, from 1", After: "begin behind document `NUMBER`", Limit: "stop after `N`", SameAs: "only documents with the bytes of `FILE`, which stays here; repeat it for a document of several, in its order",
		Object: "only entries about this document `ID`", User: "only entries of this user `NAME`", From: "not before `TIME`: 2026-11-22 or 2026-11-22T17:00:00Z", To: "before `TIME`",
		AfterEntry: "begin behind entry `NUMBER`", Checkpoint: "print the journal's last signed checkpoint",
		Document: "`FILE` that the detached receipt is about; may be repeated", TrustDir: "folder `DIR` with seal.pem, tsa.pem and journal.vkey",
	},

	ErrorLabel: "error:", HintLabel: "hint:", WarningLabel: "warning:", IncidentLabel: "incident:",
	Exit: exitWords{
		OK:          "done",
		General:     "another failure, here or inside the safe",
		Usage:       "command line or settings cannot be used; nothing was sent",
		Refused:     "refused: certificate, right, or a request that cannot be granted as it stands",
		NotFound:    "no such vault, document or file",
		Integrity:   "integrity failure: bytes, a receipt or a stored document are not what they should be",
		Unavailable: "the safe cannot be reached or cannot do it now: try again",
		Unknown:     "everything was sent and no answer came: list the vault before depositing again",
		Different:   "compare: the files are not those of the document",
		NotProved:   "no external timestamp yet: the receipt is provisional",
		Alarm:       "status: the safe answers and raises an alarm",
		Interrupted: "interrupted by a signal; nothing half written is left",
	},
	UnknownOutcome: said{Hint: "look with `casemate list` whether it is there before you deposit again"},
	Settings:       said{Hint: "see `casemate --help` for where the settings come from"},
	Untrusted:      said{Hint: "is the address right, and is CASEMATE_CA the authority of this very safe? Do not go on before you know"},
	Certificate:    said{Hint: "check that CASEMATE_CERT comes from this safe's authority, is still valid, and was enrolled by an administrator"},
	Forbidden:      said{Hint: "ask an administrator of the safe for the right"},
	NotFound:       said{Hint: "`casemate vaults` and `casemate list` tell what there is for you"},
	Integrity:      said{Hint: "do not use these bytes; try again, and if it happens again tell the administrator of the safe"},
	Unreachable:    said{Hint: "is the safe running, and is CASEMATE_URL right? Then try again"},
	Unavailable:    said{Hint: "try again later"},
	Internal:       said{Hint: "give the incident to the administrator of the safe"},
	Protocol:       said{Hint: "is CASEMATE_URL a safe, and of a version this client knows?"},
	Interrupted:    "interrupted: nothing half written is left",
	ResultLost:     "writing the result",
	Unusable:       "what was written to standard output is not verified and must not be used",

	ArgumentsWrong:     "the arguments should be: %s",
	CommandUnknown:     "there is no command %q",
	FlagUnknown:        "there is no flag %q",
	FlagEmpty:          "the flag %q wants a value",
	FlagInvalid:        "--%s cannot be %q: %v",
	FlagMissing:        "--%s is missing: %s cannot do without",
	VaultMissingHint:   "`casemate vaults` lists those you may use",
	DocumentIDWrong:    "%q is no document id",
	DocumentIDHint:     "an id is 26 letters and digits, as `casemate list` shows them",
	NameForOne:         "--name is for one file",
	NameNotUTF8:        "the name %q is not UTF-8",
	NameHint:           "give the document another with --name",
	StdinNeedsName:     "standard input can be one file only, and needs --name",
	StdinHint:          "casemate deposit --vault VAULT --name NAME -",
	IsFolder:           "%q is a folder",
	FolderHint:         "name its files, with --as-one if they belong together, or pack it into an archive",
	TooManyDigests:     "%d digests announced for %d files",
	SHA256Wrong:        "%q is no SHA-256 digest",
	SHA256Hint:         "64 hexadecimal digits, as sha256sum prints them",
	MetaWrong:          "--meta %q should be KEY=VALUE",
	MetaHint:           "for example --meta client=ACME",
	MetaTwice:          "--meta %q is given twice",
	MetaNotUTF8:        "--meta %q is not UTF-8",
	ReceiptStdout:      "--receipt wants a file, standard output already carries the result",
	ReceiptStdoutHint:  "deposit first, then `casemate receipt DOCUMENT -o -`",
	ReceiptForMany:     "--receipt %q should be a folder that exists, since there are several documents",
	ReceiptFolderHint:  "make the folder, or use --as-one to make one document of all files",
	ReceiptTwice:       "two receipts would be called %q",
	ReceiptTwiceHint:   "deposit files of the same name one at a time",
	NoSuchFile:         "document %s has %d files, no file %d",
	OneFile:            "only one file can go to standard output, the document has %d",
	OneFileHint:        "choose one with --file, or a folder with -o",
	FolderForMany:      "%q should be a folder that exists, since the document has several files",
	FolderForManyHint:  "make the folder, or choose one file with --file",
	Exists:             "%q is there already",
	ExistsHint:         "choose another name with -o, or --force to overwrite it",
	InstantWrong:       "--%s %q is no time",
	InstantHint:        "2026-11-22, or 2026-11-22T17:00:00Z with a zone",
	SettingMissing:     "which safe, and who are you? --%s or %s is not set",
	SettingMissingHint: "set CASEMATE_URL, CASEMATE_CA, CASEMATE_CERT and CASEMATE_KEY, or write url, ca, cert and key into ~/.config/casemate/config.toml",
	ConfigUnreadable:   "reading the settings in %q: %v",
	ConfigWrong:        "the settings in %q: %v",
	ConfigHint:         "the file holds lines like url = \"https://safe.example:8443\"; its keys are url, ca, cert, key",
	KeyOpen:            "others than you can read the private key %q (mode %04o)",
	KeyOpenHint:        "chmod 600, and ask for a new certificate if others may have read it",

	VerifyFailed:      "%s does not verify",
	VerifyFailedHint:  "the steps marked BAD say why; do not rely on this receipt",
	VerifyProvisional: "%s holds, but no external timestamp covers it yet",
	ProvedBetween:     "sealed after %s and before %s, by the word of independent authorities",
	ProvedBy:          "sealed before %s, by the word of an independent authority",
	TrustDirHint:      "a folder with seal.pem, tsa.pem and journal.vkey as handed over at the key ceremony",
	Steps: map[string]string{
		"container": "container", "attestation": "attestation", "fingerprint": "fingerprint", "documents": "documents", "manifest": "sealed manifest",
		"evidence": "external timestamp", "seal": "seal", "journal": "journal", "times": "times",
	},
	DetachedHint:           "a caller without the right to read may have the receipt without the document: --detached",
	Depositing:             "depositing %s",
	Reading:                "reading %s",
	Waiting:                "waiting for the external timestamp, up to %s",
	NotProvedYet:           "document %s has no external timestamp after %s",
	NotProvedHint:          "the document is safe and sealed; fetch its receipt later with `casemate receipt --wait`",
	ReceiptSaved:           "receipt %s (%s)",
	ReceiptProvisional:     "the receipt %s is provisional: no external timestamp covers it yet",
	ReceiptProvisionalHint: "fetch it again with --wait",
	ReceiptDetached:        "the receipt %s is detached: your certificate may deposit and not read, so the document is not in it",
	ReceiptDetachedHint:    "keep the document beside it; --detached asks for such a receipt at once",
	Kept:                   "document %s is deposited in %s",
	KeptLeft:               "not deposited: %s",
	KeptHint:               "do not deposit it again: `casemate receipt %s` fetches its receipt, with --wait after the timestamp",
	KeptOtherHint:          "see what the safe kept with `casemate stat %s` before you deposit again, and tell its administrator if it is not what you sent",
	Label: labels{
		Vault: "vault", File: "file", Metadata: "metadata", Depositor: "depositor", Declared: "declared", State: "state",
		Note: "note", Clock: "clock", Volumes: "mirror", Volume: "volume", Journal: "journal", Proofs: "proofs", Alarm: "ALARM",
	},
	LabelWidth:      12,
	VaultAndNumber:  "%s, number %d",
	ClockTrusted:    "clock trusted, %d sources",
	ClockUntrusted:  "clock not trusted: %s",
	Proved:          "proved: existed on %s by an external authority (round %d)",
	Provisional:     "provisional: sealed, the external timestamp comes with the next round",
	ProvedWord:      "proved",
	ProvisionalWord: "provisional",
	Demonstration:   "DEMONSTRATION: no key ceremony was held for this safe",
	Got:             "%s  %s, both digests verified",
	Counted:         "%d documents, %s",
	VaultCreated:    "vault %s created, id %s",
	Holds:           "holds",
	DoesNotHold:     "DOES NOT HOLD",
	MarkOK:          "ok ",
	MarkBad:         "BAD",
	CheckFailed:     "%d of %d documents do not hold",
	CheckFailedHint: "tell the administrator of the safe at once; the lines above say what was found",
	Identical:       "%s: identical",
	Differs:         "the files are not those of document %s",
	DiffersHint:     "all files of the document are wanted, in its order: see `casemate stat`",
	Alarms:          "the safe raises %d alarms",
	AlarmsHint:      "tell the administrator of the safe",
	Free:            "%s free",
	JournalState:    "%d entries, %d under the last checkpoint",
	ProofsState:     "round %d, %d documents wait for the next",
	PendingSince:    "the oldest since %s",
	TrustWarning:    "these anchors come from the safe they are to judge",
	TrustHint:       "compare the fingerprints with the minutes of the key ceremony, and verify with the files handed over there",
	Bytes:           "%d bytes",
	Units:           []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"},
	Storage:         words.StorageIn("en"),
}
