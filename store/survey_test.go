package store

import (
	"context"
	"errors"
	"testing"
)

// TestSurveyCutOffAnywhere: a survey that is cut off and taken up, at every reading of the documents'
// phase once, counts each document once and finds nothing.
func TestSurveyCutOffAnywhere(t *testing.T) {
	r := newRig(t)
	const documents = 3
	for range documents {
		r.deposit(randomBytes(3000))
	}
	var report FsckReport
	var at position
	var mine VolumeReport
	for cut := 1; ; cut++ {
		ctx, cancel := context.WithCancel(t.Context())
		y := r.safe.newSurvey(0, at, true, &report)
		if mine.ID != "" {
			y.mine = mine
		}
		readings := 0
		y.pace = func(ctx context.Context, _ int) error {
			if y.at.Phase == phaseDocuments && y.facts.upTo >= y.snap.size {
				if readings++; readings == cut {
					cancel()
				}
			}
			return ctx.Err()
		}
		err := y.run(ctx)
		cancel()
		at, mine = y.at, y.mine
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if report.Unrepaired != 0 || mine.Documents != documents || !mine.Complete {
		t.Errorf("%+v, %+v", mine, report.Findings)
	}
}
