package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"casemate/appliance/wire"
	"casemate/appliance/words"
)

// printer gathers what is said of a mirror, line by line.
type printer struct {
	t      *catalogue
	b      strings.Builder
	health func(wire.Volume) string // of the disk below a volume; nil leaves it out
}

func (p *printer) line(format string, args ...any) {
	p.b.WriteString(clean(fmt.Sprintf(format, args...)) + "\n")
}

// to writes what was gathered.
func (p *printer) to(w io.Writer) error {
	_, err := io.WriteString(w, p.b.String())
	return err
}

// mirror says how the mirror is, then each volume, then what may be decided.
func (p *printer) mirror(s wire.Storage, open bool) {
	said := p.t.storage.States[s.State]
	name := p.t.storage.Names[s.State]
	if name == "" {
		name = s.State
	}
	if s.State != "healthy" {
		name = strings.ToUpper(name)
	}
	line := fmt.Sprintf(p.t.Mirror, name)
	if s.Since != nil {
		line += fmt.Sprintf(p.t.Since, moment(s.Since))
	}
	if said.Message != "" && (open || s.State == "refused") {
		line += p.t.Colon + said.Message
	}
	p.line("%s", line)
	if s.Why != "" && s.State != "healthy" {
		p.line("  %s %s", p.t.Why, p.t.storage.Why(s.Why))
	}
	if said.Hint != "" && (open || s.State == "refused") {
		p.line("  %s %s", p.t.Todo, said.Hint)
	}
	inSync := 0
	for _, v := range s.Volumes {
		p.line("")
		p.volume(v)
		if v.State == "in-sync" {
			inSync++
		}
	}
	p.line("")
	if open {
		sentence := p.t.Deposits
		if s.ReadOnly || inSync < s.MinCopies {
			sentence = p.t.Refusing
		}
		p.line(sentence, inSync, s.MinCopies)
		if s.Scrub != nil {
			p.scrub(s.Scrub)
		}
	}
	p.choices(s.Choices)
}

func (p *printer) volume(v wire.Volume) {
	state := p.t.storage.Volumes[v.State]
	if state == "" {
		state = v.State
	}
	if v.State != "in-sync" && v.State != "spare" {
		state = strings.ToUpper(state)
		if v.Since != nil {
			state += fmt.Sprintf(p.t.Since, moment(v.Since))
		}
	}
	p.line(p.t.Volume, words.Short(v.ID), v.Dir, state)
	if v.State != "in-sync" && v.State != "spare" {
		why := p.t.storage.Causes[v.Cause].Message
		if v.Why != "" && why != "" {
			why += " (" + p.t.storage.Why(v.Why) + ")"
		} else if why == "" {
			why = p.t.storage.Why(v.Why)
		}
		if why != "" {
			p.line("  %s %s", p.t.Why, why)
		}
	}
	if todo := p.t.storage.Todo(v.State, v.Cause, v.ID, v.Dir); todo != "" {
		p.line("  %s %s", p.t.Todo, todo)
	}
	if v.Progress != nil {
		p.progress(v.Progress)
	}
	if v.SizeBytes > 0 {
		p.line("  "+p.t.FreeOf, p.t.size(v.FreeBytes), p.t.size(v.SizeBytes))
		if v.FloorBytes > 0 && v.FreeBytes < 2*v.FloorBytes {
			p.line("  "+p.t.Nearly, p.t.size(v.FloorBytes))
		}
	}
	if v.Faults > 0 {
		p.line("  "+p.t.Faults, v.Faults, v.Budget)
	}
	if p.health != nil {
		if line := p.health(v); line != "" {
			p.line("  %s %s", p.t.Disk, line)
		}
	}
}

const barWidth = 24

// progress is a bar, and behind it how fast and how long still.
func (p *printer) progress(g *wire.Progress) {
	how := p.t.CaughtUp
	if g.Whole {
		how = p.t.Anew
	}
	if g.Resumed {
		how += ", " + p.t.Resume
	}
	left := "?"
	if g.LeftNs > 0 {
		left = span(g.LeftNs)
	}
	p.line("  %s  %s (%s)", bar(g.Done, g.Total),
		fmt.Sprintf(p.t.Progress, p.t.size(g.Done), p.t.size(g.Total), p.t.size(g.Rate), left), how)
}

// bar shows a share; what is not finished never looks full.
func bar(done, total int64) string {
	share := 0.0
	if total > 0 {
		share = min(1, max(0, float64(done)/float64(total)))
	}
	full := int(share * barWidth)
	return fmt.Sprintf("[%s%s] %3d %%", strings.Repeat("#", full), strings.Repeat(".", barWidth-full), int(share*100))
}

func (p *printer) scrub(s *wire.Scrub) {
	state := p.t.Scrubbing[s.State]
	if strings.Contains(state, "%s") {
		state = fmt.Sprintf(state, moment(s.Started))
	}
	parts := []string{state}
	if s.Last == nil {
		parts = append(parts, p.t.ScrubNever)
	} else {
		parts = append(parts, fmt.Sprintf(p.t.ScrubLast, moment(s.Last.Finished), s.Last.Findings, s.Last.Repaired, s.Last.Report))
	}
	if s.NextDue != nil {
		sentence := p.t.ScrubNext
		if s.Overdue {
			sentence = p.t.ScrubOverdue
		}
		parts = append(parts, fmt.Sprintf(sentence, moment(s.NextDue)))
	}
	p.line("%s", strings.Join(parts, "; "))
	if s.State != "idle" && s.Total > 0 {
		left := "?"
		if s.LeftNs > 0 {
			left = span(s.LeftNs)
		}
		p.line("  %s  %s", bar(s.Done, s.Total), fmt.Sprintf(p.t.Progress, p.t.size(s.Done), p.t.size(s.Total), p.t.size(s.Rate), left))
	}
	if s.Findings > 0 {
		p.line("  "+p.t.ScrubFound, s.Findings, s.Repaired, s.Unrepaired)
	}
	if s.Problem != "" {
		p.line("  "+p.t.ScrubProblem, s.Problem)
	}
}

// choices are what two persons may decide.
func (p *printer) choices(all []wire.Choice) {
	if len(all) == 0 {
		return
	}
	p.line("%s", p.t.Choices)
	for _, c := range all {
		p.line("")
		line := fmt.Sprintf(p.t.Choice, words.Short(c.ID), words.Short(c.Volume), c.Dir, c.Sequence)
		if c.Written != nil {
			line += ", " + fmt.Sprintf(p.t.ChoiceWritten, moment(c.Written))
		}
		p.line("%s", line)
		p.line("  %s %s", p.t.ChoiceLoses, p.t.storage.Why(c.Loses))
		p.line("  "+p.t.ChoiceTake, words.Short(c.ID))
	}
	p.line("")
	p.line("%s", p.t.HowToDecide)
}

// clean makes foreign text safe on a terminal.
func clean(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}
