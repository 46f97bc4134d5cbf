package verify

import (
	"context"
	"errors"
	"fmt"
	"io"

	"casemate/store/proof"
)

// checkDocuments digests every document, inside the receipt and given, and
// wants each attested file seen at least once and nothing else. Its error is
// that of reading, not of judging.
func (v *verification) checkDocuments(ctx context.Context, given []Document) error {
	files := v.report.Attestation.Files
	seen := make([]bool, len(files))
	ok := v.placeAttached(files)
	if ok && len(v.receipt.Documents) > 0 {
		for i, f := range files {
			right, err := v.checkAttached(ctx, f)
			if err != nil {
				return err
			}
			seen[i], ok = true, ok && right
		}
	}
	for _, d := range given {
		right, err := v.checkGiven(ctx, d, files, seen)
		if err != nil {
			return err
		}
		ok = ok && right
	}
	if !ok {
		return nil
	}
	for i, f := range files {
		if !seen[i] {
			v.fail(StepDocuments, ErrMissing, "file %d (%q) is neither in the receipt nor given", f.Index, f.Name)
			return nil
		}
	}
	v.pass(StepDocuments, "%d files, %d bytes: SHA-256 and SHA3-256 of each are those attested", len(files), v.report.Attestation.Size)
	return nil
}

// placeAttached wants all documents inside, under their names, or none.
func (v *verification) placeAttached(files []proof.File) bool {
	inside := v.receipt.Documents
	if len(inside) == 0 {
		return true
	}
	if len(inside) != len(files) {
		v.fail(StepDocuments, ErrInconsistent, "%d documents inside, %d attested", len(inside), len(files))
		return false
	}
	for _, f := range files {
		if _, ok := inside[proof.DocumentName(f.Index, f.Name)]; !ok {
			v.fail(StepDocuments, ErrInconsistent, "file %d is not inside under the name %s", f.Index, proof.DocumentName(f.Index, f.Name))
			return false
		}
	}
	return true
}

func (v *verification) checkAttached(ctx context.Context, f proof.File) (bool, error) {
	name := proof.DocumentName(f.Index, f.Name)
	d, size, err := digest(ctx, v.receipt.Documents[name].Open)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil { // the container's own checksum, most likely
		v.fail(StepDocuments, ErrDocument, "%s inside the receipt cannot be read: %v", name, err)
		return false, nil
	}
	if size != f.Size || !d.Equal(f.Digests) {
		v.fail(StepDocuments, ErrDocument, "%s inside the receipt is not the file deposited", name)
		return false, nil
	}
	return true, nil
}

// checkGiven finds the file a given document is, by its digests. Of equal
// files each document takes the first that nobody took.
func (v *verification) checkGiven(ctx context.Context, doc Document, files []proof.File, seen []bool) (bool, error) {
	d, size, err := digest(ctx, doc.Open)
	if err != nil {
		return false, fmt.Errorf("reading %q: %w", doc.Name, err)
	}
	found := -1
	for i, f := range files {
		if f.Size == size && f.Digests.Equal(d) && (found < 0 || (seen[found] && !seen[i])) {
			found = i
		}
	}
	if found < 0 {
		v.fail(StepDocuments, ErrDocument, "%q is not a file of this deposit", doc.Name)
		return false, nil
	}
	seen[found] = true
	return true, nil
}

// digest reads a document once.
func digest(ctx context.Context, open func() (io.ReadCloser, error)) (proof.Digests, int64, error) {
	if open == nil {
		return proof.Digests{}, 0, errors.New("nothing to read")
	}
	r, err := open()
	if err != nil {
		return proof.Digests{}, 0, err
	}
	defer func() { _ = r.Close() }() // only read
	h := proof.NewHasher()
	buf := make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return proof.Digests{}, 0, err
		}
		n, err := io.ReadFull(r, buf)
		_, _ = h.Write(buf[:n]) // never fails
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return h.Sum(), h.Size(), nil
		case err != nil:
			return proof.Digests{}, 0, err
		}
	}
}
