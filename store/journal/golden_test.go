package journal

import "testing"

// The bytes of an entry are hashed for ever: they may not change with this code.
func TestEntryBytes(t *testing.T) {
	const want = `{"act":"deposit","actor":{"from":"","issuer":"","name":"Ada","serial":"0a"},` +
		`"at":"2026-11-22T10:00:07.123Z","object":"7",` +
		`"prev":"0900000000000000000000000000000000000000000000000000000000000000","reason":"",` +
		`"refs":{"n":"7"},"result":"done","seq":"9007199254740993","typ":"casemate/journal-entry","v":"1","vault":""}`
	e := draft(7).entry(1<<53+1, [32]byte{9})
	b, err := e.marshal()
	if err != nil || string(b) != want {
		t.Fatalf("%s\n%v", b, err)
	}
	if back, err := ParseEntry(b); err != nil || back.Seq != e.Seq || back.Refs["n"] != "7" {
		t.Fatal(err)
	}
}

func TestParseEntryRefuses(t *testing.T) {
	good, err := draft(7).entry(3, [32]byte{}).marshal()
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]string{
		"nothing":     ``,
		"white space": " " + string(good),
		"trailing":    string(good) + "\n",
		"duplicate":   `{"act":"x",` + string(good[1:]),
		"unknown":     `{"aaa":"x",` + string(good[1:]),
		"array":       `[]`,
	} {
		if _, err := ParseEntry([]byte(b)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	m := newMemory()
	l := open(b, m)
	drafts := make([]Draft, 256)
	for i := range drafts {
		drafts[i] = draft(i)
	}
	for b.Loop() {
		if _, err := l.Append(batch{}, drafts...); err != nil {
			b.Fatal(err)
		}
		l.Commit()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(drafts)), "ns/entry")
}
