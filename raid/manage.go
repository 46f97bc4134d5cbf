package raid

import (
	"context"
	"errors"
)

var errNotYet = errors.New("not built yet")

// Reclaimed says what Reclaim gave back.
type Reclaimed struct{ Before, After int64 } // bytes that the volume's files take

// Reclaim gives the space of values removed or replaced back to the file system, on one volume in
// sync whose twin is in sync too.
func (m *Mirror) Reclaim(ctx context.Context, volume Ref) (Reclaimed, error) {
	return Reclaimed{}, errNotYet
}

// Repairs is the outcome of Repair.
type Repairs struct {
	Checked  int
	Repaired int // written again from the twin, and read back right
	Lost     int // bad on every volume
}
