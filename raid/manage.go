package raid

import (
	"context"
	"errors"
)

var errNotYet = errors.New("not built yet")

// Ref names a volume: its directory, its identity, or the first eight digits of that.
type Ref string

// Add makes an empty directory a volume of the mirror: a member, filled in the background, or a
// spare. It gives the new volume's identity.
func (m *Mirror) Add(ctx context.Context, dir string, spare bool) (id string, err error) {
	return "", errNotYet
}

// Replace retires a volume for good and makes an empty directory a member in its place.
func (m *Mirror) Replace(ctx context.Context, old Ref, dir string) (id string, err error) {
	return "", errNotYet
}

// Remove retires a volume for good. The last one in sync is never removed.
func (m *Mirror) Remove(ctx context.Context, volume Ref) error { return errNotYet }

// Detach closes a volume cleanly, to be carried away. It stays in the roster and is brought up when
// Resilver asks for it again. The last one in sync is never detached.
func (m *Mirror) Detach(ctx context.Context, volume Ref) error { return errNotYet }

// Resilver has a volume brought up at once, a detached or a faulted one too; whole fills it anew.
// It returns when that is under way; Status tells how far it is.
func (m *Mirror) Resilver(ctx context.Context, volume Ref, whole bool) error { return errNotYet }

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

// Examine reads what volumes and state directory say of themselves, starting nothing: for a mirror
// that is not open.
func Examine(ctx context.Context, c Config) (Status, error) { return Status{}, errNotYet }

// Decide records that persons chose a truth; the next Open carries it out, once. The state
// directory keeps it and why until then.
func Decide(ctx context.Context, c Config, choice, by string) error { return errNotYet }
