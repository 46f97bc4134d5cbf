package raid

import (
	"errors"
	"testing"

	"casemate/raid/volume"
)

// Manifests are kept for a volume that is being brought up until it is in sync: while it is filled, and
// between the end of the fill and its last batch.
func TestManifestsKeptUntilInSync(t *testing.T) {
	const trim, next = 5000, keepFillings + 4000
	filling := func(base uint64) *volume.Filling { return &volume.Filling{Base: volume.Head{Sequence: base}} }
	for name, tt := range map[string]struct {
		role role
		f    *volume.Filling
		head uint64
		want uint64
	}{
		"in sync":                              {roleIn, nil, 4000, trim},
		"being filled":                         {roleSyncing, filling(3999), 0, 3999},
		"filled, the batches since still lack": {roleSyncing, nil, 4500, 4500},
		"ahead of what is trimmed":             {roleSyncing, nil, 5500, trim},
		"away, its fill interrupted":           {roleOut, filling(4001), 0, 4001},
		"away, its fill too old":               {roleOut, filling(3999), 0, trim},
		"away":                                 {roleOut, nil, 10, trim},
	} {
		m := &Mirror{members: []*member{{role: roleIn}, {role: tt.role, state: volume.State{Filling: tt.f, Head: volume.Head{Sequence: tt.head}}}}}
		m.next.Sequence = next
		if got := m.keepFor(trim); got != tt.want {
			t.Errorf("%s: manifests from %d on are kept, not from %d", name, got, tt.want)
		}
	}
}

// The cursor of a copy is noted only behind pages of which everything they showed is acknowledged, while the
// source is the process that it was, and as far back as Badger may drop.
func TestCursorIsCertain(t *testing.T) {
	const lag = 1000
	client := &volume.Client{}
	for name, tt := range map[string]struct {
		change func(*fill)
		noted  bool
	}{
		"all is certain": {func(*fill) {}, true},
		"the page showed what is not acknowledged": {func(f *fill) { f.m.head.Sequence-- }, false},
		"the source was put out":                   {func(f *fill) { f.src.mem.role = roleOut }, false},
		"the source is another process":            {func(f *fill) { f.src.mem.proc = &process{client: &volume.Client{}} }, false},
		"the source has no process":                {func(f *fill) { f.src.mem.proc = nil }, false},
		"too near to what was written last":        {func(f *fill) { f.bytes-- }, false},
		"too soon after the one before":            {func(f *fill) { f.noted = 1001 }, false},
	} {
		src := &member{role: roleIn, proc: &process{client: client}}
		f := &fill{m: &Mirror{lag: lag}, src: source{src, client}, dst: &member{}, bytes: 3000}
		f.m.head.Sequence = 7
		f.marks = []fillMark{{[]byte("a"), 2000, 7}}
		tt.change(f)
		// The target has no process: whoever tries to note something fails.
		err := f.note(t.Context(), fillMark{[]byte("b"), f.bytes, 7})
		if tried := errors.Is(err, ErrUnavailable); tried != tt.noted || err != nil && !tried {
			t.Errorf("%s: noted %v, %v", name, tried, err)
		}
	}
}
