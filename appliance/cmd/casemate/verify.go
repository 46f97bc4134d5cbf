package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"casemate/store/verify"
)

func (a *app) verifyCommand() *cobra.Command {
	var names []string
	var dir string
	cmd := a.command("verify RECEIPT --trust DIR", a.t.Verify, a.args(1, 1), func(cmd *cobra.Command, args []string) error {
		if dir == "" {
			return a.usage(a.t.TrustDirHint, a.t.FlagMissing, "trust", cmd.CommandPath())
		}
		trust, err := verify.LoadTrust(dir)
		if err != nil {
			return &failure{exit: exitUsage, message: err.Error(), hint: a.t.TrustDirHint, cause: err}
		}
		given, err := a.documents(names)
		if err != nil {
			return err
		}
		return a.verify(cmd.Context(), args[0], given, trust)
	})
	cmd.Flags().StringVar(&dir, "trust", "", a.t.Flag.TrustDir)
	cmd.Flags().StringArrayVar(&names, "document", nil, a.t.Flag.Document)
	return cmd
}

func (a *app) documents(names []string) ([]verify.Document, error) {
	var given []verify.Document
	for _, name := range names {
		s, err := a.fileSource(name)
		if err != nil {
			return nil, err
		}
		given = append(given, verify.Document{Name: name, Open: s.open})
	}
	return given, nil
}

// verified is the result of a verification.
type verified struct {
	Receipt     string     `json:"receipt"`
	OK          bool       `json:"ok"`
	Provisional bool       `json:"provisional"`
	Document    string     `json:"document,omitempty"`
	Safe        string     `json:"safe,omitempty"`
	ProvedAt    *time.Time `json:"provedAt,omitempty"`  // it existed then, says an external authority
	NotBefore   *time.Time `json:"notBefore,omitempty"` // it was sealed after, says the safe
	// NotBeforeProved: an external authority says so too, by a token the receipt shows.
	NotBeforeProved bool           `json:"notBeforeProved,omitempty"`
	Steps           []verifiedStep `json:"steps"`
}

type verifiedStep struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}

// verify judges a receipt with nothing but it, the documents and the trust folder.
func (a *app) verify(ctx context.Context, name string, documents []verify.Document, trust verify.Trust) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read from
	info, err := file.Stat()
	if err != nil {
		return err
	}
	report, err := verify.Receipt(ctx, file, info.Size(), documents, trust, a.now())
	if err != nil && (ctx.Err() != nil || len(report.Steps) == 0 || !judged(err)) {
		return err
	}
	out := verifiedOf(name, report)
	if err := a.result(out, func() { a.showVerified(out) }); err != nil {
		return err
	}
	switch {
	case !report.OK:
		return &failure{exit: exitIntegrity, message: fmt.Sprintf(a.t.VerifyFailed, name), hint: a.t.VerifyFailedHint, cause: err}
	case report.Provisional:
		return &failure{exit: exitNotProved, message: fmt.Sprintf(a.t.VerifyProvisional, name), hint: a.t.ReceiptProvisionalHint}
	}
	return nil
}

// judged tells a verdict on the receipt from a file that could not be read.
func judged(err error) bool {
	for _, verdict := range []error{verify.ErrContainer, verify.ErrInconsistent, verify.ErrDocument, verify.ErrMissing,
		verify.ErrEvidence, verify.ErrSeal, verify.ErrJournal, verify.ErrTimes} {
		if errors.Is(err, verdict) {
			return true
		}
	}
	return false
}

func verifiedOf(name string, report verify.Report) verified {
	out := verified{Receipt: name, OK: report.OK, Provisional: report.Provisional}
	if !report.Attestation.Document.IsZero() {
		out.Document, out.Safe = report.Attestation.Document.String(), report.Attestation.Safe
	}
	if !report.ProvedAt.IsZero() {
		out.ProvedAt = &report.ProvedAt
	}
	if !report.NotBefore.IsZero() {
		out.NotBefore, out.NotBeforeProved = &report.NotBefore, report.NotBeforeProved
	}
	for _, s := range report.Steps {
		out.Steps = append(out.Steps, verifiedStep{s.Name, s.OK, s.Detail})
	}
	return out
}

func (a *app) showVerified(v verified) {
	verdict := a.t.Holds
	if !v.OK {
		verdict = a.t.DoesNotHold
	}
	a.say("%s  %s\n", clean(v.Receipt), verdict)
	for _, s := range v.Steps {
		a.step(s.OK, first(a.t.Steps[s.Name], s.Name), s.Detail)
	}
	if !v.OK {
		return
	}
	switch {
	case v.Provisional:
		a.say("  %s\n", a.t.Provisional)
	case v.NotBeforeProved && v.ProvedAt != nil:
		a.say("  "+a.t.ProvedBetween+"\n", instant(*v.NotBefore), instant(*v.ProvedAt))
	case v.ProvedAt != nil:
		a.say("  "+a.t.ProvedBy+"\n", instant(*v.ProvedAt))
	}
}
