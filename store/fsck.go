package store

import (
	"context"
	"errors"
	"fmt"
)

// Fsck reads everything again, on each volume alone: the journal and its tree, every document with
// its proofs, every index, every tally, every other value; and the mirror's chain of batches, as far as
// it is kept. It changes nothing by itself, unless
// repairs are wanted; progress, which may be nil, is told now and then from this goroutine. Deposits
// may go on meanwhile: what comes in is not judged. The error says why the check could not go to its
// end; what is wrong is findings.
func (s *Safe) Fsck(ctx context.Context, o FsckOptions, progress func(FsckReport)) (FsckReport, error) {
	var r FsckReport
	slots := o.Volumes
	if len(slots) == 0 {
		slots = s.mirror.Slots()
	}
	for _, slot := range slots {
		y := s.newSurvey(slot, position{}, o.Repair, &r)
		y.step = func(ctx context.Context) error {
			if progress != nil {
				progress(r.with(y.mine))
			}
			return ctx.Err()
		}
		err := y.surveyChain(ctx)
		if err == nil {
			err = y.run(ctx)
		}
		if err == nil {
			err = y.surveyOrphans(ctx)
		}
		r = r.with(y.mine)
		r.Volumes = append(r.Volumes, y.mine)
		switch {
		case errors.Is(err, errVolumeLeft):
			r.add(Finding{Volume: y.dir, What: "volume", Code: CodeAudit, Detail: err.Error(),
				Remedy: remedyReturn})
		case err != nil:
			return r, fmt.Errorf("checking %s: %w", y.dir, err)
		}
	}
	return r, nil
}
