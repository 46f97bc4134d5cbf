package api

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"casemate/appliance/web"
	"casemate/appliance/wire"
	"casemate/store"
)

// block is how much of a file is held back until what follows it proved good.
const block = 1 << 20

// read streams one file. The safe verifies every segment before it gives it and the
// digest of the whole at the end; so the last block leaves only when the end was good,
// and a reply with its full Content-Length is the document. Whatever fails after the
// first block breaks the connection.
func (a *API) read(w http.ResponseWriter, c *call) error {
	id, err := c.document()
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(c.vars["n"])
	if err != nil || n < 1 {
		return fmt.Errorf("%w: files are numbered from 1", store.ErrUnknownDocument)
	}
	file, body, err := a.safe.Read(c.Context(), c.who, id, n)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }() // only read

	held, ahead := make([]byte, block), make([]byte, block)
	have, end := fill(body, held)
	if end != nil && !errors.Is(end, io.EOF) {
		return end
	}
	out := &lateWriter{ResponseWriter: w, header: func(h http.Header) {
		h.Set("Content-Type", file.MediaType)
		h.Set("Content-Length", strconv.FormatInt(file.Size, 10))
		h.Set("Content-Disposition", encodeDisposition(file.Name))
		h.Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(file.Digests.SHA256[:])+":")
	}}
	for {
		more := 0
		if end == nil {
			if more, end = fill(body, ahead); end != nil && !errors.Is(end, io.EOF) {
				return a.failed(out, c, "read", end)
			}
		}
		if _, err := out.Write(held[:have]); err != nil {
			return a.failed(out, c, "read", err)
		}
		if more == 0 && end != nil {
			return nil
		}
		held, ahead, have = ahead, held, more
	}
}

// fill reads until b is full or the reader says why not.
func fill(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	return n, err
}

// receipt streams the container. Its length is not known, so its end is that of the
// chunked coding, which an aborted handler does not write.
func (a *API) receipt(w http.ResponseWriter, c *call) error {
	id, err := c.document()
	if err != nil {
		return err
	}
	detached, err := c.flag("detached")
	if err != nil {
		return err
	}
	name, writeTo, err := a.safe.Receipt(c.Context(), c.who, id, !detached)
	if err != nil {
		return err
	}
	out := &lateWriter{ResponseWriter: w, header: func(h http.Header) {
		h.Set("Content-Type", wire.Receipt)
		h.Set("Content-Disposition", encodeDisposition(name))
	}}
	buffer := bufio.NewWriterSize(out, block)
	if err = writeTo(buffer); err == nil {
		err = buffer.Flush()
	}
	if err != nil {
		return a.failed(out, c, "receipt", err)
	}
	return nil
}

// failed ends a reply that cannot be made whole: as an ordinary problem while nothing
// has left, else by breaking the connection.
func (a *API) failed(out *lateWriter, c *call, act string, err error) error {
	switch {
	case !out.begun:
		return err
	case out.left:
		web.Cut() // nobody is there to read it
	}
	a.door.Abort(c.Request, act, c.object(), err)
	return nil
}

// lateWriter sets the headers when the first bytes leave.
type lateWriter struct {
	http.ResponseWriter
	header func(http.Header)
	begun  bool
	left   bool // the caller takes no more
}

func (w *lateWriter) Write(p []byte) (int, error) {
	if !w.begun {
		w.begun = true
		w.header(w.Header())
		w.WriteHeader(http.StatusOK)
	}
	n, err := w.ResponseWriter.Write(p)
	w.left = w.left || err != nil
	return n, err
}
