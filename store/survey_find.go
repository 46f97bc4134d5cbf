package store

import "fmt"

// find notes a finding about the volume.
func (y *survey) find(what string, code Code, format string, args ...any) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.note(Finding{What: what, Code: code, Detail: fmt.Sprintf(format, args...)})
}

// note completes and keeps a finding. mu is held.
func (y *survey) note(f Finding) {
	if y.lost != nil {
		return // said of a volume that cannot be read, it would be said of no document
	}
	f.Volume, f.Detail = clip(y.dir), clip(f.Detail)
	if !f.Repaired {
		f.Remedy = f.Code.remedy(y.repair, y.twin)
	}
	y.mine.Findings++
	y.report.add(f)
}
