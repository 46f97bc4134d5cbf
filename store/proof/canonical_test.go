package proof

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/gowebpki/jcs"
)

// What the scan calls canonical is exactly what the library would have written.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1,"b":[true,false,null,"x\n"]}`, `{"b":1,"a":2}`, `{"a":1,"a":2}`, `[-0]`, `[01]`, `[1e3]`, `"\u2028"`,
		`"é"`, `{"é":1}`, ` {}`, `[1,2,]`, `{"a":{"b":{"c":"\\\""}}}`, `123456789012345678`, "\"\x00\"", `"\/"`, `""`, `{"":1}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if !json.Valid(b) || !canonical(b) {
			return
		}
		var v any
		if json.Unmarshal(b, &v) != nil {
			return
		}
		again, err := json.Marshal(v)
		if err != nil || bytes.Contains(again, []byte(`\ufffd`)) {
			return // invalid UTF-8, which encoding/json never writes
		}
		want, err := jcs.Transform(b)
		if err != nil {
			return // the library refuses more: a bare value at the top, say
		}
		if !bytes.Equal(want, b) {
			t.Errorf("%q passes for canonical, it is %q", b, want)
		}
	})
}

// The attestation's own wire form needs no second pass.
func TestAttestationIsWrittenCanonical(t *testing.T) {
	a := sampleAttestation()
	a.Depositor.Name = "Ada <&> Ø" // U+2028 takes the longer way
	b, err := encode(toWire(a))
	if err != nil {
		t.Fatal(err)
	}
	if !canonical(b) {
		t.Errorf("the fields are not in canonical order: %s", b)
	}
}
