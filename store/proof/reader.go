package proof

import (
	"archive/zip"
	"fmt"
	"io"
	"strings"
)

// ReceiptReader is an opened receipt. Its small parts are in memory; documents
// are read from the container when asked for.
type ReceiptReader struct {
	Receipt
	Documents map[string]ReceiptDocument // by DocumentName; empty if detached
}

// ReceiptDocument is a document inside a receipt.
type ReceiptDocument struct {
	Size int64
	// Open reads the bytes; a checksum error comes with the last of them.
	Open func() (io.ReadCloser, error)
}

// OpenReceipt reads a container strictly: known names only, each once, stored,
// mimetype first and alone at the very start, nothing over its limit, nothing
// between, before or after the entries, required parts present. It believes nothing of what it reads. r must stay readable as
// long as the documents are wanted.
func OpenReceipt(r io.ReaderAt, size int64) (*ReceiptReader, error) {
	out, err := openReceipt(r, size)
	if err != nil {
		return nil, fmt.Errorf("opening receipt: %w", err)
	}
	return out, nil
}

func openReceipt(r io.ReaderAt, size int64) (*ReceiptReader, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrContainer, err)
	}
	if err := checkEntries(z, size); err != nil {
		return nil, err
	}
	if err := checkLayout(r, size, z.File); err != nil {
		return nil, err
	}
	if err := checkMimetype(z.File[0]); err != nil {
		return nil, err
	}
	out := &ReceiptReader{Documents: make(map[string]ReceiptDocument)}
	fixed := make(map[string]part)
	for _, p := range out.parts() {
		fixed[p.name] = p
	}
	trust := make(map[string][]byte)
	for _, f := range z.File[1:] {
		p, known := fixed[f.Name]
		name, isTrust := strings.CutPrefix(f.Name, NameTrust)
		switch {
		case known:
			*p.at, err = readEntry(f, p.max)
		case isTrust && isTrustName(name):
			trust[name], err = readEntry(f, MaxMeta)
		case isDocumentName(f.Name):
			// checkEntries: no entry is larger than the container, an int64.
			out.Documents[f.Name] = ReceiptDocument{Size: int64(f.UncompressedSize64), Open: f.Open}
		default:
			err = fmt.Errorf("%w: unknown entry %q", ErrContainer, f.Name)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(trust) > 0 {
		out.Trust = trust
	}
	return out, out.complete()
}

func isTrustName(name string) bool {
	for _, n := range TrustNames() {
		if n == name {
			return true
		}
	}
	return false
}

// checkEntries holds the container to what WriteReceipt makes, before anything
// is read: sizes that add up to no more than the file leave no room for a bomb
// or for entries that overlap.
func checkEntries(z *zip.Reader, size int64) error {
	if len(z.File) < 2 || len(z.File) > MaxFiles+16 {
		return fmt.Errorf("%w: %d entries", ErrContainer, len(z.File))
	}
	if z.Comment != "" {
		return fmt.Errorf("%w: it carries a comment", ErrContainer)
	}
	left := uint64(size) // zip.NewReader refused a negative one
	seen := make(map[string]bool, len(z.File))
	for _, f := range z.File {
		if seen[f.Name] {
			return fmt.Errorf("%w: %q twice", ErrContainer, f.Name)
		}
		seen[f.Name] = true
		if f.Method != zip.Store || f.Flags&^0x8 != 0 || f.CompressedSize64 != f.UncompressedSize64 || f.Comment != "" {
			return fmt.Errorf("%w: %q is not plainly stored", ErrContainer, f.Name)
		}
		if f.UncompressedSize64 > left {
			return fmt.Errorf("%w: %q is larger than its container", ErrContainer, f.Name)
		}
		left -= f.UncompressedSize64
	}
	return nil
}

// checkMimetype wants the first entry, which checkLayout found at the very
// start, to be the media type.
func checkMimetype(first *zip.File) error {
	if first.Name != NameMimetype {
		return fmt.Errorf("%w: mimetype does not come first", ErrContainer)
	}
	if b, err := readEntry(first, len(MediaTypeReceipt)); err != nil || string(b) != MediaTypeReceipt {
		return fmt.Errorf("%w: mimetype is not %s", ErrContainer, MediaTypeReceipt)
	}
	return nil
}

// readEntry reads a small entry whole; the zip reader checks its sum.
func readEntry(f *zip.File, limit int) ([]byte, error) {
	if f.UncompressedSize64 > uint64(limit) {
		return nil, fmt.Errorf("%s: %w", f.Name, ErrTooLarge)
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrContainer, f.Name, err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrContainer, f.Name, err)
	}
	return b, r.Close()
}
