// Package api is the safe over HTTPS: JSON in, JSON out, documents streamed. routes.go
// is the whole of it at a glance: one table, each line with its right; what stands
// behind a line is thin and calls [Safe].
//
// What it promises:
//
//   - nothing is read into memory but what a limit of appliance/wire bounds; a
//     document streams through whatever its size;
//   - a deposit is answered with 201 when it is sealed and on every in-sync volume,
//     and nothing is kept when the answer is anything else;
//   - bytes of a document go out verified, or the connection breaks: a reply that
//     ended well is whole;
//   - the description at /openapi.json is made from the table and from the types the
//     handlers are compiled with, so it cannot say anything else than what is served.
package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"

	"github.com/gorilla/mux"

	"casemate/appliance/storage"
	"casemate/appliance/web"
	"casemate/appliance/wire"
	"casemate/raid"
	"casemate/store"
	"casemate/store/identity"
	"casemate/store/journal"
	"casemate/store/proof"
)

// Safe is what the API asks of the safe; *store.Safe is one. Every method that takes a
// caller journals what it does; whoever calls it has proved the right to.
type Safe interface {
	CreateVault(ctx context.Context, who identity.Caller, name string) (store.Vault, error)
	Vaults(ctx context.Context, who identity.Caller) ([]store.Vault, error)
	Deposit(ctx context.Context, who identity.Caller, req store.DepositRequest, next func() (store.Part, error)) (store.Document, error)
	Stat(ctx context.Context, who identity.Caller, id proof.DocumentID) (store.Document, error)
	List(ctx context.Context, who identity.Caller, vault string, after uint64, limit int) (list []store.Document, more bool, err error)
	Lookup(ctx context.Context, who identity.Caller, vault string, fingerprint proof.Digests, after uint64, limit int) (list []store.Document, more bool, err error)
	Count(ctx context.Context, who identity.Caller, vault string) (documents, bytes uint64, err error)
	Read(ctx context.Context, who identity.Caller, id proof.DocumentID, file int) (proof.File, io.ReadCloser, error)
	Receipt(ctx context.Context, who identity.Caller, id proof.DocumentID, attached bool) (name string, write func(io.Writer) error, err error)
	Check(ctx context.Context, who identity.Caller, id proof.DocumentID) (store.CheckReport, error)
	Compare(ctx context.Context, who identity.Caller, id proof.DocumentID, files []store.Announced) (bool, error)
	Journal(ctx context.Context, who identity.Caller, q store.JournalQuery) ([]journal.Entry, error)
	Checkpoint(ctx context.Context) ([]byte, error)
	Trust(ctx context.Context) (seal, tsa []byte, vkey string)
	Status(ctx context.Context) store.Status
	StartScrub(ctx context.Context, who identity.Caller) error
	PauseScrub(ctx context.Context, who identity.Caller) error
	ScrubStatus() store.ScrubStatus
}

// Storage is what the API asks of the mirror; *storage.Storage is one. Its acts journal themselves.
type Storage interface {
	Status() raid.Status
	Add(ctx context.Context, who identity.Caller, p storage.Place, spare bool) (id string, err error)
	Replace(ctx context.Context, who identity.Caller, volume string, p storage.Place) (id string, err error)
	Remove(ctx context.Context, who identity.Caller, volume string) error
	Detach(ctx context.Context, who identity.Caller, volume string) error
	Resilver(ctx context.Context, who identity.Caller, volume string, whole bool) error
	Reclaim(ctx context.Context, who identity.Caller, volume string) (raid.Reclaimed, error)
}

// API serves the table of routes.
type API struct {
	safe        Safe
	storage     Storage
	door        *web.Door
	version     string
	table       []route
	router      *mux.Router
	description []byte
}

// New makes the API over a safe and its mirror, behind a door; version is the program's own.
func New(safe Safe, volumes Storage, door *web.Door, version string) (*API, error) {
	a := &API{safe: safe, storage: volumes, door: door, version: version, table: routes(), router: mux.NewRouter().SkipClean(true)}
	description, err := json.Marshal(describe(a.table, version))
	if err != nil {
		return nil, fmt.Errorf("describing the API: %w", err)
	}
	a.description = description
	for _, one := range a.table {
		a.router.Handle(wire.Prefix+one.path, a.handle(one)).Methods(one.method)
	}
	a.router.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		door.Refuse(w, r, "", "", fmt.Errorf("%w: %s", web.ErrUnknownPath, r.URL.Path), false)
	})
	a.router.MethodNotAllowedHandler = http.HandlerFunc(a.wrongMethod)
	return a, nil
}

// ServeHTTP answers one request; the door's own handler stands around it. Nothing in an
// address needs an unusual encoding: what has one (%2F) is no address, lest two
// spellings be one.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawPath != "" {
		a.router.NotFoundHandler.ServeHTTP(w, r)
		return
	}
	a.router.ServeHTTP(w, r)
}

// wrongMethod names the methods that would do (RFC 9110, 15.5.6).
func (a *API) wrongMethod(w http.ResponseWriter, r *http.Request) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		try := r.Clone(r.Context())
		try.Method = method
		var match mux.RouteMatch
		if a.router.Match(try, &match) && match.MatchErr == nil {
			w.Header().Add("Allow", method)
		}
	}
	a.door.Refuse(w, r, "", "", fmt.Errorf("%w: %s", web.ErrMethod, r.Method), false)
}

// handle is the one walk of every request: who, may he, what does he ask, the act, the
// answer.
func (a *API) handle(one route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.Route(r, one.path)
		c := &call{Request: r, vars: mux.Vars(r)}
		var err error
		if c.who, err = a.door.Enter(r, one.access); err == nil {
			if c.query, err = one.parseQuery(r.URL.RawQuery); err == nil {
				err = one.serve(a, w, c)
			}
		}
		if err != nil {
			a.door.Refuse(w, r, one.act, c.object(), err, c.journaled)
		}
	})
}

// call is one request on its way through a handler.
type call struct {
	*http.Request
	who       identity.Caller
	vars      map[string]string
	query     map[string]string
	about     string // for the journal, where the address does not say it
	journaled bool   // the safe has told the journal, or will
}

// object is what the request is about, for the journal: a document's id, a vault's name or a volume
// as the caller wrote it.
func (c *call) object() string { return c.vars["id"] + c.vars["vault"] + c.vars["volume"] + c.about }

// document is the identifier in the path. One that cannot be is one that is not.
func (c *call) document() (proof.DocumentID, error) {
	id, err := proof.ParseDocumentID(c.vars["id"])
	if err != nil {
		return id, fmt.Errorf("%w: %q is no identifier of a document", store.ErrUnknownDocument, c.vars["id"])
	}
	return id, nil
}

// readJSON reads a whole body strictly.
func readJSON(r *http.Request, into any) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != wire.JSON {
		return fmt.Errorf("%w: want %s", web.ErrUnsupported, wire.JSON)
	}
	return decode(r.Body, wire.MaxBody, into)
}

// decode reads one JSON value of at most limit bytes.
func decode(r io.Reader, limit int64, into any) error {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return broken(err)
	}
	if int64(len(text)) > limit {
		return fmt.Errorf("%w: more than %d bytes of JSON", web.ErrTooLarge, limit)
	}
	if err := proof.ParseStrict(text, into); err != nil {
		return fmt.Errorf("%w: %w", web.ErrBadRequest, err)
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing a reply: %w", err)
	}
	write(w, status, wire.JSON, append(body, '\n'))
	return nil
}

func write(w http.ResponseWriter, status int, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller who left needs no answer
}
