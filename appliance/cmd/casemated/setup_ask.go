package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"casemate/appliance"
	"casemate/appliance/setup"
	"casemate/appliance/words"
)

// asker puts questions to the person at the console, one a line, each with what it means.
type asker struct {
	ctx context.Context // Ctrl-C ends a question that waits
	in  *bufio.Reader
	out io.Writer
	err error // the first; from then on nothing is asked
}

// line asks one thing. An empty answer is what stands in brackets.
func (a *asker) line(question, otherwise string) string {
	if a.err != nil {
		return otherwise
	}
	if otherwise != "" {
		question += " [" + otherwise + "]"
	}
	_, _ = fmt.Fprintf(a.out, "%s: ", question) // else no answer comes
	text, err := a.read()
	if err != nil && (text == "" || !errors.Is(err, io.EOF)) {
		a.err = err
		return otherwise
	}
	if text = strings.TrimSpace(text); text == "" {
		return otherwise
	}
	return text
}

// read waits for a line, or for the end of the set-up: then the line that may still come is nobody's.
func (a *asker) read() (string, error) {
	type answer struct {
		text string
		err  error
	}
	came := make(chan answer, 1)
	go func() {
		text, err := a.in.ReadString('\n')
		came <- answer{text, err}
	}()
	select {
	case got := <-came:
		return got.text, got.err
	case <-a.ctx.Done():
		_, _ = fmt.Fprintln(a.out) // behind the question
		return "", context.Cause(a.ctx)
	}
}

// list asks for several things in one line.
func (a *asker) list(question, otherwise string) []string {
	return strings.FieldsFunc(a.line(question, otherwise), func(r rune) bool { return r == ' ' || r == ',' })
}

// yes asks a question whose answer is yes or no; anything else is no.
func (a *asker) yes(question string) bool {
	switch strings.ToLower(a.line(question, "")) {
	case "yes", "oui", "y", "o":
		return true
	}
	return false
}

func (a *asker) say(format string, args ...any) {
	if a.err == nil {
		_, _ = fmt.Fprintf(a.out, format+"\n", args...) // a question follows
	}
}

// knownModules are where the libraries of tokens stand on Debian.
var knownModules = []string{"/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so", "/usr/lib/opencryptoki/libopencryptoki.so", "/usr/lib/softhsm/libsofthsm2.so"}

// ask puts every question and gives the answers; what is wrong with one is said at once, and it is asked
// again, so that nobody answers everything twice.
func (o *options) ask(cmd *cobra.Command, s *appliance.Setup) (setup.Answers, error) {
	if !onConsole() {
		return setup.Answers{}, exitCode{exitUsage, &told{nil, o.t.box().NoConsole, o.t.box().NoConsoleHint}}
	}
	q := &asker{ctx: cmd.Context(), in: bufio.NewReader(cmd.InOrStdin()), out: cmd.ErrOrStderr()}
	o.speak(strings.ToLower(q.line("Language / langue (en, fr)", o.t.language)))
	w := o.t.box()
	var a setup.Answers
	if wrong := s.CheckMachine(); len(wrong) > 0 && !s.Unfinished() {
		return a, o.problems(cmd, wrong) // before anybody answers twenty questions
	}
	q.say("\n%s\n", w.Welcome)
	a.Demonstration = q.yes(w.AskCeremony)
	if !a.Demonstration && q.err == nil {
		return a, &told{nil, o.t.NotSure, ""}
	}
	for i, ask := range []func(*asker, *setup.Answers){o.askNames, o.askVolumes, o.askToken, o.askClock, o.askAuthority, o.askPersons} {
		for q.err == nil {
			ask(q, &a)
			s.Answers = a
			wrong := s.CheckPart(cmd.Context(), appliance.SetupParts[i])
			if len(wrong) == 0 || q.err != nil {
				break
			}
			o.showProblems(q.out, wrong)
			if o.takeAnyway(q, wrong, &a) {
				break
			}
			q.say("%s", w.AskAgain)
		}
	}
	if q.err == nil {
		o.showAnswers(q.out, a)
		q.say("%s", w.WillDo)
	}
	if sure := q.yes(strings.TrimRight(o.t.Sure, ": ")); !sure {
		return a, &told{q.err, o.t.NotSure, ""}
	}
	return a, nil
}

