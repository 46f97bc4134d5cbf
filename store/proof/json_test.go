package proof

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

type strictSample struct {
	Name  string            `json:"name"`
	N     int64             `json:"n,omitempty,string"`
	Inner *strictSample     `json:"inner,omitempty"`
	List  []strictSample    `json:"list,omitempty"`
	Free  map[string]string `json:"free,omitempty"`
	Any   any               `json:"any,omitempty"`
	ID    DocumentID        `json:"id,omitzero"`
	embedded
}

type embedded struct {
	Deep string `json:"deep,omitempty"`
}

func TestParseStrictAccepts(t *testing.T) {
	for _, good := range []string{
		`{}`, `null`, ` {"name" : "x"} `, `{"n":"9007199254740993"}`, `{"inner":{"inner":{"name":"y"}}}`,
		`{"list":[{"name":"a"},{"name":"a"}],"deep":"d"}`, `{"free":{"Name":"1","name":"2"}}`,
		`{"any":{"x":[1,{"y":null}]}}`, `{"name":"\ud83d\ude00 \\ud800 \n"}`, `{"id":"aaaaaaaaaaaaaaaaaaaaaaaaaa"}`,
		strings.Repeat(`{"inner":`, 31) + `{}` + strings.Repeat(`}`, 31),
	} {
		var v strictSample
		if err := ParseStrict([]byte(good), &v); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

func TestParseStrictRefuses(t *testing.T) {
	for name, bad := range map[string]string{
		"nothing":              ``,
		"two values":           `{} {}`,
		"trailing comma":       `{"name":"x",}`,
		"duplicate":            `{"name":"x","name":"x"}`,
		"escaped duplicate":    `{"name":"x","n\u0061me":"y"}`,
		"nested duplicate":     `{"inner":{"n":"1","n":"2"}}`,
		"duplicate in any":     `{"any":{"x":{"y":1,"y":2}}}`,
		"duplicate in a list":  `{"list":[{},{"n":"1","n":"1"}]}`,
		"duplicate in a map":   `{"free":{"x":"","x":""}}`,
		"other case":           `{"Name":"x"}`,
		"unknown":              `{"nome":"x"}`,
		"unknown in a list":    `{"list":[{"x":1}]}`,
		"invalid UTF-8":        "{\"name\":\"\xff\"}",
		"lone high surrogate":  `{"name":"\ud83d"}`,
		"lone low surrogate":   `{"name":"\ude00"}`,
		"swapped surrogates":   `{"name":"\ude00\ud83d"}`,
		"high, then no escape": `{"name":"\ud83dxxxxxx"}`,
		"number for a string":  `{"n":1}`,
		"too deep":             strings.Repeat(`{"inner":`, 32) + `{}` + strings.Repeat(`}`, 32),
		"too deep a list":      strings.Repeat(`[`, 100000) + strings.Repeat(`]`, 100000),
	} {
		var v strictSample
		if err := ParseStrict([]byte(bad), &v); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := ParseStrict(make([]byte, maxJSON+1), new(any)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}

func TestCanonical(t *testing.T) {
	// RFC 8785, 3.2.3: order by UTF-16 code units.
	b, err := Canonical(map[string]any{"\u20ac": "Euro", "\r": "CR", "\ufb33": "Dalet", "1": "One", "\U0001f600": "Smile", "\u0080": "Control", "ö": "<&>"})
	const want = "{\"\\r\":\"CR\",\"1\":\"One\",\"\u0080\":\"Control\",\"ö\":\"<&>\",\"€\":\"Euro\",\"😀\":\"Smile\",\"\ufb33\":\"Dalet\"}"
	if err != nil || string(b) != want {
		t.Fatalf("%s, %v", b, err)
	}
	if _, err := Canonical(make(chan int)); err == nil {
		t.Fatal("a channel was written")
	}
}

func FuzzParseStrict(f *testing.F) {
	for _, s := range []string{`{"name":"\ud83d\ude00"}`, `{"free":{"a":"b"},"list":[{}]}`, `{"any":[[1]]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var v strictSample
		if ParseStrict(b, &v) != nil {
			return
		}
		if !json.Valid(b) {
			t.Fatalf("%q is no JSON", b)
		}
		again, err := Canonical(v)
		if err != nil {
			t.Fatal(err)
		}
		var w strictSample
		if err := ParseStrict(again, &w); err != nil {
			t.Fatalf("%s: %v", again, err)
		}
	})
}
