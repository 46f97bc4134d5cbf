package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"casemate/raid"
	"casemate/store/journal"
	"casemate/store/proof"
)

// Types of the safe's own documents.
const (
	ScrubReportTyp = "casemate/scrub-report"
	RepairTyp      = "casemate/repair-attestation"
	ownV           = "1"
)

// scrubReport is what a scrub found, as it is deposited: RFC 8785 JSON, integers as decimal strings.
type scrubReport struct {
	Typ        string         `json:"typ"`
	V          string         `json:"v"`
	Safe       string         `json:"safe"`
	Begun      string         `json:"begun"`
	Finished   string         `json:"finished"`
	Complete   bool           `json:"complete"` // every volume of the mirror was read to its end
	Partial    bool           `json:"partial"`  // it was for the volumes that the one before did not reach
	Volumes    []VolumeReport `json:"volumes"`
	Unreached  []unreached    `json:"unreached"`
	Findings   []Finding      `json:"findings"`
	More       uint64         `json:"moreFindings,string"`
	Repaired   uint64         `json:"repaired,string"`
	Unrepaired uint64         `json:"unrepaired,string"`
}

// unreached is a volume that was not read, or not to its end.
type unreached struct {
	ID    string `json:"id"`
	Dir   string `json:"dir"`
	State string `json:"state"`
	Cause string `json:"cause"`
}

// endScrub composes the report, deposits it in the safe's own vault and closes the run. The report is
// composed once and kept until it is deposited, whatever happens between.
func (s *Safe) endScrub(ctx context.Context) error {
	c := s.scrub
	c.mu.Lock()
	body := c.rec.Body
	c.mu.Unlock()
	if len(body) == 0 {
		var err error
		if body, err = s.composeScrub(); err != nil {
			return err
		}
		c.mu.Lock()
		c.rec.Body = body
		c.rec.Report.More += uint64(len(c.rec.Report.Findings)) // the report has them
		c.rec.Report.Findings = nil
		c.mu.Unlock()
		s.saveScrub()
	}
	var r scrubReport
	if err := proof.ParseStrict(body, &r); err != nil {
		return fmt.Errorf("the scrub's own report: %w", err)
	}
	id, err := s.depositOwn(ctx, "scrub-report.json", map[string]string{"type": ScrubReportTyp}, body)
	if err != nil {
		return fmt.Errorf("depositing the scrub's report: %w", err)
	}
	draft := s.draft(self, ActScrub, "", "", journal.Done, "")
	draft.Refs = map[string]string{"report": id.String(), "sha256": sha256Hex(body), "findings": fmt.Sprint(uint64(len(r.Findings)) + r.More),
		"repaired": fmt.Sprint(r.Repaired), "unrepaired": fmt.Sprint(r.Unrepaired)}
	if _, err := s.post(ctx, posting{draft: draft}); err != nil {
		return fmt.Errorf("journaling the end of the scrub: %w", err)
	}
	s.scrubEnded(r, id)
	return nil
}

// scrubEnded leaves nothing of the run but what the next one is measured by.
func (s *Safe) scrubEnded(r scrubReport, id proof.DocumentID) {
	c := s.scrub
	finished, _ := proof.ParseTime(r.Finished) // written by composeScrub
	c.mu.Lock()
	defer c.mu.Unlock()
	last := c.rec.Last
	last.Begun, last.Finished, last.Report = c.rec.Begun, finished, id
	last.Findings, last.Repaired, last.Unrepaired = uint64(len(r.Findings))+r.More, r.Repaired, r.Unrepaired
	owing := slices.DeleteFunc(slices.Clone(c.rec.Owing), func(id string) bool {
		return slices.ContainsFunc(r.Volumes, func(v VolumeReport) bool { return v.ID == id })
	})
	if !r.Partial {
		last.Whole, last.Took = finished, max(0, finished.Sub(c.rec.Begun))
		owing = nil
		for _, u := range r.Unreached {
			if u.State != string(raid.Spare) {
				owing = append(owing, u.ID)
			}
		}
	}
	c.rec = scrubRecord{State: ScrubIdle, Last: last, Owing: owing}
}

// composeScrub writes the report of the run that is over.
func (s *Safe) composeScrub() ([]byte, error) {
	volumes := s.mirror.Status().Volumes
	finished := s.now().UTC().Truncate(time.Millisecond)
	c := s.scrub
	c.mu.Lock()
	defer c.mu.Unlock()
	r := scrubReport{Typ: ScrubReportTyp, V: ownV, Safe: s.origin, Begun: proof.FormatTime(c.rec.Begun), Finished: proof.FormatTime(finished),
		Complete: true, Partial: len(c.rec.Only) > 0, Volumes: c.rec.Report.Volumes, Unreached: []unreached{}, Findings: c.rec.Report.Findings,
		More: c.rec.Report.More, Repaired: c.rec.Report.Repaired, Unrepaired: c.rec.Report.Unrepaired}
	if r.Volumes == nil {
		r.Volumes = []VolumeReport{}
	}
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	for _, v := range volumes {
		if !slices.ContainsFunc(r.Volumes, func(d VolumeReport) bool { return d.ID == v.ID }) {
			r.Unreached = append(r.Unreached, unreached{v.ID, v.Dir, string(v.State), string(v.Cause)})
			r.Complete = r.Complete && v.State == raid.Spare
		}
	}
	return proof.Canonical(r)
}

func sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
