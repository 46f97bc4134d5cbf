package hsm

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		in   string
		want string // part of the error; empty: none
	}{
		{`{"size":1,"root":"AAAA","proof":["AA==",""]}`, ""},
		{` {"size":1} ` + "\n", ""},
		{`{"size":1,"size":2}`, "twice"},
		{`{"size":1,"Size":2}`, "twice"},
		{`{"size":1,"\u0073ize":2}`, "twice"},
		{`{"size":1,"other":2}`, "unknown field"},
		{`{"size":-1}`, "decoding"},
		{`{"size":1}{}`, "not JSON"},
		{`{"size":1`, "not JSON"},
		{`[]`, "not an object"},
		{`null`, "not an object"},
		{``, "not JSON"},
		{"{\"root\":\"\xff\"}", "not JSON"},
		{`{"proof":[[[[[[[["a"]]]]]]]]}`, "nested"},
		{`{"root":"\"{[,:"}`, "decoding"},
		{`{"root":"` + strings.Repeat("A", MaxMessage) + `"}`, "more than"},
	} {
		err := Decode(strings.NewReader(c.in), &CheckpointRequest{})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%.60s: %v, want %q", c.in, err, c.want)
		}
	}
}

// Whatever is accepted means the same when it is written and read again.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"requests":[{"attestation":"AAAA","fingerprint":""}]}`, `{"requests":[]}`, `{}`, `{"requests":null}`,
		`{"requests":[{"attestation":"AAAA","attestation":""}]}`, `[]`, `"`, `{"a\\":1}`, `{"\u0041":{"a":[{}]}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var first, second SealBatch
		if Decode(bytes.NewReader(b), &first) != nil {
			return
		}
		again, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		if err := Decode(bytes.NewReader(again), &second); err != nil || len(first.Requests) != len(second.Requests) {
			t.Errorf("%q was accepted, %q was not: %v", b, again, err)
		}
	})
}