// takeAnyway asks whether what is not advised, but possible, is wanted: volumes that share a disk, a
// network that is not there yet.
func (o *options) takeAnyway(q *asker, wrong []setup.Problem, a *setup.Answers) bool {
	disk, network := false, false
	for _, p := range wrong {
		switch p.Code {
		case setup.BadSameDisk, setup.BadNoMount:
			disk = true
		case setup.BadServers, setup.BadAuthority:
			network = true
		default:
			return false
		}
	}
	if q.err != nil || !q.yes(o.t.box().AskAnyway) {
		return false
	}
	a.SameDisk, a.Offline = a.SameDisk || disk, a.Offline || network
	return true
}

func (o *options) showProblems(to io.Writer, found []setup.Problem) {
	p := &printer{t: o.t}
	known := words.SetupProblems(o.t.language)
	for _, one := range found {
		p.problem(one, known[one.Code])
	}
	_ = p.to(to) // the question follows again
}

func (o *options) askNames(q *asker, a *setup.Answers) {
	w := o.t.box()
	host, _ := os.Hostname() // only a proposal
	q.say("\n%s", w.AboutNames)
	a.Origin = q.line(w.AskOrigin, "")
	a.Names = q.list(w.AskNames, host)
	a.Listen = q.line(w.AskListen, "[::]:8443")
	a.Recovery = q.line(w.AskRecovery, "")
}

func (o *options) askVolumes(q *asker, a *setup.Answers) {
	w := o.t.box()
	q.say("\n%s", w.AboutVolumes)
	a.Volumes = nil
	for n := 1; n <= 8; n++ {
		question := fmt.Sprintf(w.AskVolume, n)
		if n > 2 {
			question = w.AskMoreVolumes
		}
		path := q.line(question, "")
		if path == "" {
			break
		}
		v := setup.Volume{Dir: path}
		if info, err := os.Stat(path); err == nil && info.Mode()&os.ModeDevice != 0 {
			v.Device, v.Dir = path, q.line(w.AskMount, fmt.Sprintf("/srv/casemate/volume-%d", n))
			q.say("%s", w.AboutErase)
			v.Erase = q.line(w.AskErase, "")
		}
		a.Volumes = append(a.Volumes, v)
	}
}

func (o *options) askToken(q *asker, a *setup.Answers) {
	w := o.t.box()
	module := ""
	for _, file := range knownModules {
		if _, err := os.Stat(file); err == nil {
			module = file
		}
	}
	q.say("\n%s", w.AboutToken)
	a.Token.Module = q.line(w.AskModule, module)
	a.Token.Label = q.line(w.AskLabel, "casemate")
	a.Token.Serial = q.line(w.AskSerial, "")
	if a.Token.Initialised = q.yes(w.AskInitialised); a.Token.Initialised {
		a.Token.PINFile, a.Token.SOPINFile = q.line(w.AskItsPIN, ""), ""
		return
	}
	a.Token.PINFile = q.line(w.AskPIN, "")
	a.Token.SOPINFile = q.line(w.AskSOPIN, "")
}

func (o *options) askClock(q *asker, a *setup.Answers) {
	w := o.t.box()
	q.say("\n%s", w.AboutClock)
	a.Clock.Servers = q.list(w.AskServers, "")
	a.Clock.Policy = q.line(w.AskPolicy, "refuse")
}

func (o *options) askAuthority(q *asker, a *setup.Answers) {
	w := o.t.box()
	q.say("\n%s", w.AboutAuthority)
	one := setup.Authority{URL: q.line(w.AskURL, ""), Roots: q.line(w.AskRoots, ""), Policies: q.list(w.AskPolicies, "")}
	one.Name = q.line(w.AskAuthorityName, "external")
	a.Authorities = []setup.Authority{one}
}

func (o *options) askPersons(q *asker, a *setup.Answers) {
	w := o.t.box()
	q.say("\n%s", w.AboutPersons)
	a.Persons = nil
	for otherwise := whoami(); ; otherwise = "" {
		name := q.line(w.AskPerson, otherwise)
		if name == "" || q.err != nil {
			return
		}
		roles := "depositor, reader"
		if len(a.Persons) == 0 {
			roles = "administrator"
		}
		a.Persons = append(a.Persons, setup.Person{Name: name, Roles: q.list(w.AskRoles, roles), CSR: q.line(w.AskCSR, "")})
	}
}
