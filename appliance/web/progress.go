package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// writePiece is the most that one write deadline has to suffice for.
const writePiece = 256 << 10

// progressing lets a body take hours as long as it moves. net/http's own timeouts
// bound a whole request; here each read and each write has its own deadline, and a
// body that drips is cut when its average over the time spent waiting for the peer
// (not for the safe) is below the limit.
func (d *Door) progressing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		if r.Body != nil && r.Body != http.NoBody {
			body := &progressBody{ReadCloser: r.Body, rc: rc, limits: d.limits}
			body.extend() // also for what net/http itself reads of a body nobody wanted
			r.Body = body
		}
		next.ServeHTTP(&progressWriter{ResponseWriter: w, rc: rc, limit: d.limits.Progress}, r)
	})
}

type progressBody struct {
	io.ReadCloser
	rc     *http.ResponseController
	limits Limits
	got    int64
	waited time.Duration
	end    error
}

func (b *progressBody) extend() {
	_ = b.rc.SetReadDeadline(now().Add(b.limits.Progress)) // unsupported only under tests without a connection
}

// Read touches no deadline once the body has ended: from then on net/http watches the
// connection for the caller's leaving, and a deadline would look like it.
func (b *progressBody) Read(p []byte) (int, error) {
	if b.end != nil {
		return 0, b.end
	}
	n, err := b.read(p)
	b.end = err
	return n, err
}

func (b *progressBody) read(p []byte) (int, error) {
	b.extend()
	begin := now()
	n, err := b.ReadCloser.Read(p)
	b.waited += time.Since(begin)
	b.got += int64(n)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, fmt.Errorf("%w: nothing in %v", ErrTooSlow, b.limits.Progress)
	case err != nil:
		return n, err
	case b.waited > b.limits.Grace && b.got < b.limits.MinRate*int64(b.waited/time.Second):
		return n, fmt.Errorf("%w: %d bytes in %v", ErrTooSlow, b.got, b.waited.Round(time.Second))
	}
	return n, nil
}

type progressWriter struct {
	http.ResponseWriter
	rc    *http.ResponseController
	limit time.Duration
}

func (w *progressWriter) Write(p []byte) (n int, err error) {
	for first := true; first || len(p) > 0; first = false {
		piece := p[:min(len(p), writePiece)]
		_ = w.rc.SetWriteDeadline(now().Add(w.limit)) // as above
		m, err := w.ResponseWriter.Write(piece)
		n += m
		if err != nil {
			return n, err
		}
		p = p[len(piece):]
	}
	return n, nil
}

// Unwrap is for http.ResponseController.
func (w *progressWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
