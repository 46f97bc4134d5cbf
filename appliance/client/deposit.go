package client

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"

	"casemate/appliance/wire"
	"casemate/store/proof"
)

// File is one file to deposit.
type File struct {
	Name   string
	SHA256 string // announced digest, 64 hexadecimal digits; "" announces none
	// Open gives the bytes, once. It is called when their turn comes, so a document
	// of many files holds one of them open. The safe reads to the end; size unknown.
	Open func() (io.ReadCloser, error)
}

// Deposit is one document to be.
type Deposit struct {
	Vault    string // name
	Metadata map[string]string
	Files    []File // one or more; their order is part of the document
}

// Deposit sends a document and gives what the safe says it kept, after comparing
// that with the digests of what left. The error is then [ErrIntegrity] and the
// document is returned with it, since the safe did keep something.
//
// Nothing is kept when the connection breaks before the last byte; when it breaks
// after it the error is [ErrUnknownOutcome], also if it was ctx that ended. An error
// of a file's Open or Read is returned as it is, and nothing is kept.
func (c *Client) Deposit(ctx context.Context, d Deposit) (wire.Document, error) {
	if len(d.Files) == 0 {
		return wire.Document{}, fmt.Errorf("%w: no file to deposit", ErrSettings)
	}
	body := newUpload()
	req, err := c.request(ctx, http.MethodPost, path("vaults", d.Vault, "documents"), nil, body.reader)
	if err != nil {
		return wire.Document{}, err
	}
	req.Header.Set("Content-Type", body.contentType())
	// The safe checks the caller and the vault on the headers alone: a refusal
	// comes before gigabytes have left.
	req.Header.Set("Expect", "100-continue")
	go body.write(d)
	// The transport waits for a Read of the body to return, also when ctx has ended:
	// a silent standard input would hold it for ever.
	defer context.AfterFunc(ctx, func() { body.stop(context.Cause(ctx)) })()
	defer body.stop(io.ErrClosedPipe)

	var doc wire.Document
	res, err := c.send(req)
	if err == nil {
		defer discard(res.Body)
		err = decode(ctx, res, &doc)
	}
	if err != nil {
		return wire.Document{}, body.explain(err)
	}
	sent, err := body.wait(ctx)
	if err != nil {
		return doc, err
	}
	return doc, compareKept(sent, doc)
}

// sentFile is what left of one file.
type sentFile struct {
	name    string
	size    int64
	digests proof.Digests
}

// compareKept holds the safe's reply against what was sent.
func compareKept(sent []sentFile, doc wire.Document) error {
	if len(sent) != len(doc.Files) {
		return fmt.Errorf("%w: document %s: %d files were sent, the safe says it kept %d", ErrIntegrity, doc.ID, len(sent), len(doc.Files))
	}
	for i, s := range sent {
		if err := matches(s.digests, s.size, doc.Files[i]); err != nil {
			return fmt.Errorf("document %s: file %d %q as it was sent: %w", doc.ID, i+1, s.name, err)
		}
	}
	return nil
}

// matches says whether bytes with these digests and size are the file the safe
// describes. The error is [ErrIntegrity].
func matches(d proof.Digests, size int64, f wire.File) error {
	if size != f.Size {
		return fmt.Errorf("%w: %d bytes, the safe says %d", ErrIntegrity, size, f.Size)
	}
	if !sameHex(d.SHA256[:], f.SHA256) {
		return fmt.Errorf("%w: sha-256 %x, the safe says %s", ErrIntegrity, d.SHA256, f.SHA256)
	}
	if !sameHex(d.SHA3[:], f.SHA3) {
		return fmt.Errorf("%w: sha3-256 %x, the safe says %s", ErrIntegrity, d.SHA3, f.SHA3)
	}
	return nil
}

func sameHex(sum []byte, text string) bool {
	b, err := hex.DecodeString(text)
	return err == nil && subtle.ConstantTimeCompare(sum, b) == 1
}
