package appliance

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"casemate/store"
)

// noteText is a note as a restoring leaves it.
func noteText(t testing.TB, note store.Restored, mirror [32]byte) []byte {
	t.Helper()
	mac, err := noteMAC(note, mirror)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(restoredNote{note, mac}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// TestRestoredNote: only a note of this safe, as it was written, is believed.
func TestRestoredNote(t *testing.T) {
	key := [32]byte{1}
	note := store.Restored{Backup: "b", Number: 3, Sequence: 7, Taken: time.Unix(1e9, 0).UTC(), At: time.Unix(2e9, 0).UTC(), By: "local user 0"}
	text := noteText(t, note, key)
	if got, err := parseNote(text, key); err != nil || got != note {
		t.Errorf("%+v, %v", got, err)
	}
	for what, other := range map[string][]byte{
		"another safe's": noteText(t, note, [32]byte{2}), "an altered one": bytes.Replace(text, []byte("local user 0"), []byte("local user 1"), 1),
		"one with more behind": append(bytes.Clone(text), '1'), "an unknown field": bytes.Replace(text, []byte(`"mac"`), []byte(`"x": 1, "mac"`), 1), "none": nil,
	} {
		if got, err := parseNote(other, key); err == nil {
			t.Errorf("%s is believed: %+v", what, got)
		}
	}
}

// TestEarlierNote: the note of an earlier version is read, and nothing less than that.
func TestEarlierNote(t *testing.T) {
	note := store.Restored{Backup: "b", Number: 3, Sequence: 7, Taken: time.Unix(1e9, 0).UTC(), Manifest: "ab", At: time.Unix(2e9, 0).UTC(), By: "local user 0"}
	text, err := json.MarshalIndent(note, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parseEarlierNote(append(text, '\n'), [32]byte{}); err != nil || got != note {
		t.Errorf("%+v, %v", got, err)
	}
	for what, other := range map[string][]byte{
		"one with a MAC": noteText(t, note, [32]byte{}), "one with more behind": append(bytes.Clone(text), '1'), "none": nil, "an empty one": []byte("{}"),
		"one of no backup": bytes.Replace(text, []byte(`"b"`), []byte(`""`), 1), "an unknown field": bytes.Replace(text, []byte(`"by"`), []byte(`"x": 1, "by"`), 1),
	} {
		if got, err := parseEarlierNote(other, [32]byte{}); err == nil {
			t.Errorf("%s is believed: %+v", what, got)
		}
	}
}

// FuzzRestoredNote reads any bytes as a note: what is believed is what this safe wrote.
func FuzzRestoredNote(f *testing.F) {
	key := [32]byte{1}
	f.Add(noteText(f, store.Restored{Backup: "b", By: "x"}, key))
	f.Add([]byte(`{"restored":{},"mac":""}`))
	f.Add([]byte(`{"backup":"b","number":1,"manifest":"ab","by":"x"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		if note, err := parseEarlierNote(in, key); err == nil && (note.Backup == "" || note.Number == 0 || note.Manifest == "" || note.By == "") {
			t.Errorf("a note of no backup: %+v", note)
		}
		note, err := parseNote(in, key)
		if err != nil {
			return
		}
		if again, err := parseNote(noteText(t, note, key), key); err != nil || again != note {
			t.Errorf("%+v is written and read as %+v, %v", note, again, err)
		}
	})
}
