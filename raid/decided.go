package raid

import "time"

// Decided is the decision of persons that was carried out last. EventDecided tells of it while the
// mirror opens and may be lost with the process; this stays in the state directory. ID is another for
// each decision, and the same however often one is carried out: whoever journals decisions knows by it
// which one he has journaled.
type Decided struct {
	ID     string
	By     string
	At     time.Time // when it was handed in
	Volume string    // identity of the one that is the truth since
	Dir    string    // its directory now; empty if it is no member any more
	Slot   int       // -1 likewise
	Batch  uint64    // its last
	Loses  string
}

// Decided tells of the decision carried out last; false if there was none, or none that this state
// directory remembers.
func (m *Mirror) Decided() (Decided, bool, error) {
	var d decision
	ok, err := readNote(m.c.StateDir, decidedFile, decisionName, &d)
	if err != nil || !ok || d.Plan == nil {
		return Decided{}, false, err
	}
	out := Decided{ID: d.Plan.Epoch.String(), By: d.By, At: d.At, Volume: d.Plan.Volume.String(), Slot: -1,
		Batch: d.Plan.Head, Loses: d.Plan.Loses}
	for _, v := range m.Status().Volumes {
		if v.ID == out.Volume {
			out.Dir, out.Slot = v.Dir, v.Slot
		}
	}
	return out, true, nil
}
