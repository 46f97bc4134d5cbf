package main

import "casemate/appliance/words"

// catalogue is every word the command says to a person, in one language. The
// language is English unless LC_ALL, LC_MESSAGES or LANG, in that order, names one
// of [catalogues]. What --json writes is the same in every language, but for the
// sentences of errors.
type catalogue struct {
	// Commands.
	Root, Deposit, Get, Stat, List, Count, Check, Compare, ReceiptCommand, Verify help
	Journal, Vaults, Vault, VaultCreate, Status, Trust, Version, ExitCodes        help
	HelpCommand, Completion                                                       string
	UsageTemplate                                                                 string // text/template, of cobra
	Flag                                                                          flagWords

	// Errors.
	ErrorLabel, HintLabel, WarningLabel, IncidentLabel string
	Exit                                               exitWords
	UnknownOutcome, Settings, Untrusted, Certificate   said
	Forbidden, Refused, NotFound, Integrity            said
	Unreachable, Unavailable, Internal, Protocol       said
	Problems                                           map[string]said // by code of wire; what is missing is said in the safe's own words
	Interrupted, ResultLost, Unusable                  string

	// The command line.
	ArgumentsWrong, CommandUnknown                                                                      string
	FlagUnknown, FlagEmpty, FlagInvalid, FlagMissing, VaultMissingHint                                  string
	DocumentIDWrong, DocumentIDHint                                                                     string
	NameForOne, NameNotUTF8, NameHint, StdinNeedsName, StdinHint                                        string
	IsFolder, FolderHint                                                                                string
	TooManyDigests, SHA256Wrong, SHA256Hint                                                             string
	MetaWrong, MetaHint, MetaTwice, MetaNotUTF8                                                         string
	ReceiptStdout, ReceiptStdoutHint, ReceiptForMany, ReceiptFolderHint, ReceiptTwice, ReceiptTwiceHint string
	NoSuchFile, OneFile, OneFileHint, FolderForMany, FolderForManyHint                                  string
	Exists, ExistsHint, InstantWrong, InstantHint                                                       string
	SettingMissing, SettingMissingHint                                                                  string
	ConfigUnreadable, ConfigWrong, ConfigHint                                                           string
	KeyOpen, KeyOpenHint                                                                                string

	// Results.
	VerifyFailed, VerifyFailedHint, VerifyProvisional string
	ProvedBetween, ProvedBy, TrustDirHint             string
	Steps                                             map[string]string // of a verification, by the name of the step
	DetachedHint                                      string
	Depositing, Reading, Waiting                      string
	NotProvedYet, NotProvedHint                       string
	ReceiptSaved, ReceiptProvisional                  string
	ReceiptProvisionalHint                            string
	ReceiptDetached, ReceiptDetachedHint              string
	Kept, KeptLeft, KeptHint, KeptOtherHint           string
	Label                                             labels
	LabelWidth                                        int
	VaultAndNumber, ClockTrusted, ClockUntrusted      string
	Proved, Provisional, ProvedWord                   string
	ProvisionalWord, Demonstration                    string
	Got, Counted, VaultCreated                        string
	Holds, DoesNotHold, MarkOK, MarkBad               string
	CheckFailed, CheckFailedHint                      string
	Identical, Differs, DiffersHint                   string
	Alarms, AlarmsHint                                string
	Free, JournalState, ProofsState, PendingSince     string
	TrustWarning, TrustHint                           string
	Bytes                                             string
	Units                                             []string // of 1024, from bytes on
	Storage                                           *words.Storage
}

// help is what a command says of itself.
type help struct{ Short, Long, Example string }

// said is a sentence and its remedy; without a sentence the error's own will do.
type said = words.Said

type flagWords struct {
	Config, URL, CA, Cert, Key, JSON, Help         string
	Vault, Name, Meta, SHA256, AsOne, Receipt      string
	Detached, Force, Wait, Output, ReceiptOutput   string
	File, After, Limit, SameAs                     string
	Object, User, From, To, AfterEntry, Checkpoint string
	Document, TrustDir                             string
}

type exitWords struct {
	OK, General, Usage, Refused, NotFound, Integrity  string
	Unavailable, Unknown, Different, NotProved, Alarm string
	Interrupted                                       string
}

type labels struct {
	Vault, File, Metadata, Depositor, Declared, State string
	Note, Clock, Volumes, Volume, Journal, Proofs     string
	Alarm                                             string
}

// catalogues by language, ISO 639-1.
var catalogues = map[string]*catalogue{"en": &english, "fr": &french}

// catalogueFor picks the language; see [words.Language].
func catalogueFor(getenv func(string) string) *catalogue {
	return catalogues[words.Language("", getenv, "en", "fr")]
}
