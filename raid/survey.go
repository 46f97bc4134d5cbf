package raid

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"casemate/raid/volume"
)

// surveyWait is how long a directory may take to show its superblock: a dead disk never does.
const surveyWait = 20 * time.Second

// place is a directory as it was found, nothing started in it.
type place struct {
	dir     string
	sb      volume.Superblock
	head    volume.Head // newest of its ring; zero if that cannot be read
	written time.Time   // when the ring was last written
	blank   bool        // it holds nothing, on purpose
	inode   [2]uint64   // of the superblock: one volume under two names
	err     error       // why there is no volume
}

// survey looks at directories, all at once.
func survey(ctx context.Context, dirs []string) []place {
	ctx, cancel := context.WithTimeout(ctx, surveyWait)
	defer cancel()
	out := make([]place, len(dirs))
	var wg sync.WaitGroup
	for i, dir := range dirs {
		wg.Go(func() {
			got := make(chan place, 1)
			go func() { got <- look(dir) }() // left behind if the disk never answers
			select {
			case out[i] = <-got:
			case <-ctx.Done():
				out[i] = place{dir: dir, err: because(CauseSilent, "%q does not answer: %w", dir, ctx.Err())}
			}
		})
	}
	wg.Wait()
	return out
}

// look reads what lies beside the database.
func look(dir string) place {
	p := place{dir: dir}
	fi, err := os.Stat(filepath.Join(dir, "superblock"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.err = because(CauseGone, "there is no volume in %q", dir)
		return p
	case err != nil:
		p.err = fmt.Errorf("looking at %q: %w", dir, err)
		return p
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		p.inode = [2]uint64{st.Dev, st.Ino}
	}
	if p.sb, err = volume.ReadSuperblock(dir); err != nil {
		p.err = because(CauseForeign, "the volume in %q: %w", dir, err)
		return p
	}
	if p.blank, err = volume.Blank(dir, p.sb); err != nil {
		p.err = err
	}
	p.head, p.written, err = volume.ReadHead(dir)
	if err != nil {
		p.head = volume.Head{} // the volume itself will say what is wrong
	}
	return p
}

// ahead says whether a place holds a newer state than another, as far as can be seen from outside.
func (p *place) ahead(q *place) bool {
	a, b := p.sb.History.Last().Number, q.sb.History.Last().Number
	return a > b || a == b && p.head.Sequence > q.head.Sequence
}

// absolute cleans directories and drops what is there twice.
func absolute(lists ...[]string) (out []string, err error) {
	for _, list := range lists {
		for _, dir := range list {
			abs, err := filepath.Abs(dir)
			if err != nil {
				return nil, err
			}
			if !slices.Contains(out, abs) {
				out = append(out, abs)
			}
		}
	}
	return out, nil
}

// seatDirs gives the directories of a roster.
func seatDirs(r volume.Roster) (dirs []string) {
	for _, s := range r.Seats {
		dirs = append(dirs, s.Dir)
	}
	return dirs
}

// locate finds a member's volume: where it was last, or at any other place of the mirror, for disks
// change their mount points.
func (m *Mirror) locate(ctx context.Context, mem *member) error {
	m.mu.Lock()
	last, roster := mem.dir, m.roster
	m.mu.Unlock()
	dirs, err := absolute([]string{last}, m.c.Dirs, seatDirs(roster))
	if err != nil {
		return err
	}
	first := survey(ctx, dirs[:1])[0]
	if m.shows(&first, mem) {
		return nil
	}
	for _, p := range survey(ctx, dirs[1:]) {
		if m.shows(&p, mem) {
			m.mu.Lock()
			mem.dir = p.dir
			m.mu.Unlock()
			return nil
		}
	}
	if first.err != nil {
		return first.err
	}
	return because(CauseGone, "%q holds another volume than %s", last, short(mem.id))
}

// shows says whether a place holds the volume of a member.
func (m *Mirror) shows(p *place, mem *member) bool {
	return p.err == nil && p.sb.Set == m.set && p.sb.Volume == mem.id && m.auth.holds(kindDeclared, p.sb.Declared, p.sb.MAC)
}
