package web

import (
	"fmt"
	"net/http"

	"casemate/store/identity"
)

// Access says who may pass a route. Its fields cannot be set from outside: a value
// is [Public] or comes from [Need]. The zero value lets nobody in.
type Access struct {
	public bool
	right  identity.Right
}

// Public is for routes that anybody may call, without a certificate. It is written
// out where it is meant.
var Public = Access{public: true}

// Need is for callers who have one of the rights in r.
func Need(r identity.Right) Access { return Access{right: r} }

// IsPublic tells whether anybody may call.
func (a Access) IsPublic() bool { return a.public }

// String says it in a sentence's end: "anybody", "a caller who may read or audit".
func (a Access) String() string {
	switch {
	case a.public:
		return "anybody"
	case a.right == identity.RightAny:
		return "any known caller"
	default:
		return "a caller who may " + a.right.String()
	}
}

// Enter decides on one request. It gives the caller (whose From alone is set on a
// public route called without a good certificate), or the error to refuse with.
func (d *Door) Enter(r *http.Request, a Access) (identity.Caller, error) {
	who, err := d.caller(r)
	t := traceOf(r)
	if a.public && err != nil {
		who = identity.Caller{From: who.From}
		t.who = who
		return who, nil
	}
	t.who = who
	if err != nil {
		t.stranger = true
		return who, err
	}
	if !a.public && !who.Can(a.right) {
		return who, fmt.Errorf("%w: it takes %s", identity.ErrForbidden, a)
	}
	return who, nil
}
