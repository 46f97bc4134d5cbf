package storage

import (
	"context"

	"casemate/raid"
)

// JudgeFirst judges a folder that is to be a volume of a mirror that does not exist yet, beside the other
// folders, by the same rules as one that joins later. own are folders where no volume may be.
func JudgeFirst(p Place, others, own []string, minFree int64) error {
	s := &Storage{Mirror: first(others), Own: own, MinFree: minFree}
	return s.judge(p, "")
}

// first is a mirror to be: its folders, and nothing to be done with them.
type first []string

func (f first) Status() (s raid.Status) {
	for _, dir := range f {
		s.Volumes = append(s.Volumes, raid.VolumeStatus{Dir: dir, State: raid.Missing})
	}
	return s
}

func (first) Add(context.Context, string, bool) (string, error)               { return "", ErrState }
func (first) Replace(context.Context, raid.Ref, string) (string, error)       { return "", ErrState }
func (first) Remove(context.Context, raid.Ref) error                          { return ErrState }
func (first) Detach(context.Context, raid.Ref) error                          { return ErrState }
func (first) Resilver(context.Context, raid.Ref, bool) error                  { return ErrState }
func (first) Reclaim(context.Context, raid.Ref) (out raid.Reclaimed, _ error) { return out, ErrState }
