package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"casemate/appliance/wire"
	"casemate/store"
	"casemate/store/identity"
	"casemate/store/proof"
)

// hole takes deposits and keeps nothing: what is left is the cost of door and form.
type hole struct{ double }

func (h *hole) Deposit(_ context.Context, _ identity.Caller, _ store.DepositRequest, next func() (store.Part, error)) (store.Document, error) {
	buffer := make([]byte, 1<<20)
	for {
		p, err := next()
		if errors.Is(err, io.EOF) {
			return store.Document{ID: proof.NewDocumentID()}, nil
		}
		if err != nil {
			return store.Document{}, err
		}
		for err == nil {
			_, err = p.Body.Read(buffer)
		}
		if !errors.Is(err, io.EOF) {
			return store.Document{}, err
		}
	}
}

// BenchmarkForm reads a form from memory.
func BenchmarkForm(b *testing.B) {
	kind, whole := compose(part{asMeta, "", "{}"}, part{asFile, "", string(make([]byte, 64<<20))})
	b.SetBytes(int64(whole.Len()))
	for b.Loop() {
		c := &call{Request: &http.Request{ContentLength: -1, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(bytes.NewReader(whole.Bytes()))}}
		u, err := openUpload(c)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := u.meta(); err != nil {
			b.Fatal(err)
		}
		if _, err := (&hole{}).Deposit(b.Context(), c.who, store.DepositRequest{}, u.next); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDepositTLS sends 64 MiB over loopback; the client's half of TLS is in the
// figure.
func BenchmarkDepositTLS(b *testing.B) {
	h := &hole{}
	s := startWith(b, h, nil, h.journalRefusal)
	client := s.as(serialDepositor)
	kind, whole := compose(part{asMeta, "", "{}"}, part{asFile, "", string(make([]byte, 64<<20))})
	b.SetBytes(int64(whole.Len()))
	for b.Loop() {
		if a := s.do(client, http.MethodPost, wire.Prefix+"/vaults/one/documents", kind, bytes.NewReader(whole.Bytes())); a.status != http.StatusCreated {
			b.Fatalf("%d %s", a.status, a.body)
		}
	}
}

// BenchmarkSmallTLS sends 2 KiB documents one after the other.
func BenchmarkSmallTLS(b *testing.B) {
	h := &hole{}
	s := startWith(b, h, nil, h.journalRefusal)
	client := s.as(serialDepositor)
	kind, whole := compose(part{asMeta, "", "{}"}, part{asFile, "", string(make([]byte, 2<<10))})
	for b.Loop() {
		if a := s.do(client, http.MethodPost, wire.Prefix+"/vaults/one/documents", kind, bytes.NewReader(whole.Bytes())); a.status != http.StatusCreated {
			b.Fatalf("%d %s", a.status, a.body)
		}
	}
}
