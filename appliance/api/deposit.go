package api

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/textproto"
	"strings"

	"casemate/appliance/web"
	"casemate/appliance/wire"
	"casemate/store"
)

// deposit streams a multipart/form-data (RFC 7578) into the safe: the part meta, then
// one part file for each file. Nothing is gathered; the safe reads each file from the
// connection. A body that ends before its closing boundary is no document.
func (a *API) deposit(c *call) (wire.Document, string, error) {
	u, err := openUpload(c)
	if err != nil {
		return wire.Document{}, "", err
	}
	request, err := u.meta()
	if err != nil {
		return wire.Document{}, "", err
	}
	request.Vault = c.vars["vault"]
	d, err := a.safe.Deposit(c.Context(), c.who, request, u.next)
	// A deposit whose files the safe began to take is in its journal, however it ended.
	c.journaled = u.begun
	if err != nil {
		return wire.Document{}, "", err
	}
	return documentOf(d), wire.Prefix + "/documents/" + d.ID.String(), nil
}

// upload walks the parts of a deposit.
type upload struct {
	form  *formReader
	begun bool
}

func openUpload(c *call) (*upload, error) {
	kind, params, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	boundary := params["boundary"]
	if err != nil || kind != formData || boundary == "" || len(boundary) > 70 {
		return nil, fmt.Errorf("%w: want %s with a boundary", web.ErrUnsupported, formData)
	}
	return &upload{form: newFormReader(c.Body, c.ContentLength, boundary)}, nil
}

// meta reads the first part.
func (u *upload) meta() (store.DepositRequest, error) {
	if _, _, err := u.part(wire.PartMeta); errors.Is(err, io.EOF) {
		return store.DepositRequest{}, badForm("it has no parts")
	} else if err != nil {
		return store.DepositRequest{}, err
	}
	var meta wire.Meta
	if err := decode(u.form, wire.MaxMeta, &meta); err != nil {
		return store.DepositRequest{}, err
	}
	request := store.DepositRequest{Metadata: meta.Metadata, Announced: make([]store.Announced, len(meta.Files))}
	for i, file := range meta.Files {
		var err error
		if request.Announced[i], err = announced(i, file); err != nil {
			return store.DepositRequest{}, err
		}
	}
	return request, nil
}

// next gives the file parts in turn, io.EOF at the closing boundary. The body of a part
// is good until the next call.
func (u *upload) next() (store.Part, error) {
	u.begun = true
	params, kind, err := u.part(wire.PartFile)
	if err != nil {
		return store.Part{}, err
	}
	return store.Part{Name: params["filename"], MediaType: kind, Body: u.form}, nil
}

// part goes to the next part, which must have this name. The bytes of a part are taken
// as they come: an encoding for the transport (RFC 7578, 4.7, deprecates it) would make
// the document other bytes than those sent.
func (u *upload) part(name string) (params map[string]string, kind string, err error) {
	h, err := u.form.next()
	if err != nil {
		return nil, "", err
	}
	for _, key := range []string{"Content-Disposition", "Content-Type", "Content-Transfer-Encoding"} {
		if len(h[textproto.CanonicalMIMEHeaderKey(key)]) > 1 {
			return nil, "", badForm("a part has two headers " + key)
		}
	}
	if params, err = disposition(h.Get("Content-Disposition")); err != nil {
		return nil, "", err
	}
	if params["name"] != name {
		return nil, "", badForm(fmt.Sprintf("part %q stands where %q should: first %s, then each %s",
			params["name"], name, wire.PartMeta, wire.PartFile))
	}
	switch encoding := strings.ToLower(h.Get("Content-Transfer-Encoding")); encoding {
	case "", "binary", "8bit", "7bit":
		return params, h.Get("Content-Type"), nil
	default:
		return nil, "", badForm(fmt.Sprintf("part %q is encoded as %q; send the bytes as they are", name, encoding))
	}
}
