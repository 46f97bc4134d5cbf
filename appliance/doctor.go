package appliance

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"time"

	"casemate/appliance/words"
	"casemate/hsm"
	"casemate/store/timestamp"
	"casemate/systemd"
)

// Verdict of one thing that doctor looked at.
type Verdict string

// A Warn does not keep the safe from working today; a Bad does.
const (
	Good Verdict = "good"
	Warn Verdict = "warn"
	Bad  Verdict = "bad"
)

// Diagnosis is one line of doctor. Its code is the same in every language.
type Diagnosis struct {
	What    string  `json:"what"`
	Verdict Verdict `json:"verdict"`
	Code    string  `json:"code"`
	Detail  string  `json:"detail"`
	Remedy  string  `json:"remedy,omitempty"`
}

// doctor looks at a safe and has the words to tell.
type doctor struct {
	Config
	language string
	words    *words.Doctor
}

// line is a diagnosis; its words are those of its code, in package words.
func (d doctor) line(what string, verdict Verdict, code string, values ...any) Diagnosis {
	detail, remedy := d.words.Say(code, values...)
	return Diagnosis{what, verdict, code, detail, remedy}
}

// Doctor looks at what the safe needs around it, with or without the daemon running, and tells in a
// language: en or fr. It changes nothing.
func Doctor(ctx context.Context, cfg Config, language string) []Diagnosis {
	d := doctor{cfg, language, words.DoctorIn(language)}
	list := append(d.machine(ctx), d.demonstration(), d.setUp())
	list = append(list, d.secrets()...)
	list = append(list, d.pin()...)
	list = append(list, d.volumes(ctx)...)
	list = append(list, d.reach(d.configFile())...)
	list = append(list, d.token(ctx)...)
	list = append(list, d.clock(ctx)...)
	list = append(list, d.authorityAnswers(ctx)...)
	list = append(list, d.backups(ctx)...)
	return append(list, d.callers())
}

func (d doctor) demonstration() Diagnosis {
	if d.Demonstration {
		return d.line("keys", Warn, "keys-demonstration")
	}
	return d.line("keys", Good, "keys-ceremony")
}

func (d doctor) setUp() Diagnosis {
	missing, there := 0, ""
	files := d.sealedKeyFiles()
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			missing++
		} else if there == "" {
			there = file
		}
	}
	switch missing {
	case 0:
		return d.line("set-up", Good, "set-up", len(files))
	case len(files):
		return d.line("set-up", Bad, "set-up-none")
	default:
		return d.line("set-up", Warn, "set-up-copies", missing, len(files), there)
	}
}

func (d doctor) secrets() []Diagnosis {
	var list []Diagnosis
	for _, file := range []string{d.HSM.PINFile, d.HSM.SOPINFile} {
		if file == "" {
			continue
		}
		info, err := os.Stat(file)
		switch {
		case err != nil:
			list = append(list, d.line("secrets", Bad, "secrets-missing", file, err))
		case info.Mode().Perm()&0o077 != 0:
			list = append(list, d.line("secrets", Bad, "secrets-open", file))
		default:
			list = append(list, d.line("secrets", Good, "secrets", file))
		}
	}
	return list
}

func (d doctor) token(ctx context.Context) []Diagnosis {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	token := hsm.NewClient(d.HSM.Socket)
	defer token.Close()
	info, err := token.Info(ctx)
	if err != nil {
		if d.HSM.Start && errors.Is(err, hsm.ErrUnavailable) {
			return []Diagnosis{d.line("token", Warn, "token-with-daemon")}
		}
		message, hint := Explain(err, d.language)
		return []Diagnosis{d.line("token", Bad, "token-error", message, hint)}
	}
	list := []Diagnosis{d.line("token", Good, "token", info.Token.Manufacturer, info.Token.Model, info.Token.Serial, len(info.Keys), info.WrapMethod)}
	for what, chain := range map[string][][]byte{"seal": info.SealChain, "TLS": info.TLSChain} {
		for _, der := range chain {
			if cert, err := x509.ParseCertificate(der); err == nil && time.Until(cert.NotAfter) < 60*24*time.Hour {
				list = append(list, d.line("token", Warn, "token-certificate", what, cert.Subject.CommonName,
					cert.NotAfter.UTC().Format(time.DateOnly)))
			}
		}
	}
	return list
}

func (d doctor) clock(ctx context.Context) []Diagnosis {
	var list []Diagnosis
	if k, err := systemd.KernelClock(); err != nil {
		list = append(list, d.line("clock", Bad, "clock-error", err))
	} else if !k.Synchronized {
		list = append(list, d.line("clock", Warn, "clock-undisciplined"))
	}
	dir, err := os.MkdirTemp("", "casemate-doctor-")
	if err != nil {
		return append(list, d.line("clock", Bad, "clock-error", err))
	}
	defer func() { _ = os.RemoveAll(dir) }() // only a mark nobody needs
	guard, err := timestamp.NewGuard(timestamp.GuardConfig{
		Servers: d.Clock.Servers, MinServers: d.Clock.MinServers, MaxDistance: d.Clock.MaxDistance, MaxOffset: d.Clock.MaxOffset,
		Interval: d.Clock.Interval, Policy: timestamp.PolicyFlag, MarkFile: dir + "/mark", Kernel: kernelClock, Boottime: systemd.Boottime,
	})
	if err != nil {
		return append(list, d.line("clock", Bad, "clock-settings", err))
	}
	if err := guard.Sample(ctx); err != nil {
		return append(list, d.line("clock", d.untrustedClock(), "clock-servers", err))
	}
	reading, err := guard.Read()
	if err != nil || !reading.Clock.Trusted {
		return append(list, d.line("clock", d.untrustedClock(), "clock-untrusted", reading.Clock.Reason))
	}
	return append(list, d.line("clock", Good, "clock", reading.Clock.Offset, reading.Clock.RootDistance, reading.Clock.Stratum))
}

// untrustedClock is a fault where the policy refuses deposits for it.
func (d doctor) untrustedClock() Verdict {
	if d.Clock.Policy == string(timestamp.PolicyRefuse) {
		return Bad
	}
	return Warn
}

// doctorAuthorities asks each authority for a token over an empty digest: nothing of a document
// leaves, and only a verified answer counts.
func (d doctor) authorityAnswers(ctx context.Context) []Diagnosis {
	authorities, err := d.authorities()
	if err != nil {
		return []Diagnosis{d.line("authority", Bad, "authority-roots", err)}
	}
	var list []Diagnosis
	for _, a := range authorities {
		a.Client = &http.Client{Timeout: a.Timeout}
		token, err := a.Stamp(ctx, [32]byte{})
		if err != nil {
			list = append(list, d.line("authority", Warn, "authority-away", a.Name, err))
			continue
		}
		list = append(list, d.line("authority", Good, "authority", a.Name, token.Time.UTC().Format(time.RFC3339), token.Policy))
	}
	return list
}

func (d doctor) callers() Diagnosis {
	if _, err := d.directory(); err != nil {
		return d.line("callers", Bad, "callers-error", err)
	}
	return d.line("callers", Good, "callers")
}
