package api

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"casemate/appliance/web"
	"casemate/store"
)

// pieces gives a body in pieces of n bytes, as a network may.
type pieces struct {
	io.Reader
	n int
}

func (p pieces) Read(b []byte) (int, error) { return p.Reader.Read(b[:min(len(b), p.n)]) }

// readForm reads every part of a form in reads of n bytes.
func readForm(f *formReader, n int) (parts []string, err error) {
	for {
		if _, err := f.next(); errors.Is(err, io.EOF) {
			return parts, nil
		} else if err != nil {
			return parts, err
		}
		var b bytes.Buffer
		if _, err := io.CopyBuffer(struct{ io.Writer }{&b}, struct{ io.Reader }{f}, make([]byte, n)); err != nil {
			return parts, err
		}
		parts = append(parts, b.String())
	}
}

// However a body is divided on its way, and whatever of a boundary stands in the bytes,
// what comes out is what went in.
func TestFormInPieces(t *testing.T) {
	const boundary = "frontier"
	random := make([]byte, 3*largeForm+17)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(random) // it never fails
	near := strings.Repeat("\r\n--frontie\r\n--frontie\r-\r\n-\r\n\r\n--", 50)
	want := []string{"", "x", "\r\n", near, string(random), near + "\r", "--frontier", "\n--frontier\n", ""}
	var body strings.Builder
	for _, content := range want {
		body.WriteString("--" + boundary + "\r\nA: b\r\n\r\n" + content + "\r\n")
	}
	body.WriteString("--" + boundary + "--")
	for _, c := range []struct{ arriving, reading int }{
		{1, 1 << 20}, {2, 7}, {3, 4096}, {11, 11}, {12, 1}, {13, 1000}, {4096, 1 << 20}, {largeForm, 3}, {1 << 20, 1 << 20}, {largeForm - 1, largeForm},
	} {
		for _, told := range []int64{-1, 100} { // both sizes of buffer
			f := newFormReader(pieces{strings.NewReader(body.String()), c.arriving}, told, boundary)
			got, err := readForm(f, c.reading)
			if err != nil || len(got) != len(want) {
				t.Fatalf("%+v: %d parts, %v", c, len(got), err)
			}
			for i := range want {
				if got[i] != want[i] {
					t.Errorf("%+v: part %d has %d bytes, want %d", c, i, len(got[i]), len(want[i]))
				}
			}
			if _, err := f.next(); !errors.Is(err, io.EOF) {
				t.Errorf("%+v: behind the end: %v", c, err)
			}
		}
	}
}

// Parts that nobody reads are passed over.
func TestFormSkips(t *testing.T) {
	body := "--b\r\n\r\n" + strings.Repeat("x", 5*largeForm) + "\r\n--b\r\nA: second\r\n\r\ny\r\n--b--\r\n"
	f := newFormReader(strings.NewReader(body), -1, "b")
	if _, err := f.next(); err != nil {
		t.Fatal(err)
	}
	h, err := f.next()
	if err != nil || h.Get("A") != "second" {
		t.Errorf("%v, %v", h, err)
	}
}

func TestFormRefused(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		err  error
	}{
		"preamble":             {"hello\r\n--b\r\n\r\n\r\n--b--", web.ErrBadRequest},
		"bare LF":              {"--b\n\nx\n--b--\n", web.ErrBadRequest},
		"padding":              {"--b \r\n\r\nx\r\n--b--", web.ErrBadRequest},
		"longer boundary":      {"--bc\r\n\r\nx\r\n--b--", web.ErrBadRequest},
		"boundary in the data": {"--b\r\n\r\nx\r\n--bc\r\n--b--", web.ErrBadRequest},
		"header no header":     {"--b\r\nno colon\r\n\r\nx\r\n--b--", web.ErrBadRequest},
		"endless header":       {"--b\r\nA: " + strings.Repeat("x", 2*largeForm), web.ErrTooLarge},
		"large header":         {"--b\r\nA: " + strings.Repeat("x", maxPartHeader) + "\r\n\r\nx\r\n--b--", web.ErrTooLarge},
		"second form":          {"--b\r\n\r\nx\r\n--b--\r\n--b\r\n\r\ny\r\n--b--", web.ErrBadRequest},
		"long epilogue":        {"--b\r\n\r\nx\r\n--b--" + strings.Repeat("\r\n", largeForm), web.ErrBadRequest},
		"empty":                {"", store.ErrIncomplete},
		"half a closing":       {"--b\r\n\r\nx\r\n--b-", store.ErrIncomplete},
		"end in a header":      {"--b\r\n\r\nx\r\n--b\r\nA: b\r\n", store.ErrIncomplete},
		"end behind a header":  {"--b\r\n\r\nx\r\n--b\r\nA: b\r\n\r\n", store.ErrIncomplete},
	} {
		_, err := readForm(newFormReader(strings.NewReader(c.body), -1, "b"), 10)
		if !errors.Is(err, c.err) || errors.Is(err, io.EOF) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
	}
}
