package verify

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"casemate/store/proof"
	"casemate/store/timestamp"
)

// after is a recipe whose attestation names the token as the one before it, at
// that time, and whose receipt shows another (or it).
func after(named []byte, at time.Time, shown []byte) recipe {
	return recipe{attest: func(a *proof.Attestation) {
		a.NotBefore = &proof.External{Token: sha256.Sum256(named), At: at}
		// A text that looks like it proves nothing.
		a.Metadata = map[string]string{"x": `"notBefore":{"at":"1990-01-01T00:00:00.000Z","token":"00"}`,
			`"notBefore":{"at":"1990-01-01T00:00:00.000Z","token":"00"}`: ""}
	}, parts: func(r *proof.Receipt) { r.NotBefore = shown }}
}

// An outsider sees for himself that the seal is later than another authority's
// word, or is told that he only has the safe's.
func TestNotBefore(t *testing.T) {
	w, outsider := newWorld(t), newWorld(t)
	then := w.now.Add(-time.Hour).Truncate(time.Millisecond)
	token := w.tsa.stampAt(then)(t, [32]byte{7})
	cut := then.Truncate(time.Second) // what stampAt writes
	check := func(t *testing.T, r recipe, proved bool) {
		t.Helper()
		d := w.make(t, r)
		b := d.write(t, true)
		report := bothAccept(t, b, w.trust)
		if report.NotBeforeProved != proved || !report.NotBefore.Equal(cut) {
			t.Errorf("%+v", report)
		}
		last := report.Steps[len(report.Steps)-1]
		if last.Name != StepTimes || strings.Contains(last.Detail, "by the word of an independent authority") != proved ||
			strings.Contains(last.Detail, "does not show the token") == proved {
			t.Error(last.Detail)
		}
		if _, out := script(t, b, w.trust); strings.Contains(out, "by the word of an independent authority") != proved {
			t.Error(out)
		}
		d.receipt.Inclusion, d.receipt.EvidenceManifest, d.receipt.Evidence = nil, nil, nil
		b = d.write(t, true)
		report, err := judge(t, b, w.trust, time.Now())
		code, out := script(t, b, w.trust)
		if err != nil || !report.Provisional || report.NotBeforeProved != proved || code != scriptProvisional ||
			strings.Contains(out, "by the word of an independent authority") != proved {
			t.Errorf("provisional: %v %+v\nverify.sh: %d %s", err, report, code, out)
		}
	}
	check(t, after(token, cut, token), true)
	check(t, after(token, cut, nil), false)

	fresh := w.tsa.stamp(t, [32]byte{8})
	foreign := outsider.tsa.stampAt(then)(t, [32]byte{7})
	early := w.tsa.stampAt(w.now.AddDate(0, 0, -1))(t, [32]byte{7}) // before its authority was
	late := w.tsa.stampAt(w.now.Add(30*time.Minute))(t, [32]byte{7})
	broken := append([]byte(nil), token...)
	broken[len(broken)-1] ^= 1
	for name, r := range map[string]recipe{
		"another token":                  after(token, cut, fresh),
		"a token of another authority":   after(foreign, cut, foreign),
		"a token older than its signer":  after(early, w.now.AddDate(0, 0, -1).Truncate(time.Second), early),
		"a time that differs":            after(token, cut.Add(time.Second), token),
		"a time a millisecond off":       after(token, cut.Add(time.Millisecond), token),
		"a token later than the receipt": after(late, w.now.Add(30*time.Minute).Truncate(time.Second), late),
		"a broken token":                 after(broken, cut, broken),
		"no token":                       after([]byte("hello"), cut, []byte("hello")),
	} {
		t.Run(name, func(t *testing.T) { bothRefuse(t, ErrTimes, w.make(t, r).write(t, true), w.trust) })
	}
}

// A fraction of a second in the token is told by the attestation to the
// millisecond, whatever the number of digits.
func TestNotBeforeFractions(t *testing.T) {
	w := newWorld(t)
	writeFile(t, w.tsa.dir+"/tsa.cnf", []byte(tsaConfig+"clock_precision_digits = 6\n"))
	token := w.tsa.stamp(t, [32]byte{9})
	trust, err := LoadTrust(w.trust)
	if err != nil {
		t.Fatal(err)
	}
	at := timeOf(t, token, trust)
	if at.Nanosecond()%1_000_000 == 0 {
		t.Logf("a round time: %s", at)
	}
	if r := bothAccept(t, w.make(t, after(token, at, token)).write(t, true), w.trust); !r.NotBeforeProved {
		t.Errorf("%+v", r)
	}
	bothRefuse(t, ErrTimes, w.make(t, after(token, at.Add(-time.Millisecond), token)).write(t, true), w.trust)
}

func timeOf(t *testing.T, token []byte, trust Trust) time.Time {
	t.Helper()
	imprint, err := timestamp.Imprint(token)
	if err != nil {
		t.Fatal(err)
	}
	verified, err := timestamp.Verify(token, imprint, trust.TSA, nil, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return verified.Time
}
