package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"sync"
)

// maxQuery is ample: a query has about a hundred bytes.
const maxQuery = 16 << 10

// responder is RFC 3161 3.4 over one authority.
type responder struct {
	authority authority
	one       sync.Mutex // openssl's serial file knows no locking
}

func (h *responder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "a timestamping authority: POST a query (RFC 3161)", http.StatusMethodNotAllowed)
		return
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/timestamp-query" {
		http.Error(w, "want application/timestamp-query", http.StatusUnsupportedMediaType)
		return
	}
	query, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxQuery))
	if err != nil {
		status := http.StatusBadRequest
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, "the query could not be read", status)
		return
	}
	reply, err := h.answer(r.Context(), query)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tsa:", err)
		http.Error(w, "the authority cannot answer now", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	w.Header().Set("Content-Length", strconv.Itoa(len(reply)))
	if _, err := w.Write(reply); err != nil {
		fmt.Fprintln(os.Stderr, "tsa: answering:", err)
	}
}

func (h *responder) answer(ctx context.Context, query []byte) ([]byte, error) {
	h.one.Lock()
	defer h.one.Unlock()
	// Not stopped halfway when the caller leaves: a serial number would be
	// written or not.
	return h.authority.reply(context.WithoutCancel(ctx), query)
}
