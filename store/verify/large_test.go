package verify

import (
	"fmt"
	"os"
	"testing"

	"casemate/store/proof"
)

// The largest number of files is verified by both; the script takes its time.
func TestManyFiles(t *testing.T) {
	n := 40
	if os.Getenv("CASEMATE_LONG") != "" {
		n = proof.MaxFiles
	}
	var r recipe
	for i := range n {
		r.bodies = append(r.bodies, fmt.Appendf(nil, "page %d\n", i))
		r.names = append(r.names, fmt.Sprintf("%d.txt", i))
	}
	w := newWorld(t)
	bothAccept(t, w.make(t, r).write(t, true), w.trust)
}
