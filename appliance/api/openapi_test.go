package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"casemate/appliance/wire"
)

// book is the description as another implementation of OpenAPI reads it.
type book struct{ doc *openapi3.T }

func openBook(t testing.TB, description []byte) *book {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(description)
	if err != nil {
		t.Fatal(err)
	}
	return &book{doc}
}

// judge holds a reply against the description: a status, media type or shape that is
// not in it is a fault of one of the two.
func (b *book) judge(t testing.TB, method, path string, a answer) {
	t.Helper()
	operation := b.operation(method, path)
	if operation == nil {
		if a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
			t.Errorf("%s %s answers %d and is not described", method, path, a.status)
		}
		return
	}
	described := operation.Responses.Value(strconv.Itoa(a.status))
	if described == nil {
		described = operation.Responses.Default()
		if a.status < 400 {
			t.Errorf("%s %s answers %d, which is not described", method, path, a.status)
		}
	}
	kind := a.header.Get("Content-Type")
	media := described.Value.Content.Get(kind)
	if media == nil {
		t.Errorf("%s %s answers with %q, which is not described", method, path, kind)
		return
	}
	if media.Schema == nil {
		return
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(a.body))
	if err := d.Decode(&v); err != nil {
		t.Errorf("%s %s: %v", method, path, err)
	} else if err := media.Schema.Value.VisitJSON(v); err != nil {
		t.Errorf("%s %s: %v\n%s", method, path, err, a.body)
	}
}

func (b *book) operation(method, path string) *openapi3.Operation {
	u, err := url.Parse(path)
	if err != nil {
		return nil
	}
	for pattern, item := range b.doc.Paths.Map() {
		if regexp.MustCompile("^" + pathParameter.ReplaceAllString(pattern, "[^/]+") + "$").MatchString(u.Path) {
			return item.GetOperation(method)
		}
	}
	return nil
}

func TestDescriptionIsValid(t *testing.T) {
	s := start(t)
	a := s.get(s.client(), "/openapi.json")
	doc := openBook(t, a.body).doc
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" || doc.Info.Version != "test" {
		t.Errorf("%s, %s", doc.OpenAPI, doc.Info.Version)
	}
}

// Every route stands in the description with its parameters, its right and its body,
// and the description has nothing else.
func TestDescriptionIsTheTable(t *testing.T) {
	description, err := json.Marshal(describe(routes(), "test"))
	if err != nil {
		t.Fatal(err)
	}
	doc := openBook(t, description).doc
	described := 0
	for _, item := range doc.Paths.Map() {
		described += len(item.Operations())
	}
	if described != len(routes()) {
		t.Errorf("%d operations, %d routes", described, len(routes()))
	}
	names := map[string]bool{}
	for _, one := range routes() {
		op := doc.Paths.Value(wire.Prefix + one.path).GetOperation(one.method)
		if op == nil {
			t.Errorf("%s %s is not described", one.method, one.path)
			continue
		}
		if (op.Security == nil) != one.access.IsPublic() {
			t.Errorf("%s %s: security %v", one.method, one.path, op.Security)
		}
		if (op.RequestBody == nil) != (one.takes == "") {
			t.Errorf("%s %s: body %v", one.method, one.path, op.RequestBody)
		}
		if want := len(pathParameter.FindAllString(one.path, -1)) + len(one.query); len(op.Parameters) != want {
			t.Errorf("%s %s: %d parameters, want %d", one.method, one.path, len(op.Parameters), want)
		}
		if one.summary == "" || op.OperationID == "" || names[op.OperationID] {
			t.Errorf("%s %s: summary %q, operation %q", one.method, one.path, one.summary, op.OperationID)
		}
		names[op.OperationID] = true
	}
}

// Only these are for anybody. A line more is a decision, not an accident.
func TestPublicRoutes(t *testing.T) {
	var public []string
	for _, one := range routes() {
		if one.access.IsPublic() {
			public = append(public, one.path)
		}
	}
	if got := strings.Join(public, " "); got != "/problems /openapi.json" {
		t.Errorf("public: %s", got)
	}
}
