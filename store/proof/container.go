package proof

import (
	"archive/zip"
	"fmt"
	"hash/crc32"
	"io"
)

// Receipt is what a receipt carries beside the documents. Inclusion,
// EvidenceManifest and Evidence come with the timestamp round: all three are nil
// in a provisional receipt. NotBefore is the external token that the attestation
// names as its notBefore, a DER TimeStampToken (RFC 3161); nil if it is not shown,
// and always if the attestation names none. No digest of the evidence group is
// its: its own signature and the attestation's word vouch for it. VerifyScript
// and Trust are convenience only and may be nil.
type Receipt struct {
	Attestation, Fingerprint, Manifest, Signature []byte
	Inclusion, EvidenceManifest, Evidence         []byte
	NotBefore                                     []byte
	VerifyScript                                  []byte
	Trust                                         map[string][]byte // by TrustNames
}

// Provisional says whether the receipt still waits for its timestamp round.
func (r Receipt) Provisional() bool { return r.Evidence == nil }

// part is one small entry of the container.
type part struct {
	name string
	max  int
	at   *[]byte
}

// parts lists the fixed entries in container order, after the documents.
func (r *Receipt) parts() []part {
	return []part{
		{NameAttestation, MaxAttestation, &r.Attestation},
		{NameFingerprint, MaxMeta, &r.Fingerprint},
		{NameManifest, MaxMeta, &r.Manifest},
		{NameSignature, MaxMeta, &r.Signature},
		{NameInclusion, MaxMeta, &r.Inclusion},
		{NameEvidenceManifest, MaxMeta, &r.EvidenceManifest},
		{NameEvidence, MaxMeta, &r.Evidence},
		{NameNotBefore, MaxMeta, &r.NotBefore},
		{NameVerifyScript, MaxMeta, &r.VerifyScript},
	}
}

// complete says whether the parts present make a receipt.
func (r Receipt) complete() error {
	if len(r.Attestation) == 0 || len(r.Fingerprint) == 0 || len(r.Manifest) == 0 || len(r.Signature) == 0 {
		return fmt.Errorf("%w: attestation, fingerprint, manifest and signature must be there", ErrContainer)
	}
	have := r.Evidence != nil
	if have != (r.Inclusion != nil) || have != (r.EvidenceManifest != nil) {
		return fmt.Errorf("%w: inclusion proof, evidence manifest and record come together", ErrContainer)
	}
	if r.NotBefore == nil {
		return nil
	}
	if a, err := ParseAttestation(r.Attestation); err != nil || a.NotBefore == nil || len(r.NotBefore) == 0 {
		return fmt.Errorf("%w: it carries a timestamp of before the seal, but its attestation names none", ErrContainer)
	}
	return nil
}

// WriteReceipt writes the container: mimetype first, then the documents (unless
// open is nil: a detached receipt), then the parts; everything stored, no dates,
// so the same receipt is always the same bytes. Above 4 GiB it is ZIP64. open is
// called once a file, in order; a body whose length is not the attested size is
// an error.
func WriteReceipt(w io.Writer, r Receipt, files []File, open func(File) (io.ReadCloser, error)) error {
	if err := r.complete(); err != nil {
		return fmt.Errorf("writing receipt: %w", err)
	}
	z := zip.NewWriter(w)
	if err := writePart(z, NameMimetype, []byte(MediaTypeReceipt)); err != nil {
		return err
	}
	for _, f := range files {
		if open == nil {
			break
		}
		if err := writeDocument(z, f, open); err != nil {
			return fmt.Errorf("writing receipt: file %d: %w", f.Index, err)
		}
	}
	parts := r.parts()
	for _, name := range TrustNames() {
		if b, ok := r.Trust[name]; ok {
			parts = append(parts, part{NameTrust + name, MaxMeta, &b})
		}
	}
	for _, p := range parts {
		if *p.at == nil {
			continue
		}
		if len(*p.at) > p.max {
			return fmt.Errorf("writing receipt: %s: %w", p.name, ErrTooLarge)
		}
		if err := writePart(z, p.name, *p.at); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("writing receipt: %w", err)
	}
	return nil
}

// zipVersion is 2.0, what CreateHeader writes for the documents.
const zipVersion = 20

// writePart stores b with its size and sum in the local header, as the first
// entry needs so that "file" and others recognise the container.
func writePart(z *zip.Writer, name string, b []byte) error {
	h := &zip.FileHeader{Name: name, Method: zip.Store, CreatorVersion: zipVersion, ReaderVersion: zipVersion, CRC32: crc32.ChecksumIEEE(b),
		CompressedSize64: uint64(len(b)), UncompressedSize64: uint64(len(b))}
	w, err := z.CreateRaw(h)
	if err == nil {
		_, err = w.Write(b)
	}
	if err != nil {
		return fmt.Errorf("writing receipt: %s: %w", name, err)
	}
	return nil
}

func writeDocument(z *zip.Writer, f File, open func(File) (io.ReadCloser, error)) (err error) {
	body, err := open(f)
	if err != nil {
		return err
	}
	defer func() {
		if e := body.Close(); err == nil {
			err = e
		}
	}()
	w, err := z.CreateHeader(&zip.FileHeader{Name: DocumentName(f.Index, f.Name), Method: zip.Store})
	if err != nil {
		return err
	}
	n, err := io.Copy(w, io.LimitReader(body, f.Size+1))
	if err != nil {
		return err
	}
	if n != f.Size {
		return fmt.Errorf("%w: %d bytes or more, attested are %d", ErrInvalid, n, f.Size)
	}
	return nil
}
