package client

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"casemate/appliance/wire"
	"casemate/store/proof"
)

// ReadFile writes the n-th file (from 1) of a document into w, as [Client.Stat]
// described it. The bytes are verified when all have been written: on any error,
// what w holds must not be used. A difference from the description or from the
// reply's Repr-Digest (RFC 9530) is [ErrIntegrity]; a transfer cut short is
// [ErrUnreachable]; an error of w is returned as it is.
func (c *Client) ReadFile(ctx context.Context, doc wire.Document, n int, w io.Writer) error {
	if n < 1 || n > len(doc.Files) {
		return fmt.Errorf("%w: document %s has %d files, no file %d", ErrNotFound, doc.ID, len(doc.Files), n)
	}
	req, err := c.request(ctx, http.MethodGet, path("documents", doc.ID, "files", strconv.Itoa(n)), nil, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "*/*")
	res, err := c.send(req)
	if err != nil {
		return err
	}
	defer discard(res.Body)
	return receive(ctx, res, doc.Files[n-1], w)
}

func receive(ctx context.Context, res *http.Response, f wire.File, w io.Writer) error {
	hasher := proof.NewHasher()
	if err := copyBody(ctx, w, io.LimitReader(res.Body, f.Size+1), hasher); err != nil {
		return err
	}
	sum := hasher.Sum()
	if err := matches(sum, hasher.Size(), f); err != nil {
		return fmt.Errorf("file %d %q as it was received: %w", f.Index, f.Name, err)
	}
	return matchesReprDigest(sum, res.Header.Values("Repr-Digest"))
}

// copyBody copies a reply, digesting beside the writing. It keeps apart whose
// failure it was: the context's, the connection's or the writer's.
func copyBody(ctx context.Context, w io.Writer, body io.Reader, hasher *proof.Hasher) error {
	buffer := make([]byte, block)
	for {
		n, readErr := fill(body, buffer)
		if err := writeBoth(hasher, w, buffer[:n]); err != nil {
			return err
		}
		switch {
		case readErr == nil:
		case errors.Is(readErr, io.EOF):
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		default:
			return transportError(readErr)
		}
	}
}

// matchesReprDigest checks the reply's own digests, of which it understands sha-256.
func matchesReprDigest(sum proof.Digests, headers []string) error {
	for _, header := range headers {
		for field := range strings.SplitSeq(header, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
			if !strings.EqualFold(name, "sha-256") {
				continue
			}
			b, err := base64.StdEncoding.DecodeString(strings.Trim(value, ":"))
			if err != nil || !sameHex(sum.SHA256[:], fmt.Sprintf("%x", b)) {
				return fmt.Errorf("%w: sha-256 %x, the reply's Repr-Digest says %s", ErrIntegrity, sum.SHA256, value)
			}
		}
	}
	return nil
}
