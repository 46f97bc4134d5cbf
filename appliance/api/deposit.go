package api

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"

	"casemate/appliance/web"
	"casemate/appliance/wire"
	"casemate/store"
)

// deposit streams a multipart/form-data (RFC 7578) into the safe: the part meta, then
// one part file for each file. Nothing is gathered; the safe reads each file from the
// connection. A body that ends before its closing boundary is no document.
func (a *API) deposit(c *call) (wire.Document, string, error) {
	form, err := openForm(c)
	if err != nil {
		return wire.Document{}, "", err
	}
	request, err := form.meta()
	if err != nil {
		return wire.Document{}, "", err
	}
	request.Vault = c.vars["vault"]
	d, err := a.safe.Deposit(c.Context(), c.who, request, form.next)
	// A deposit whose files the safe began to take is in its journal, however it ended.
	c.journaled = form.begun
	if err != nil {
		return wire.Document{}, "", err
	}
	return documentOf(d), wire.Prefix + "/documents/" + d.ID.String(), nil
}

// uploadForm walks the parts of a deposit.
type uploadForm struct {
	parts *multipart.Reader
	begun bool
}

func openForm(c *call) (*uploadForm, error) {
	kind, params, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	boundary := params["boundary"]
	if err != nil || kind != formData || boundary == "" || len(boundary) > 70 {
		return nil, fmt.Errorf("%w: want %s with a boundary", web.ErrUnsupported, formData)
	}
	return &uploadForm{parts: multipart.NewReader(c.Body, boundary)}, nil
}

// meta reads the first part.
func (f *uploadForm) meta() (store.DepositRequest, error) {
	part, err := f.part(wire.PartMeta)
	if errors.Is(err, io.EOF) {
		return store.DepositRequest{}, fmt.Errorf("%w: the form has no parts", web.ErrBadRequest)
	}
	if err != nil {
		return store.DepositRequest{}, err
	}
	var meta wire.Meta
	if err := decode(partBody{part}, wire.MaxMeta, &meta); err != nil {
		return store.DepositRequest{}, err
	}
	request := store.DepositRequest{Metadata: meta.Metadata, Announced: make([]store.Announced, len(meta.Files))}
	for i, file := range meta.Files {
		if request.Announced[i], err = announced(i, file); err != nil {
			return store.DepositRequest{}, err
		}
	}
	return request, nil
}

// next gives the file parts in turn, io.EOF at the closing boundary.
func (f *uploadForm) next() (store.Part, error) {
	f.begun = true
	part, err := f.part(wire.PartFile)
	if err != nil {
		return store.Part{}, err
	}
	params, err := disposition(part.Header.Get("Content-Disposition"))
	if err != nil {
		return store.Part{}, err
	}
	return store.Part{Name: params["filename"], MediaType: part.Header.Get("Content-Type"), Body: partBody{part}}, nil
}

// part goes to the next part, which must have this name. The bytes of a part are taken
// as they come: an encoding for the transport (RFC 7578, 4.7, deprecates it) would make
// the document other bytes than those sent.
func (f *uploadForm) part(name string) (*multipart.Part, error) {
	part, err := f.parts.NextRawPart()
	if err == io.EOF { //nolint:errorlint // the closing boundary; wrapped, it is a body that ended too early
		return nil, io.EOF
	}
	if err != nil {
		return nil, broken(err)
	}
	params, err := disposition(part.Header.Get("Content-Disposition"))
	if err != nil {
		return nil, err
	}
	if params["name"] != name {
		return nil, fmt.Errorf("%w: part %q stands where %q should: first %s, then each %s",
			web.ErrBadRequest, params["name"], name, wire.PartMeta, wire.PartFile)
	}
	switch encoding := strings.ToLower(part.Header.Get("Content-Transfer-Encoding")); encoding {
	case "", "binary", "8bit", "7bit":
		return part, nil
	default:
		return nil, fmt.Errorf("%w: part %q is encoded as %q; send the bytes as they are", web.ErrBadRequest, name, encoding)
	}
}

// partBody names what ends a body too early.
type partBody struct{ part *multipart.Part }

func (b partBody) Read(p []byte) (int, error) {
	n, err := b.part.Read(p)
	if err == nil || err == io.EOF { //nolint:errorlint // multipart says a bare io.EOF at the part's boundary alone
		return n, err
	}
	return n, broken(err)
}

// broken is an error of reading a body. It never wraps io.EOF: whoever asks for the end
// of a part must not find it in the end of the connection.
func broken(err error) error {
	if errors.Is(err, web.ErrTooSlow) {
		return err
	}
	if errors.Is(err, multipart.ErrMessageTooLarge) {
		return fmt.Errorf("%w: the header of a part", web.ErrTooLarge)
	}
	return fmt.Errorf("%w: %v", store.ErrIncomplete, err) //nolint:errorlint // see above
}
