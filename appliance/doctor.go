package appliance

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

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

// Diagnosis is one line of doctor.
type Diagnosis struct {
	What    string  `json:"what"`
	Verdict Verdict `json:"verdict"`
	Detail  string  `json:"detail"`
	Remedy  string  `json:"remedy,omitempty"`
}

// Doctor looks at what the safe needs around it, with or without the daemon running. It changes
// nothing.
func Doctor(ctx context.Context, cfg Config) []Diagnosis {
	list := []Diagnosis{cfg.doctorDemonstration(), cfg.doctorSetUp()}
	list = append(list, cfg.doctorSecrets()...)
	list = append(list, cfg.doctorVolumes(ctx)...)
	list = append(list, cfg.doctorToken(ctx)...)
	list = append(list, cfg.doctorClock(ctx)...)
	list = append(list, cfg.doctorAuthorities(ctx)...)
	return append(list, cfg.doctorCallers())
}

func (c Config) doctorDemonstration() Diagnosis {
	if c.Demonstration {
		return Diagnosis{"keys", Warn, "demonstration: no key ceremony was held", "hold a ceremony before anything of value is deposited"}
	}
	return Diagnosis{"keys", Good, "set up by a ceremony", ""}
}

func (c Config) doctorSetUp() Diagnosis {
	missing := 0
	files := c.sealedKeyFiles()
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			missing++
		}
	}
	switch missing {
	case 0:
		return Diagnosis{"set-up", Good, fmt.Sprintf("%d copies of the volumes' wrapped key", len(files)), ""}
	case len(files):
		return Diagnosis{"set-up", Bad, "no safe was set up here", "run casemated init"}
	default:
		return Diagnosis{"set-up", Warn, fmt.Sprintf("%d of %d copies of the volumes' wrapped key are missing", missing, len(files)),
			"copy volumes.key from one of the others: " + files[0]}
	}
}

func (c Config) doctorSecrets() []Diagnosis {
	var list []Diagnosis
	for _, file := range []string{c.HSM.PINFile, c.HSM.SOPINFile} {
		if file == "" {
			continue
		}
		info, err := os.Stat(file)
		switch {
		case err != nil:
			list = append(list, Diagnosis{"secrets", Bad, err.Error(), "put the PIN there, mode 0600, or leave pin_file out and use a systemd credential"})
		case info.Mode().Perm()&0o077 != 0:
			list = append(list, Diagnosis{"secrets", Bad, file + " can be read by others", "chmod 0600 " + file})
		default:
			list = append(list, Diagnosis{"secrets", Good, file + " is its owner's alone", ""})
		}
	}
	return list
}

func worse(a, b Verdict) Verdict {
	if a == Bad || b == Bad {
		return Bad
	}
	return b
}

func (c Config) doctorToken(ctx context.Context) []Diagnosis {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	token := hsm.NewClient(c.HSM.Socket)
	defer token.Close()
	info, err := token.Info(ctx)
	if err != nil {
		if c.HSM.Start && errors.Is(err, hsm.ErrUnavailable) {
			return []Diagnosis{{"token", Warn, "its process runs with the daemon, which is not running", "start casemated serve"}}
		}
		return []Diagnosis{{"token", Bad, err.Error(), Hint(err)}}
	}
	list := []Diagnosis{{"token", Good, fmt.Sprintf("%s %s, serial %s, %d keys audited, keys wrapped by %s",
		info.Token.Manufacturer, info.Token.Model, info.Token.Serial, len(info.Keys), info.WrapMethod), ""}}
	for what, chain := range map[string][][]byte{"seal": info.SealChain, "TLS": info.TLSChain} {
		for _, der := range chain {
			if cert, err := x509.ParseCertificate(der); err == nil && time.Until(cert.NotAfter) < 60*24*time.Hour {
				list = append(list, Diagnosis{"token", Warn, fmt.Sprintf("%s certificate %q ends on %s", what, cert.Subject.CommonName,
					cert.NotAfter.UTC().Format(time.DateOnly)), "renew it in a ceremony before that day"})
			}
		}
	}
	return list
}

func (c Config) doctorClock(ctx context.Context) []Diagnosis {
	var list []Diagnosis
	if k, err := systemd.KernelClock(); err != nil {
		list = append(list, Diagnosis{"clock", Bad, err.Error(), ""})
	} else if !k.Synchronized {
		list = append(list, Diagnosis{"clock", Warn, "the kernel's clock is not disciplined", "run chrony against trusted servers"})
	}
	dir, err := os.MkdirTemp("", "casemate-doctor-")
	if err != nil {
		return append(list, Diagnosis{"clock", Bad, err.Error(), ""})
	}
	defer func() { _ = os.RemoveAll(dir) }() // only a mark nobody needs
	guard, err := timestamp.NewGuard(timestamp.GuardConfig{
		Servers: c.Clock.Servers, MinServers: c.Clock.MinServers, MaxDistance: c.Clock.MaxDistance, MaxOffset: c.Clock.MaxOffset,
		Interval: c.Clock.Interval, Policy: timestamp.PolicyFlag, MarkFile: dir + "/mark", Kernel: kernelClock, Boottime: systemd.Boottime,
	})
	if err != nil {
		return append(list, Diagnosis{"clock", Bad, err.Error(), "correct [clock]"})
	}
	if err := guard.Sample(ctx); err != nil {
		return append(list, Diagnosis{"clock", c.untrustedClock(), err.Error(), "check [clock] servers and the network to them"})
	}
	reading, err := guard.Read()
	if err != nil || !reading.Clock.Trusted {
		return append(list, Diagnosis{"clock", c.untrustedClock(), "not trusted: " + reading.Clock.Reason,
			"four independent servers are wanted; attestations say that the time is not trusted"})
	}
	return append(list, Diagnosis{"clock", Good, fmt.Sprintf("trusted: offset %v, distance %v, stratum %d",
		reading.Clock.Offset, reading.Clock.RootDistance, reading.Clock.Stratum), ""})
}

// untrustedClock is a fault where the policy refuses deposits for it.
func (c Config) untrustedClock() Verdict {
	if c.Clock.Policy == string(timestamp.PolicyRefuse) {
		return Bad
	}
	return Warn
}

// doctorAuthorities asks each authority for a token over an empty digest: nothing of a document
// leaves, and only a verified answer counts.
func (c Config) doctorAuthorities(ctx context.Context) []Diagnosis {
	authorities, err := c.authorities()
	if err != nil {
		return []Diagnosis{{"authority", Bad, err.Error(), "put the authority's roots there, obtained from the authority itself"}}
	}
	var list []Diagnosis
	for _, a := range authorities {
		a.Client = &http.Client{Timeout: a.Timeout}
		token, err := a.Stamp(ctx, [32]byte{})
		if err != nil {
			list = append(list, Diagnosis{"authority", Warn, fmt.Sprintf("%s: %v", a.Name, err),
				"deposits go on and stay provisional until an authority answers"})
			continue
		}
		list = append(list, Diagnosis{"authority", Good, fmt.Sprintf("%s: answered at %s, policy %s", a.Name,
			token.Time.UTC().Format(time.RFC3339), token.Policy), ""})
	}
	return list
}

func (c Config) doctorCallers() Diagnosis {
	if _, err := c.directory(); err != nil {
		return Diagnosis{"callers", Bad, err.Error(), "correct the table of callers"}
	}
	return Diagnosis{"callers", Good, "the table of callers is well-formed", ""}
}
