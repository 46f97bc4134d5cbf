package main

import (
	"fmt"
	"strings"
	"time"

	"casemate/appliance/words"
)

// catalogue is every word that casemated says to a person, in one language; what both
// programs say is in package words. What --json writes is the same in every language.
type catalogue struct {
	language string
	storage  *words.Storage
	problems map[string]words.Said

	Raid, Status, Scrub, ScrubStart, ScrubPause, ScrubStatus help
	Resilver, Replace, Add, Remove, Detach, Reclaim          help
	Examine, Decide                                          help
	FlagWhole, FlagSpare, FlagSameDisk, FlagYes, FlagSign    string
	UsageTemplate, FlagHelp                                  string
	FlagConfig, FlagJSON, FlagLang, FlagDebug                string

	Root, Serve, HSM, Init, Doctor, Fsck, Version, BenchRaid help
	BenchService                                             help
	FlagDemonstration, FlagOut, FlagRepair, FlagVolume       string
	InitSteps                                                map[string]string // of package appliance
	InitDone, Wrong, HelpCommand                             string
	UsageWrong, UsageHint                                    string // of a command line; English has cobra's own words
	FsckVolume, FsckWrong, FsckMended, FsckMore              string
	FsckClean, FsckStand, FsckRepaired, FsckAll              string
	FsckProgress                                             string
	Findings                                                 map[string]string // by code; English has the safe's own words
	Remedies                                                 map[string]string

	ErrorLabel, HintLabel            string
	Mirror, Colon, Since, Volume     string
	Why, Todo, Disk                  string
	FreeOf, Nearly, Faults           string
	Progress, Anew, CaughtUp, Resume string
	Deposits, Refusing               string
	Closed                           string
	Scrubbing                        map[string]string
	ScrubOverdue, ScrubLast          string
	ScrubNever, ScrubNext            string
	ScrubFound, ScrubProblem         string
	Choices, Choice, ChoiceWritten   string
	ChoiceLoses, ChoiceTake          string
	HowToDecide                      string
	NothingToDecide                  string
	Sign                             string
	Decided                          string

	Added, SpareAdded, Replaced, Removed, Detached string
	Resilvering, Reclaimed                         string
	ScrubStarted, ScrubPaused                      string
	Write                                          string
	SureReplace, SureRemove, Sure, NotSure         string
	SayYes, SayYesHint                             string
	NotRunning, NotRunningHint                     string
	AsksForPerson, UnknownVolume                   string
	Units                                          []string
	And                                            string
}

// help is what a command says of itself.
type help struct{ Short, Long, Example string }

var catalogues = map[string]*catalogue{"en": &english, "fr": &french}

// catalogueFor picks the language: --lang, else as [words.Language] says.
func catalogueFor(args []string, getenv func(string) string) *catalogue {
	asked := ""
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--lang="); ok {
			asked = value
		} else if arg == "--lang" && i+1 < len(args) {
			asked = args[i+1]
		}
	}
	c := catalogues[words.Language(asked, getenv, "en", "fr")]
	c.storage, c.problems = words.StorageIn(c.language), words.Problems(c.language)
	return c
}

func (t *catalogue) size(n int64) string { return words.Size(n, t.Units) }

// moment writes a time as the journal does, to the second.
func moment(at *time.Time) string {
	if at == nil {
		return "?"
	}
	return at.UTC().Format("2006-01-02 15:04:05 UTC")
}

// span writes a duration as a person says it.
func span(ns int64) string {
	d := time.Duration(ns).Round(time.Second)
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d d", d/(24*time.Hour))
	case d >= time.Hour:
		return fmt.Sprintf("%d h %02d", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%d min %02d", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}
