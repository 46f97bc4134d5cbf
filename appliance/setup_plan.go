package appliance

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"

	"casemate/appliance/setup"
	"casemate/store/identity"
)

// Setup is the first start of a box: answers, and the machine they are for. Check judges, Run does.
//
// Keys are made without a ceremony, in the presence of one person: until ceremonies are built, what a
// box seals that was set up so says "demonstration", as with [Init].
type Setup struct {
	Answers setup.Answers
	Layout  setup.Layout
	Now     func() time.Time                  // nil: the machine's clock
	Random  func() error                      // whether the kernel has random numbers; nil: asks it
	Say     func(step SetupStep, args ...any) // told of each step; nil: nobody is
	Log     *slog.Logger
	Program string // casemated, for the token's child; empty is this very program
}

// SetupStep names what Run is doing, for whoever has the words: each takes the values beside it.
type SetupStep string

// The steps.
const (
	SetupDisk    SetupStep = "disk"    // device, folder
	SetupFiles   SetupStep = "files"   // folder of the configuration
	SetupToken   SetupStep = "token"   // label
	SetupVolumes SetupStep = "volumes" // folders
	SetupPerson  SetupStep = "person"  // name, roles
	SetupUndo    SetupStep = "undo"    // what was made is taken back
	SetupLeft    SetupStep = "left"    // act, path: what could not be
)

// SetupDone tells what was made.
type SetupDone struct {
	Config      string   `json:"config"`
	Origin      string   `json:"origin"`
	SealRoot    string   `json:"sealRoot"` // SHA-256 of the certificate
	JournalVKey string   `json:"journalVKey"`
	Handed      string   `json:"handedOut"` // folder of trust files and certificates
	SOPIN       string   `json:"soPin"`     // file to be carried away from the box; none for a token that others initialised
	Keys        []string `json:"keys"`      // of persons, made here: to be handed over
	Given       []string `json:"given"`     // files with PINs that were given: to be deleted
}

const softHSM = "libsofthsm2.so"

// inSoftware tells whether the token is SoftHSM, whose files are ours to place, unless others did.
func (s *Setup) inSoftware() bool {
	return !s.Answers.Token.Initialised && strings.HasPrefix(filepath.Base(s.Answers.Token.Module), softHSM)
}

func (s *Setup) softHSMFile() string { return filepath.Join(s.Layout.Config, "softhsm2.conf") }
func (s *Setup) tokens() string      { return filepath.Join(s.Layout.HSMState, "tokens") }

func (s *Setup) label() string {
	if s.Answers.Token.Label == "" {
		return "casemate"
	}
	return s.Answers.Token.Label
}

func (s *Setup) listen() string {
	if s.Answers.Listen == "" {
		return "[::]:8443"
	}
	return s.Answers.Listen
}

// socketAddress is where to listen as the service manager writes it (systemd.socket(5)): it knows no names,
// and a port alone is every address.
func (s *Setup) socketAddress() (address string, ok bool) {
	host, port, err := net.SplitHostPort(s.listen())
	switch ip := net.ParseIP(host); {
	case err != nil || s.Layout.Units == "":
		return s.listen(), true // the configuration judges it
	case host == "" || host == "::":
		return port, true
	default:
		return s.listen(), ip != nil
	}
}

func (s *Setup) policy() string {
	if s.Answers.Clock.Policy == "" {
		return "refuse"
	}
	return s.Answers.Clock.Policy
}

// minServers is a majority.
func (s *Setup) minServers() int { return max(1, len(s.Answers.Clock.Servers)/2+1) }

func (s *Setup) dirs() []string {
	var dirs []string
	for _, v := range s.Answers.Volumes {
		dirs = append(dirs, v.Dir)
	}
	return dirs
}

// roots is where the roots of authority n, from 0, are kept.
func (s *Setup) roots(n int) string { return fmt.Sprintf("tsa-%d.pem", n+1) }

// quoted writes text as a TOML basic string: JSON's escapes are among TOML's.
func quoted(text any) (string, error) {
	b, err := json.Marshal(text)
	if string(b) == "null" { // no list was given
		return "[]", err
	}
	return string(b), err
}

// configTemplate is the file a person finds and may change. What stands nowhere has its default.
var configTemplate = template.Must(template.New("casemate.toml").Funcs(template.FuncMap{"q": quoted}).Parse(
	`# Written by casemated setup; yours to change. casemate.toml(5) says what each key may be.
# Paths are relative to this file.
origin = {{q .A.Origin}}
demonstration = true # no key ceremony was held
state = {{q .L.State}}
callers = "callers.toml"

[http]
listen = {{q .Listen}} # where the service manager opens the socket, its unit counts
access_roots = "access.pem"
{{with .A.Monitor}}
[metrics]
listen = {{q .}}
{{end}}
{{if .A.Recovery}}
[backup]
recipients = "recovery.pem"
{{end}}
[hsm]
socket = {{q .L.Socket}}
module = {{q .A.Token.Module}}
token = {{q .Label}}
state = {{q .L.HSMState}}
{{if .Soft}}softhsm_conf = "softhsm2.conf"
{{end}}{{with .A.Token.SoftHSMConf}}softhsm_conf = {{q .}}
{{end}}{{if .A.Token.Initialised}}{{with .A.Token.Serial}}serial = {{q .}}
{{end}}{{end}}{{if .L.Start}}start = true # no service manager here: serve starts the token process itself
pin_file = "pin"
{{end}}{{if .L.Safe.Set}}allow_uids = [{{.L.Safe.UID}}]
{{end}}
[volumes]
dirs = {{q .Dirs}}

[clock]
servers = {{q .A.Clock.Servers}}
min_servers = {{.MinServers}}
policy = {{q .Policy}}

[timestamp]
interval = "10m"
{{range $n, $a := .A.Authorities}}
[[timestamp.authority]]
name = {{q $a.Name}}
url = {{q $a.URL}}
roots = {{q (call $.Roots $n)}}
policies = {{q $a.Policies}}
{{end}}`))

// config writes the configuration and reads it back by the one strict reader, which judges what the
// answers say and has a sentence for each fault.
func (s *Setup) config() (Config, []byte, error) {
	a := s.Answers
	var b strings.Builder
	err := configTemplate.Execute(&b, map[string]any{"A": a, "L": s.Layout, "Listen": s.listen(), "Policy": s.policy(), "Label": s.label(),
		"Soft": s.inSoftware(), "Dirs": s.dirs(), "MinServers": s.minServers(), "Roots": s.roots})
	if err != nil {
		return Config{}, nil, err
	}
	c, err := ParseConfig([]byte(b.String()), s.Layout.Config)
	return c, []byte(b.String()), err
}

// names are those of the TLS certificate: the answers', and this machine's own loopback.
func (s *Setup) names() []string {
	names := append([]string{}, s.Answers.Names...)
	for _, own := range []string{"localhost", "127.0.0.1", net.IPv6loopback.String()} {
		if !slices.Contains(names, own) {
			names = append(names, own)
		}
	}
	return names
}

func roleNames() (names []string) {
	for _, r := range identity.Roles() {
		names = append(names, string(r))
	}
	return names
}
