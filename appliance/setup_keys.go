package appliance

import (
	"context"
	"errors"

	"casemate/appliance/setup"
	"casemate/hsm/module"
)

// makeToken has a child make the token, or what a safe needs in one that others initialised. What it makes there
// is known by an identifier, which is in the record before.
func (w *setupWork) makeToken(ctx context.Context) error {
	given := w.Answers.Token.Initialised
	if !w.inSoftware() {
		taken := setup.Made{Act: setup.TokenTaken, Path: w.label()}
		if given {
			w.keys = module.NewSetupID()
			taken.Line = w.keys.String()
		}
		if err := w.record.Note(taken); err != nil {
			return err
		}
	}
	answer, err := w.tokenAsk(ctx, w.pins, w.record.Lock(), tokenJob{Act: tokenMade, Given: given, Config: w.Layout.ConfigFile(), Names: w.names(), ID: w.keys})
	w.made = answer.Made
	if answer.Code != "" {
		err = errors.Join(err, &SetupError{answer.Problem})
	}
	if answer.Back { // said so; of a child or a token that died nobody knows
		err = errors.Join(err, w.record.Note(setup.Made{Act: setup.TokenBack, Path: w.label()}))
	}
	return err
}

// leaveToken takes the keys of this set-up out again of a token that others initialised, when a later step
// failed. A set-up that is killed leaves them: the record names the token and the keys' identifier, and the next
// one refuses that token until its vendor's tool has removed them.
func (w *setupWork) leaveToken(ctx context.Context, failed error) error {
	if failed == nil || !w.made || !w.Answers.Token.Initialised {
		return failed
	}
	answer, err := w.tokenAsk(context.WithoutCancel(ctx), w.pins, w.record.Lock(), tokenJob{Act: tokenLeft, Given: true, Config: w.Layout.ConfigFile(), ID: w.keys})
	if err != nil || !answer.Back {
		w.Log.Warn("the keys stay in the token", "error", err, "code", answer.Code, "detail", answer.Detail)
		return failed // the record tells of the token
	}
	return errors.Join(failed, w.record.Note(setup.Made{Act: setup.TokenBack, Path: w.label()}))
}
