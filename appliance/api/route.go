package api

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"time"

	"casemate/appliance/web"
	"casemate/appliance/wire"
	"casemate/store"
)

// route is one line of the table. It is made by one of the constructors below, which
// all want a right; its types are those its handler is compiled with.
type route struct {
	method, path string
	access       web.Access
	act, summary string
	query        []param
	status       int          // of success
	takes        string       // media type of the request's body, "" for none
	request      reflect.Type // of a JSON body, or of the meta part
	gives        string       // media type of the reply
	reply        reflect.Type // of a JSON reply, nil for others
	serve        func(a *API, w http.ResponseWriter, c *call) error
}

// param is a parameter of the query.
type param struct {
	name   string
	schema map[string]any
	says   string
}

// get answers with JSON and takes no body.
func get[Reply any](path string, access web.Access, act, summary string, query []param, do func(*API, *call) (Reply, error)) route {
	return route{
		method: http.MethodGet, path: path, access: access, act: act, summary: summary, query: query,
		status: http.StatusOK, gives: wire.JSON, reply: reflect.TypeFor[Reply](),
		serve: func(a *API, w http.ResponseWriter, c *call) error {
			reply, err := do(a, c)
			if err != nil {
				return err
			}
			return writeJSON(w, http.StatusOK, reply)
		},
	}
}

// run has the safe do something that needs no body.
func run[Reply any](path string, access web.Access, act, summary string, do func(*API, *call) (Reply, error)) route {
	r := get(path, access, act, summary, nil, do)
	r.method = http.MethodPost
	return r
}

// post takes JSON and answers with JSON.
func post[Request, Reply any](path string, access web.Access, act, summary string, status int, do func(*API, *call, Request) (Reply, error)) route {
	return route{
		method: http.MethodPost, path: path, access: access, act: act, summary: summary,
		status: status, takes: wire.JSON, request: reflect.TypeFor[Request](), gives: wire.JSON, reply: reflect.TypeFor[Reply](),
		serve: func(a *API, w http.ResponseWriter, c *call) error {
			var request Request
			if err := readJSON(c.Request, &request); err != nil {
				return err
			}
			reply, err := do(a, c, request)
			if err != nil {
				return err
			}
			return writeJSON(w, status, reply)
		},
	}
}

// form takes a streamed multipart/form-data whose first part is JSON, and answers with
// JSON at the address it gives.
func form[Meta, Reply any](path string, access web.Access, act, summary string, do func(*API, *call) (Reply, string, error)) route {
	return route{
		method: http.MethodPost, path: path, access: access, act: act, summary: summary,
		status: http.StatusCreated, takes: formData, request: reflect.TypeFor[Meta](), gives: wire.JSON, reply: reflect.TypeFor[Reply](),
		serve: func(a *API, w http.ResponseWriter, c *call) error {
			reply, location, err := do(a, c)
			if err != nil {
				return err
			}
			w.Header().Set("Location", location)
			return writeJSON(w, http.StatusCreated, reply)
		},
	}
}

// stream answers with bytes of another media type, which it writes itself.
func stream(path string, access web.Access, act, summary, gives string, query []param, do func(*API, http.ResponseWriter, *call) error) route {
	return route{
		method: http.MethodGet, path: path, access: access, act: act, summary: summary, query: query,
		status: http.StatusOK, gives: gives, serve: do,
	}
}

// parseQuery is strict: what the route does not know, or what stands twice, is refused
// rather than passed over.
func (one route) parseQuery(raw string) (map[string]string, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrQuery, err)
	}
	given := map[string]string{}
	for name, all := range values {
		if !slices.ContainsFunc(one.query, func(p param) bool { return p.name == name }) {
			return nil, fmt.Errorf("%w: no parameter %q here", store.ErrQuery, name)
		}
		if len(all) != 1 {
			return nil, fmt.Errorf("%w: %s stands there %d times", store.ErrQuery, name, len(all))
		}
		given[name] = all[0]
	}
	return given, nil
}

// number is a parameter that is a whole number, 0 when left out.
func (c *call) number(name string) (uint64, error) {
	s, ok := c.query[name]
	if !ok {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: %s is %q, want a whole number", store.ErrQuery, name, s)
	}
	return n, nil
}

// page is after and limit; limit is between 1 and wire.MaxPage.
func (c *call) page() (after uint64, limit int, err error) {
	if after, err = c.number("after"); err != nil {
		return 0, 0, err
	}
	n, err := c.number("limit")
	switch {
	case err != nil:
		return 0, 0, err
	case c.query["limit"] == "":
		n = wire.DefaultPage
	case n < 1 || n > wire.MaxPage:
		return 0, 0, fmt.Errorf("%w: limit is %d, want 1 to %d", store.ErrQuery, n, wire.MaxPage)
	}
	return after, int(n), nil
}

// moment is a parameter that is a time, zero when left out.
func (c *call) moment(name string) (time.Time, error) {
	s, ok := c.query[name]
	if !ok {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %s is %q, want a time like 2030-01-31T12:00:00Z", store.ErrQuery, name, s)
	}
	return t, nil
}

// flag is a parameter that is 1 or 0, false when left out.
func (c *call) flag(name string) (bool, error) {
	switch s := c.query[name]; s {
	case "", "0":
		return false, nil
	case "1":
		return true, nil
	default:
		return false, fmt.Errorf("%w: %s is %q, want 1 or 0", store.ErrQuery, name, s)
	}
}
