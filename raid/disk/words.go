package disk

import (
	"fmt"
	"strings"
)

// Code names a reason.
type Code string

// What a drive says; Value is the count unless the comment says otherwise.
const (
	SaysFailing    Code = "says-failing"    // no value
	BelowThreshold Code = "below-threshold" // value: the ATA attribute's number
	Reallocated    Code = "reallocated"
	Pending        Code = "pending"
	Uncorrectable  Code = "uncorrectable"
	SelfTest       Code = "self-test"      // no value
	Worn           Code = "worn"           // value: percent of the written life
	TooWarm        Code = "too-warm"       // value: degrees Celsius, 0 if only said
	SpareLow       Code = "spare-low"      // value: percent left, 0 if only said
	Degraded       Code = "degraded"       // no value
	WritesRefused  Code = "writes-refused" // no value
	BackupFailed   Code = "backup-failed"  // no value
)

// Why a drive could not be asked.
const (
	NotOffered    Code = "not-offered"    // a virtual device, or a controller that hides it
	SwitchedOff   Code = "switched-off"   // S.M.A.R.T. is there, and off
	NoPermission  Code = "no-permission"  // only root may ask
	NotInstalled  Code = "not-installed"  // smartmontools is missing
	NoDrive       Code = "no-drive"       // memory, a network
	NoAnswer      Code = "no-answer"      // within the time given
	NotUnderstood Code = "not-understood" // smartctl answered what we do not know
)

// words in English and French; %d is the value.
var words = map[Code][2]string{
	SaysFailing:    {"the drive says that it is failing", "le disque dit lui-même qu'il est en train de lâcher"},
	BelowThreshold: {"attribute %d is or was below its threshold", "l'attribut %d est ou a été sous son seuil"},
	Reallocated:    {"%d bad sectors were replaced", "%d secteurs défectueux ont été remplacés"},
	Pending:        {"%d sectors can not be read for now", "%d secteurs sont illisibles pour l'instant"},
	Uncorrectable:  {"%d errors could not be corrected", "%d erreurs n'ont pas pu être corrigées"},
	SelfTest:       {"its last self-test failed", "son dernier autotest a échoué"},
	Worn:           {"%d % of its written life is used", "%d % de sa durée de vie en écriture est consommée"},
	TooWarm:        {"%d °C, which is too warm", "%d °C, c'est trop chaud"},
	SpareLow:       {"only %d % of its spare blocks are left", "il ne lui reste que %d % de blocs de réserve"},
	Degraded:       {"it says that it is less reliable", "il se dit moins fiable"},
	WritesRefused:  {"it takes no more writes", "il n'accepte plus d'écriture"},
	BackupFailed:   {"its protection against power cuts failed", "sa protection contre les coupures de courant est en panne"},

	NotOffered:    {"the device offers no S.M.A.R.T.", "le périphérique n'offre pas S.M.A.R.T."},
	SwitchedOff:   {"S.M.A.R.T. is switched off (smartctl -s on DEVICE switches it on)", "S.M.A.R.T. est désactivé (smartctl -s on PÉRIPHÉRIQUE l'active)"},
	NoPermission:  {"only root may ask the drive", "seul root peut interroger le disque"},
	NotInstalled:  {"smartmontools is not installed", "smartmontools n'est pas installé"},
	NoDrive:       {"there is no drive below", "il n'y a pas de disque dessous"},
	NoAnswer:      {"the drive did not answer in time", "le disque n'a pas répondu à temps"},
	NotUnderstood: {"the answer of smartctl is not understood", "la réponse de smartctl n'est pas comprise"},
}

// withoutValue says it where the drive gives no number.
var withoutValue = map[Code][2]string{
	TooWarm:  {"it says that it is too warm", "il se dit trop chaud"},
	SpareLow: {"it says that its spare blocks run out", "il dit que ses blocs de réserve s'épuisent"},
}

// In is the reason as a person reads it, in "fr" or else in English.
func (r Reason) In(lang string) string {
	form, known := words[r.Code]
	if short, ok := withoutValue[r.Code]; ok && r.Value == 0 {
		form = short
	}
	if !known {
		form = [2]string{string(r.Code), string(r.Code)}
	}
	text := form[0]
	if lang == "fr" {
		text = form[1]
	}
	text = strings.ReplaceAll(text, "%d", fmt.Sprint(r.Value))
	if r.Drive != "" {
		text = r.Drive + ": " + text
	}
	return text
}

// In is the verdict as a person reads it, in "fr" or else in English.
func (v Verdict) In(lang string) string {
	if lang != "fr" {
		return string(v)
	}
	switch v {
	case OK:
		return "bon"
	case Warning:
		return "à surveiller"
	case Failing:
		return "défaillant"
	default:
		return "inconnu"
	}
}
