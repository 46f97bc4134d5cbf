package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"casemate/store/identity"
	"casemate/store/journal"
	"casemate/store/proof"
	"casemate/store/seal"
)

// Read gives the original bytes of one file of a document (files count from 1). The journal has
// the reading before the first byte leaves. Every segment is authenticated before any of it is
// given; an alteration ends the reading with ErrIntegrity, never with a clean end.
func (s *Safe) Read(ctx context.Context, who identity.Caller, id proof.DocumentID, file int) (proof.File, io.ReadCloser, error) {
	rec, err := s.recordFor(ctx, who, id)
	if err != nil {
		return proof.File{}, nil, err
	}
	if err := rec.vault.mustRead(who); err != nil {
		return proof.File{}, nil, err
	}
	if file < 1 || file > len(rec.attestation.Files) {
		return proof.File{}, nil, fmt.Errorf("file %d of document %s: %w", file, id, ErrUnknownDocument)
	}
	f := rec.attestation.Files[file-1]
	draft := s.draft(who, "read", rec.vault.ID.String(), id.String(), journal.Done, "")
	draft.Refs = map[string]string{"file": fmt.Sprint(file)}
	if _, err := s.post(ctx, posting{draft: draft}); err != nil {
		return proof.File{}, nil, err
	}
	r, err := s.all().openFile(ctx, rec, f)
	if err != nil {
		return f, nil, err
	}
	return f, &reading{ReadCloser: r, end: sync.OnceFunc(s.use())}, nil
}

// reading is a caller's reader, for which the scrub makes room until it is closed.
type reading struct {
	io.ReadCloser
	end func()
}

func (r *reading) Close() error {
	r.end()
	return r.ReadCloser.Close()
}

// openFile streams a file's bytes: segments are fetched ahead, deciphered in order, and at the end
// the SHA-256 of all must be the attested one.
func (v view) openFile(ctx context.Context, rec *record, f proof.File) (io.ReadCloser, error) {
	s := v.s
	ctx, cancel := context.WithCancel(ctx)
	index := uint16(f.Index) //nolint:gosec // MaxFiles is far below
	ahead := prefetch(ctx, rec.inner.Segments[f.Index-1], func(ctx context.Context, n uint32) ([]byte, error) {
		return v.get(ctx, segmentKey(rec.id, index, n))
	})
	plain, err := seal.NewDecrypter(rec.key, segmentAD(rec.vault.ID, rec.id, index), func(n uint32) ([]byte, error) {
		got, ok := <-ahead
		if !ok || got.n != n {
			if err := ctx.Err(); err != nil {
				return nil, err // the reader left: no word on the document
			}
			return nil, io.EOF
		}
		if got.err != nil {
			return nil, s.readError(fmt.Sprintf("segment %d of document %s", n, rec.id), got.err)
		}
		return got.value, nil
	})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("opening document %s: %w: %w", rec.id, ErrIntegrity, err)
	}
	if f.Size > blockBytes {
		plain = readAhead(ctx, plain)
	}
	return &fileReader{plain: plain, want: f, digest: sha256.New(), cancel: cancel}, nil
}

// fileReader gives the bytes and has the last word on them.
type fileReader struct {
	plain  io.Reader
	want   proof.File
	digest hash.Hash
	size   int64
	cancel context.CancelFunc
}

func (r *fileReader) Read(p []byte) (int, error) {
	n, err := r.plain.Read(p)
	r.digest.Write(p[:n])
	r.size += int64(n)
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		if r.size == r.want.Size && bytes.Equal(r.digest.Sum(nil), r.want.Digests.SHA256[:]) {
			return n, io.EOF
		}
		return n, fmt.Errorf("file %d: %w: its digest is not the one attested", r.want.Index, ErrIntegrity)
	case errors.Is(err, ErrStorage), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return n, err
	default:
		return n, fmt.Errorf("file %d: %w: %w", r.want.Index, ErrIntegrity, err)
	}
}

func (r *fileReader) Close() error {
	r.cancel()
	return nil
}

type fetched struct {
	n     uint32
	value []byte
	err   error
}

// prefetch reads segments 0 … count-1 with a few under way at once and gives them in order.
func prefetch(ctx context.Context, count uint32, get func(context.Context, uint32) ([]byte, error)) <-chan fetched {
	const depth = 8
	queue := make(chan chan fetched, depth)
	out := make(chan fetched)
	go func() {
		defer close(queue)
		for n := range count {
			slot := make(chan fetched, 1)
			select {
			case queue <- slot:
			case <-ctx.Done():
				return
			}
			go func() {
				value, err := get(ctx, n)
				slot <- fetched{n: n, value: value, err: err}
			}()
		}
	}()
	go func() {
		defer close(out)
		for slot := range queue {
			select {
			case out <- <-slot:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// scan walks a prefix of the mirror in pages.
func (s *Safe) scan(ctx context.Context, prefix []byte, visit func(key, value []byte) error) error {
	return s.scanAfter(ctx, prefix, nil, visit)
}

func (s *Safe) scanAfter(ctx context.Context, prefix, after []byte, visit func(key, value []byte) error) error {
	for {
		page, err := s.mirror.Scan(ctx, prefix, after, 256)
		if err != nil {
			return s.readError(fmt.Sprintf("reading keys of type %c", prefix[0]), err)
		}
		for _, item := range page {
			if err := visit(item.Key, item.Value); err != nil {
				return err
			}
		}
		if len(page) == 0 {
			return nil
		}
		after = page[len(page)-1].Key
	}
}
