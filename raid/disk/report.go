package disk

import (
	"slices"
	"strings"
)

// Verdict is what a drive's own word comes to.
type Verdict string

// The verdicts, from good to bad.
const (
	Unknown Verdict = "unknown" // it could not be asked: see the reason
	OK      Verdict = "ok"
	Warning Verdict = "warning" // have a replacement at hand
	Failing Verdict = "failing" // replace it
)

var verdicts = []Verdict{Unknown, OK, Warning, Failing}

// Report is how the drives below a directory are.
type Report struct {
	Verdict Verdict  `json:"verdict"` // the worst of them
	Reasons []Reason `json:"reasons,omitempty"`
	// Of the drive asked; of the warmest, oldest and most worn where there are several. Nil: not said.
	Temperature *int64 `json:"temperature,omitempty"` // degrees Celsius
	Hours       *int64 `json:"hours,omitempty"`       // switched on
	Wear        *int64 `json:"wear,omitempty"`        // percent of the written life
}

// Reason is one thing that was found, for a program by its code and for a person by In.
type Reason struct {
	Code  Code   `json:"code"`
	Value int64  `json:"value,omitempty"` // a count, percents, degrees or an attribute's number: see the code
	Drive string `json:"drive,omitempty"` // its path
}

func unknown(code Code) Report {
	return Report{Verdict: Unknown, Reasons: []Reason{{Code: code}}}
}

func (r *Report) add(v Verdict, code Code, value int64) {
	r.Verdict = worse(r.Verdict, v)
	for i, have := range r.Reasons {
		if have.Code == code && code != BelowThreshold {
			r.Reasons[i].Value = max(have.Value, value)
			return
		}
	}
	r.Reasons = append(r.Reasons, Reason{Code: code, Value: value})
}

func worse(a, b Verdict) Verdict {
	return verdicts[max(slices.Index(verdicts, a), slices.Index(verdicts, b), 0)]
}

// join takes another drive's report into this one.
func (r *Report) join(other Report, drive string) {
	r.Verdict = worse(r.Verdict, other.Verdict)
	for _, reason := range other.Reasons {
		reason.Drive = drive
		r.Reasons = append(r.Reasons, reason)
	}
	r.Temperature = larger(r.Temperature, other.Temperature)
	r.Hours = larger(r.Hours, other.Hours)
	r.Wear = larger(r.Wear, other.Wear)
}

func larger(a, b *int64) *int64 {
	if a == nil || (b != nil && *b > *a) {
		return b
	}
	return a
}

// In is the report as a person reads it, in "fr" or else in English: one line, no verdict word.
func (r Report) In(lang string) string {
	said := make([]string, 0, len(r.Reasons))
	for _, reason := range r.Reasons {
		said = append(said, reason.In(lang))
	}
	return strings.Join(said, "; ")
}
