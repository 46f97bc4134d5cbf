package store

import (
	"strings"
	"testing"

	"casemate/raid"
	"casemate/store/proof"
)

// TestOrphanSegments: segments that nothing names are authenticated and told, on each volume, with what a
// person does; those of a deposit under way, and of documents, are not.
func TestOrphanSegments(t *testing.T) {
	r := newRig(t)
	d := r.deposit(randomBytes(3<<20), randomBytes(5))
	r.fsck()
	orphan, staged := proof.NewDocumentID(), proof.NewDocumentID()
	var ops []raid.Op
	for i := range uint32(20) {
		ops = append(ops, raid.Op{Key: segmentKey(orphan, 1, i), Value: randomBytes(3000)})
	}
	ops = append(ops, raid.Op{Key: segmentKey(staged, 1, 0), Value: randomBytes(300)}, raid.Op{Key: stageKey(staged, 1), Value: []byte(`{}`)})
	if _, err := r.mirror.Write(t.Context(), ops); err != nil {
		t.Fatal(err)
	}
	report, err := r.safe.Fsck(t.Context(), FsckOptions{Repair: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Findings) != 2 || report.Unrepaired != 2 {
		t.Fatalf("%+v", report.Findings)
	}
	for i, f := range report.Findings {
		if f.Code != CodeOrphan || f.What != "document "+orphan.String() || f.Volume != r.config.Dirs[i] || f.Todo() != "orphan" ||
			!strings.Contains(f.Detail, "20 segments (60000 bytes)") {
			t.Errorf("%+v", f)
		}
	}
	// One that is damaged is told of, or was mended already by whoever read it just before.
	r.spoil(0, ops[7].Key)
	report, err = r.safe.Fsck(t.Context(), FsckOptions{Volumes: []int{0}}, nil)
	if err != nil || len(report.Findings) == 0 {
		t.Fatalf("%+v, %v", report.Findings, err)
	}
	detail := report.Findings[len(report.Findings)-1].Detail
	damaged := strings.Contains(detail, "20 segments (57000 bytes)") && strings.Contains(detail, "1 of them do not read")
	mended := strings.Contains(detail, "20 segments (60000 bytes)") && strings.Contains(detail, "0 of them do not read")
	if !damaged && !mended {
		t.Errorf("%+v", report.Findings)
	}
	if mended {
		if _, err := r.mirror.GetFrom(t.Context(), 0, ops[7].Key); err != nil {
			t.Errorf("told as read, and it does not read: %v", err)
		}
	}
	r.mustPass(d.ID)
}
