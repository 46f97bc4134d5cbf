package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"sync/atomic"

	"casemate/appliance/wire"
	"casemate/store/proof"
)

// upload writes a deposit as multipart/form-data into a pipe the transport reads.
type upload struct {
	reader *io.PipeReader
	pipe   *io.PipeWriter
	form   *multipart.Writer
	last   atomic.Bool // the end of the form is on its way: the safe may commit
	done   chan result // one value
}

type result struct {
	sent []sentFile
	err  error // of a file's Open or Read, or of the pipe
}

// localError is a failure to read what should be sent: not the safe's.
type localError struct{ err error }

func (e *localError) Error() string { return e.err.Error() }
func (e *localError) Unwrap() error { return e.err }

func newUpload() *upload {
	r, w := io.Pipe()
	return &upload{reader: r, pipe: w, form: multipart.NewWriter(w), done: make(chan result, 1)}
}

func (u *upload) contentType() string { return u.form.FormDataContentType() }

// stop ends the body before its end; after its end it does nothing.
func (u *upload) stop(why error) { _ = u.pipe.CloseWithError(why) } // it never fails

// write runs beside the transport and ends with it: stop makes every write fail. A
// file whose Read blocks (a terminal) holds only this goroutine.
func (u *upload) write(d Deposit) {
	sent, err := u.parts(d)
	u.done <- result{sent, err}
	_ = u.pipe.CloseWithError(err) // nil ends the body well; it never fails
}

func (u *upload) parts(d Deposit) ([]sentFile, error) {
	if err := u.meta(d); err != nil {
		return nil, err
	}
	buffer := make([]byte, block)
	sent := make([]sentFile, 0, len(d.Files))
	for _, f := range d.Files {
		s, err := u.file(f, buffer)
		if err != nil {
			return nil, err
		}
		sent = append(sent, s)
	}
	u.last.Store(true)
	// The safe may have answered at the closing boundary and hung up: what was
	// sent is complete all the same, and its reply is what counts.
	return sent, u.form.Close()
}

func (u *upload) meta(d Deposit) error {
	m := wire.Meta{Metadata: d.Metadata}
	for i, f := range d.Files {
		if f.SHA256 != "" {
			for len(m.Files) < i {
				m.Files = append(m.Files, wire.Announced{})
			}
			m.Files = append(m.Files, wire.Announced{SHA256: f.SHA256})
		}
	}
	text, err := json.Marshal(m)
	if err != nil {
		return &localError{err}
	}
	part, err := u.form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {mime.FormatMediaType("form-data", map[string]string{"name": wire.PartMeta})},
		"Content-Type":        {wire.JSON},
	})
	if err != nil {
		return err
	}
	_, err = part.Write(text)
	return err
}

func (u *upload) file(f File, buffer []byte) (sentFile, error) {
	body, err := f.Open()
	if err != nil {
		return sentFile{}, &localError{err}
	}
	sent, err := u.copy(f, body, buffer)
	if closeErr := body.Close(); err == nil && closeErr != nil {
		err = &localError{fmt.Errorf("closing %q: %w", f.Name, closeErr)}
	}
	return sent, err
}

// copy sends and digests a file, a block at a time, the two at once.
func (u *upload) copy(f File, body io.Reader, buffer []byte) (sentFile, error) {
	part, err := u.form.CreatePart(textproto.MIMEHeader{
		// FormatMediaType writes what is not plain ASCII in the form of RFC 2231.
		"Content-Disposition": {mime.FormatMediaType("form-data", map[string]string{"name": wire.PartFile, "filename": f.Name})},
		"Content-Type":        {"application/octet-stream"},
	})
	if err != nil {
		return sentFile{}, err
	}
	hasher := proof.NewHasher()
	for {
		n, readErr := fill(body, buffer)
		if err := writeBoth(hasher, part, buffer[:n]); err != nil {
			return sentFile{}, err
		}
		if errors.Is(readErr, io.EOF) {
			return sentFile{f.Name, hasher.Size(), hasher.Sum()}, nil
		}
		if readErr != nil {
			return sentFile{}, &localError{fmt.Errorf("reading %q: %w", f.Name, readErr)}
		}
	}
}

// wait gives what was sent, after the safe's answer.
func (u *upload) wait(ctx context.Context) ([]sentFile, error) {
	select {
	case r := <-u.done:
		if u.last.Load() {
			return r.sent, nil
		}
		return nil, fmt.Errorf("%w: it answered before the document was complete", ErrProtocol)
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnknownOutcome, context.Cause(ctx))
	}
}

// explain says what an error of the exchange means for the document.
func (u *upload) explain(err error) error {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return err // the safe said no: nothing was kept
	}
	select {
	case r := <-u.done:
		var local *localError
		if errors.As(r.err, &local) {
			return local.err
		}
	default:
	}
	if u.last.Load() {
		return fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
	}
	return err
}
