package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"casemate/raid"
	"casemate/store/journal"
	"casemate/store/proof"
)

// TestFsckOneVolumeAndRepair: one volume alone is checked, and only it; what has a good copy is repaired
// when asked for; what has none is named, with what to do.
func TestFsckOneVolumeAndRepair(t *testing.T) {
	r := newRig(t)
	d, lost := r.deposit(randomBytes(3<<20)), r.deposit(randomBytes(2<<20))
	bad := r.segmentsOf(d)[1]
	none := r.segmentsOf(lost)[0]
	r.spoil(0, bad, none)
	r.spoil(1, none)
	one, err := r.safe.Fsck(t.Context(), FsckOptions{Volumes: []int{1}}, nil)
	if err != nil || one.OK() || one.Unrepaired != 1 || len(one.Volumes) != 1 || one.Volumes[0].Slot != 1 || one.Documents != 2 {
		t.Fatalf("%+v, %v", one, err)
	}
	if f := one.Findings[0]; f.What != "document "+lost.ID.String() || f.Code != CodeDamaged || f.Remedy != remedyRepair {
		t.Errorf("%+v", f)
	}
	told := 0
	report, err := r.safe.Fsck(t.Context(), FsckOptions{Repair: true}, func(FsckReport) { told++ })
	if err != nil || report.OK() || told == 0 {
		t.Fatalf("%+v, %v, progress told %d times", report, err, told)
	}
	standing := 0
	for _, f := range report.Findings {
		if !f.Repaired && f.What == "document "+lost.ID.String() && f.Remedy == remedyLost {
			standing++
		}
	}
	if standing != 2 || report.Unrepaired != 2 {
		t.Errorf("%+v", report)
	}
	if _, err := r.mirror.GetFrom(t.Context(), 0, bad); err != nil {
		t.Errorf("not repaired: %v", err)
	}
	if _, body, err := r.safe.Read(t.Context(), alice, lost.ID, 1); err == nil {
		if _, err = io.Copy(io.Discard, body); !errors.Is(err, ErrIntegrity) {
			t.Errorf("a lost document reads: %v", err)
		}
		_ = body.Close()
	}
	after, err := r.safe.Fsck(t.Context(), FsckOptions{}, nil)
	if err != nil || after.Unrepaired != 2 { // the lost one, on each
		t.Errorf("%+v, %v", after.Findings, err)
	}
}

