package appliance

import (
	"context"
	"errors"

	"casemate/appliance/setup"
)

// makeToken has a child make the token, or what a safe needs in one that others initialised.
func (w *setupWork) makeToken(ctx context.Context) error {
	if !w.inSoftware() {
		if err := w.record.Note(setup.Made{Act: setup.TokenTaken, Path: w.label()}); err != nil {
			return err
		}
	}
	given := w.Answers.Token.Initialised
	problem, err := w.tokenAsk(ctx, w.pins, w.record.Lock(), tokenJob{Act: tokenMade, Given: given, Config: w.Layout.ConfigFile(), Names: w.names()})
	if err != nil {
		return err
	}
	if problem == nil {
		w.made = true
		return nil
	}
	if given && problem.Code != setup.BadLeft && problem.Code != setup.BadModule { // a child that crashed removes nothing
		return errors.Join(&SetupError{*problem}, w.record.Note(setup.Made{Act: setup.TokenBack, Path: w.label()}))
	}
	return &SetupError{*problem}
}

// leaveToken takes the keys out again of a token that others initialised, when a later step failed. A set-up
// that is killed leaves them: the record names the token, and the next one refuses it until its vendor's tool
// has removed them.
func (w *setupWork) leaveToken(ctx context.Context, failed error) error {
	if failed == nil || !w.made || !w.Answers.Token.Initialised {
		return failed
	}
	problem, err := w.tokenAsk(context.WithoutCancel(ctx), w.pins, w.record.Lock(), tokenJob{Act: tokenLeft, Given: true, Config: w.Layout.ConfigFile()})
	if err != nil || problem != nil {
		w.Log.Warn("the keys stay in the token", "error", err, "problem", problem)
		return failed // the record tells of the token
	}
	return errors.Join(failed, w.record.Note(setup.Made{Act: setup.TokenBack, Path: w.label()}))
}
