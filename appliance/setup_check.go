package appliance

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"casemate/appliance/backup"
	"casemate/appliance/setup"
)

const (
	minSystemFree = 64 << 20 // bytes on the system's disk
	askPatience   = 15 * time.Second
)

// problems gathers what is wrong; a person wants all of it in one go.
type problems []setup.Problem

func (p *problems) add(key, code, format string, args ...any) {
	*p = append(*p, setup.Problem{Key: key, Code: code, Detail: fmt.Sprintf(format, args...)})
}

// SetupPart is a part of the answers that can be judged by itself.
type SetupPart string

// The parts, in the order in which a person is asked.
const (
	PartNames     SetupPart = "names"
	PartVolumes   SetupPart = "volumes"
	PartToken     SetupPart = "token"
	PartClock     SetupPart = "clock"
	PartAuthority SetupPart = "authority"
	PartPersons   SetupPart = "persons"
)

// SetupParts are all of them.
var SetupParts = []SetupPart{PartNames, PartVolumes, PartToken, PartClock, PartAuthority, PartPersons}

// Check judges the answers and the machine, and changes neither. Without a problem Run will go through,
// unless what is checked changes meanwhile.
func (s *Setup) Check(ctx context.Context) []setup.Problem {
	list := s.CheckMachine()
	if !s.Answers.Demonstration {
		list = append(list, setup.Problem{Key: "demonstration", Code: setup.BadCeremony})
	}
	for _, part := range SetupParts {
		list = append(list, s.CheckPart(ctx, part)...)
	}
	return list
}

// CheckPart judges one part of the answers; what is not answered yet elsewhere does not count.
func (s *Setup) CheckPart(ctx context.Context, part SetupPart) []setup.Problem {
	p := s.faults(part)
	sound := len(p) == 0
	switch part {
	case PartNames:
		s.checkNames(&p)
	case PartVolumes:
		s.checkVolumes(ctx, &p)
	case PartToken:
		s.checkToken(ctx, &p)
	case PartClock:
		if sound && !s.Answers.Offline {
			s.checkServers(ctx, &p)
		}
	case PartAuthority:
		s.checkAuthorities(ctx, &p, sound && !s.Answers.Offline)
	case PartPersons:
		s.checkPersons(&p)
	}
	return p
}

// faults are those of a part that the reader of the configuration finds.
func (s *Setup) faults(part SetupPart) (p problems) {
	_, _, err := s.config()
	if err == nil {
		return nil
	}
	for line := range strings.Lines(strings.TrimPrefix(err.Error(), ErrConfig.Error()+":")) {
		line = strings.TrimSpace(line)
		key, rest, _ := strings.Cut(line, ": ")
		of := PartNames
		for prefix, other := range map[string]SetupPart{"volumes.": PartVolumes, "hsm.": PartToken, "clock.": PartClock, "timestamp.": PartAuthority} {
			if strings.HasPrefix(key, prefix) {
				of = other
			}
		}
		if line != "" && of == part && key != "volumes.dirs" { // folders are judged one by one
			p.add(key, setup.BadAnswer, "%s", rest)
		}
	}
	return p
}

// checkNames judges those of the certificate, for which the configuration has no key.
func (s *Setup) checkNames(p *problems) {
	if len(s.Answers.Names) == 0 {
		p.add("names", setup.BadAnswer, "there is none; a list of names and addresses is wanted")
	}
	if _, ok := s.socketAddress(); !ok {
		p.add("listen", setup.BadAnswer, "%q: the service manager wants an address in numbers, and a port", s.Answers.Listen)
	}
	if file := s.Answers.Recovery; file != "" {
		text, err := os.ReadFile(file) // #nosec G304 -- named by the answers
		if err == nil {
			_, err = backup.Recipients(text)
		}
		if err != nil {
			p.add("recovery", setup.BadRoots, "%v", err)
		}
	}
	for i, name := range s.Answers.Names {
		if !isHost(name) || slices.Contains(s.Answers.Names[:i], name) {
			p.add("names", setup.BadAnswer, "%q will not do", name)
		}
	}
}