// TestFsckSeesWhatIsAuthenticAndWrong: values that the mirror calls authentic and that are not what the
// journal, the token or an index say.
func TestFsckSeesWhatIsAuthenticAndWrong(t *testing.T) {
	r := newRig(t)
	a, b := r.deposit(randomBytes(300)), r.deposit(randomBytes(300))
	if err := r.safe.Stamp(t.Context()); err != nil {
		t.Fatal(err)
	}
	v := r.safe.vaults["archives"]
	get := func(key []byte) []byte {
		value, err := r.mirror.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	// The last entry, replaced by one that follows from those before it just as well.
	end := r.safe.log.Size() - 1
	fork, err := journal.OpenAt(t.Context(), journalReader{r.mirror.Get}, []byte{typeJournal}, end, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	forked := &batchTx{}
	if _, err := fork.Append(forked, r.safe.draft(alice, "read", "", "", journal.Done, "")); err != nil {
		t.Fatal(err)
	}
	other := forked.ops[0].Value
	sp := r.safe.lastSpan()
	sp.At = sp.At.Add(time.Hour)
	later, err := json.Marshal(sp)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		key   []byte
		value []byte // nil: removed
		code  Code
	}{
		{"a segment of another document", segmentKey(a.ID, 1, 0), get(segmentKey(b.ID, 1, 0)), CodeProof},
		{"a record of another document", recordKey(v.ID, 1), get(recordKey(v.ID, 2)), CodeRecord},
		{"a place that leads elsewhere", placeKey(a.ID), place(v.ID, 2), CodeIndex},
		{"a group key of nobody", groupKey(v.ID, 0), randomBytes(len(get(groupKey(v.ID, 0)))), CodeVault},
		{"a vault of another name", vaultKey(v.ID), bytes.Replace(get(vaultKey(v.ID)), []byte("archives"), []byte("archivez"), 1), CodeVault},
		{"a round with another token", roundKey(1), bytes.Replace(get(roundKey(1)), []byte(`"token":"MII`), []byte(`"token":"MIJ`), 1), CodeRound},
		{"a tally of fewer documents", tallyKey(v.ID), tallyRecord{Last: 2, Documents: 1, Bytes: 600}.value(), CodeVault},
		{"a span of another time", spanKey(1), later, CodeRound},
		{"a span that begins late", spanKey(1), bytes.Replace(get(spanKey(1)), []byte(`"from":0`), []byte(`"from":1`), 1), CodeRound},
		{"an entry of the journal replaced by another", journalKey(1), get(journalKey(3)), CodeJournal},
		{"an entry of the journal removed", journalKey(2), nil, CodeJournal},
		{"a record removed", recordKey(v.ID, 2), nil, CodeGap},
		{"another history of the journal", journalKey(end), other, CodeJournal},
	} {
		t.Run(c.name, func(t *testing.T) {
			was := get(c.key)
			if bytes.Equal(was, c.value) {
				t.Fatal("nothing changed")
			}
			op := raid.Op{Key: c.key, Value: c.value, Delete: c.value == nil}
			if err := r.safe.commitBatch([]raid.Op{op}); err != nil {
				t.Fatal(err)
			}
			report, err := r.safe.Fsck(t.Context(), FsckOptions{Repair: true}, nil)
			if err != nil {
				t.Fatal(err)
			}
			found := map[string]bool{}
			for _, f := range report.Findings {
				if f.Code == c.code && !f.Repaired && f.Remedy != "" {
					found[f.Volume] = true
				}
			}
			if len(found) != 2 {
				t.Errorf("%+v", report.Findings)
			}
			if err := r.safe.commitBatch([]raid.Op{{Key: c.key, Value: was}}); err != nil {
				t.Fatal(err)
			}
		})
	}
	r.fsck()
}

// TestFsckSeesRoundsThatDoNotFollow: a round and its span agree with each other and not with the one
// before.
func TestFsckSeesRoundsThatDoNotFollow(t *testing.T) {
	r := newRig(t)
	r.deposit([]byte("x"))
	if err := r.safe.Stamp(t.Context()); err != nil {
		t.Fatal(err)
	}
	made, err := r.safe.all().round(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	made.From++
	whole, err1 := json.Marshal(made)
	small, err2 := json.Marshal(made.span)
	if err := errors.Join(err1, err2, r.safe.commitBatch([]raid.Op{{Key: roundKey(1), Value: whole}, {Key: spanKey(1), Value: small}})); err != nil {
		t.Fatal(err)
	}
	report, err := r.safe.Fsck(t.Context(), FsckOptions{}, nil)
	if err != nil || len(report.Findings) != 2 || report.Findings[0].Code != CodeRound {
		t.Errorf("%+v, %v", report.Findings, err)
	}
}

// TestFactsOfAMillion bounds what a check of a million documents keeps in memory.
func TestFactsOfAMillion(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	f := newFacts()
	vault := proof.NewVaultID()
	var id proof.DocumentID
	const documents = 1_000_000
	for i := range uint64(documents) {
		id = proof.NewDocumentID()
		f.add(journal.Entry{Seq: 2 * i, Act: ActDeposit, Vault: vault.String(), Object: id.String(), Result: journal.Intent,
			Refs: map[string]string{"number": fmt.Sprint(i + 1)}})
		f.add(journal.Entry{Seq: 2*i + 1, Act: ActDeposit, Vault: vault.String(), Object: id.String(), Result: journal.Done})
	}
	if grown := int64(heap()) - int64(before); grown > 64<<20 { //nolint:gosec // sizes
		t.Errorf("%d MiB for %d documents", grown>>20, documents)
	}
	if !f.tells(vault, 2*documents-1, id) || f.tells(vault, 2*documents-1, proof.NewDocumentID()) || f.tells(vault, 5, id) {
		t.Error("it does not remember what it was told")
	}
	if len(f.before(vault, documents)) != documents/2 || len(f.open) != 0 {
		t.Error("it does not count what it was told")
	}
}
