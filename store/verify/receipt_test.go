package verify

import (
	"bytes"
	"testing"
)

func TestHonestReceipts(t *testing.T) {
	w := newWorld(t)
	one := w.make(t, recipe{})
	several := w.make(t, recipe{
		bodies: [][]byte{[]byte("first"), {}, []byte("first"), bytes.Repeat([]byte{0xff}, 100_000)},
		names:  []string{"a.txt", "empty", "copy of a.tar.gz", "Ünïcode \u202e.EXE"},
	})
	for name, d := range map[string]deposit{"one file": one, "several files": several} {
		t.Run(name, func(t *testing.T) {
			r := bothAccept(t, d.write(t, true), w.trust)
			if len(r.Steps) != 9 || r.Attestation.Document != d.attestation.Document {
				t.Errorf("%+v", r)
			}
			bothAccept(t, d.write(t, true), w.trust, d.bodies...)
			bothAccept(t, d.write(t, false), w.trust, d.bodies...)
			for i, j := 0, len(d.bodies)-1; i < j; i, j = i+1, j-1 {
				d.bodies[i], d.bodies[j] = d.bodies[j], d.bodies[i] // any order will do
			}
			bothAccept(t, d.write(t, false), w.trust, d.bodies...)
		})
	}
}
