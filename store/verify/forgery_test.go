package verify

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"casemate/store/evidence"
	"casemate/store/journal"
	"casemate/store/proof"
	"casemate/store/seal"
)

// forgeries are receipts made by somebody who has everything but what the
// verifier trusts for that one thing. Each is honest in all else, the timestamp
// over the forged parts included: external authorities stamp for anybody.
func forgeries(t *testing.T, w *world) map[string]struct {
	recipe
	want error
} {
	made := w.now.Add(-2 * time.Hour)
	outsider := newWorld(t)
	other := w.make(t, recipe{})
	withEKU := seal.SealTemplate("Safe One", made)
	withEKU.ExtKeyUsage = seal.ClientTemplate("x", made).ExtKeyUsage
	noPolicy := seal.SealTemplate("Safe One", made)
	noPolicy.Policies = nil
	alsoSigns := seal.SealTemplate("Safe One", made)
	alsoSigns.KeyUsage |= seal.ClientTemplate("x", made).KeyUsage
	expired := seal.SealTemplate("Safe One", made)
	expired.NotAfter = w.now.Add(-time.Hour)
	client := seal.ClientTemplate("Mallory", made)
	clientAsTSA := openTSA(t, w.tsa.root, w.tsa.key, w.tsa.root.issue(t, client, w.tsa.key.Public()))
	sealSigner := w.seal.signer(t, seal.SealTemplate("x", made), made, false)
	accessTSA := w.access.issue(t, tsaTemplate(made, made.AddDate(1, 0, 0)), w.tsa.key.Public())
	return map[string]struct {
		recipe
		want error
	}{
		"sealed with a client certificate":         {recipe{signer: w.access.signer(t, client, made, false)}, ErrSeal},
		"sealed with a client of the seal root":    {recipe{signer: w.seal.signer(t, client, made, false)}, ErrSeal},
		"sealed below the access root":             {recipe{signer: w.access.signer(t, seal.SealTemplate("Safe One", made), made, false)}, ErrSeal},
		"sealed with a timestamping key":           {recipe{signer: w.tsa.root.signer(t, tsaTemplate(made, made.AddDate(1, 0, 0)), made, false)}, ErrSeal},
		"sealed by an outsider":                    {recipe{signer: outsider.signer}, ErrSeal},
		"seal certificate with extended use":       {recipe{signer: w.seal.signer(t, withEKU, made, false)}, ErrSeal},
		"seal certificate without policy":          {recipe{signer: w.seal.signer(t, noPolicy, made, false)}, ErrSeal},
		"seal certificate that also signs":         {recipe{signer: w.seal.signer(t, alsoSigns, made, false)}, ErrSeal},
		"seal certificate expired before the time": {recipe{signer: w.seal.signer(t, expired, made, false)}, ErrSeal},
		"seal certificate revoked":                 {recipe{signer: w.seal.signer(t, seal.SealTemplate("Safe One", made), made, true)}, ErrSeal},
		"seal with an old CRL":                     {recipe{signer: w.seal.signer(t, seal.SealTemplate("Safe One", made), made.AddDate(0, -2, 0), false)}, ErrSeal},
		"timestamped by an outsider":               {recipe{stamp: outsider.tsa.stamp}, ErrEvidence},
		"timestamped below the access root":        {recipe{stamp: openTSA(t, w.access, w.tsa.key, accessTSA).stampAt(time.Now())}, ErrEvidence},
		"timestamped with a client certificate":    {recipe{stamp: clientAsTSA.stampAt(time.Now())}, ErrEvidence},
		"timestamp of another thing": {recipe{stamp: func(t testing.TB, d [32]byte) []byte {
			d[0] ^= 1
			return w.tsa.stamp(t, d)
		}}, ErrEvidence},
		"timestamp of the future":            {recipe{stamp: w.tsa.stampAt(time.Now().Add(time.Hour))}, ErrEvidence},
		"timestamp before its authority was": {recipe{stamp: w.tsa.stampAt(made.Add(-24 * time.Hour))}, ErrEvidence},
		"seal certificate not yet valid":     {recipe{signer: w.seal.signer(t, seal.SealTemplate("Safe One", w.now.Add(3*time.Hour)), made, false)}, ErrSeal},
		"journal of an outsider":             {recipe{key: outsider.journalKey}, ErrJournal},
		"checkpoint signed by the seal":      {recipe{key: keyOf(t, sealSigner)}, ErrJournal},
		"journal of another name":            {recipe{origin: "safe.example/two"}, ErrJournal},
		"checkpoint under a borrowed key id": {recipe{key: outsider.journalKey, proof: func(p *proof.InclusionProof) { borrowKeyID(t, w, p) }}, ErrJournal},
		"another deposit's journal entry":    {recipe{proof: func(p *proof.InclusionProof) { *p = inclusion(t, other) }}, ErrJournal},
		"a neighbour's journal entry":        {recipe{proof: func(p *proof.InclusionProof) { neighbour(t, w, p) }}, ErrJournal},
		"journal entry altered":              {recipe{proof: func(p *proof.InclusionProof) { p.Extra[30] ^= 1 }}, ErrJournal},
		"journal index altered":              {recipe{proof: func(p *proof.InclusionProof) { p.Index++ }}, ErrJournal},
		"journal path altered":               {recipe{proof: func(p *proof.InclusionProof) { p.Hashes[0][0] ^= 1 }}, ErrJournal},
		"journal path shortened":             {recipe{proof: func(p *proof.InclusionProof) { p.Hashes = p.Hashes[1:] }}, ErrJournal},
		"journal path lengthened":            {recipe{proof: func(p *proof.InclusionProof) { p.Hashes = append(p.Hashes, [32]byte{}) }}, ErrJournal},
		"journal tells only of an intent":    {recipe{draft: func(d *journal.Draft) { d.Result = journal.Intent }}, ErrJournal},
		"journal tells of a reading":         {recipe{draft: func(d *journal.Draft) { d.Act = "read" }}, ErrJournal},
		"journal of another attestation":     {recipe{draft: func(d *journal.Draft) { d.Refs["attestation"] = d.Refs["signature"] }}, ErrJournal},
		"journal of another signature":       {recipe{draft: func(d *journal.Draft) { d.Refs["signature"] = d.Refs["attestation"] }}, ErrJournal},
		"another deposit's attestation":      {recipe{parts: func(r *proof.Receipt) { r.Attestation = other.receipt.Attestation }}, ErrInconsistent},
		"another deposit's seal":             {recipe{parts: func(r *proof.Receipt) { r.Signature = other.receipt.Signature }}, ErrSeal},
		"another deposit's manifest, too":    {recipe{parts: func(r *proof.Receipt) { r.Signature, r.Manifest = other.receipt.Signature, other.receipt.Manifest }}, ErrInconsistent},
		"another deposit's fingerprint":      {recipe{parts: func(r *proof.Receipt) { r.Fingerprint = append(r.Fingerprint, "\n"...) }}, ErrInconsistent},
		"another deposit's evidence":         {recipe{parts: func(r *proof.Receipt) { r.Evidence = other.receipt.Evidence }}, ErrEvidence},
		"another evidence manifest":          {recipe{parts: func(r *proof.Receipt) { r.EvidenceManifest = other.receipt.EvidenceManifest }}, ErrInconsistent},
		"evidence that is none":              {recipe{parts: func(r *proof.Receipt) { r.Evidence = []byte{0x30, 0} }}, ErrEvidence},
		"evidence with bytes after it":       {recipe{parts: func(r *proof.Receipt) { r.Evidence = append(r.Evidence, 0) }}, ErrEvidence},
		"a signature that is none":           {recipe{parts: func(r *proof.Receipt) { r.Signature = []byte("p7s") }}, ErrSeal},
		"an inclusion proof that is none":    {recipe{parts: func(r *proof.Receipt) { r.Inclusion = []byte("c2sp.org/tlog-proof@v1\n") }}, ErrJournal},
		"an inclusion proof in other words":  {recipe{parts: func(r *proof.Receipt) { r.Inclusion = bytes.Replace(r.Inclusion, []byte("extra "), nil, 1) }}, ErrJournal},
	}
}

func keyOf(t *testing.T, s *seal.Signer) (key *ecdsaKey) {
	t.Helper()
	key, ok := s.Key.(*ecdsaKey)
	if !ok {
		t.Fatal("not a software key")
	}
	return key
}

func inclusion(t *testing.T, d deposit) proof.InclusionProof {
	t.Helper()
	p, err := proof.ParseInclusionProof(d.receipt.Inclusion)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// neighbour proves, truly, the entry before.
func neighbour(t *testing.T, w *world, p *proof.InclusionProof) {
	t.Helper()
	p.Index--
	_, raw, err1 := w.log.Entry(context.Background(), p.Index)
	path, err2 := w.log.Inclusion(context.Background(), p.Index, w.log.Size())
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	p.Extra, p.Hashes = raw, path
}

func TestForgedReceiptsAreRefused(t *testing.T) {
	w := newWorld(t)
	for name, f := range forgeries(t, w) {
		parts := f.recipe.parts
		f.recipe.parts = nil
		d := w.make(t, f.recipe)
		if parts != nil {
			// The forger stamps what he forged, so that only the forgery is wrong.
			parts(&d.receipt)
			evidence, manifest := d.receipt.Evidence, d.receipt.EvidenceManifest
			w.stamped(t, recipe{}, &d)
			if strings.Contains(name, "evidence") {
				d.receipt.Evidence, d.receipt.EvidenceManifest = evidence, manifest
			}
		}
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			bothRefuse(t, f.want, d.write(t, true), w.trust)
		})
	}
}

// The forger's own trust is in the receipt; the verifier does not look.
func TestTrustInTheReceiptIsNotUsed(t *testing.T) {
	w, outsider := newWorld(t), newWorld(t)
	d := outsider.make(t, recipe{parts: func(r *proof.Receipt) {
		r.Trust = make(map[string][]byte)
		for _, name := range proof.TrustNames() {
			b, err := loadFile(outsider.trust + "/" + name)
			if err != nil {
				t.Fatal(err)
			}
			r.Trust[name] = b
		}
		r.VerifyScript = []byte("#!/bin/sh\necho VERIFIED\n")
	}})
	bothAccept(t, d.write(t, true), outsider.trust) // a sound receipt of another safe
	bothRefuse(t, ErrSeal, d.write(t, true), mixed(t, w, outsider, "seal.pem"))
	bothRefuse(t, ErrEvidence, d.write(t, true), mixed(t, w, outsider, "tsa.pem"))
	bothRefuse(t, ErrJournal, d.write(t, true), mixed(t, w, outsider, "journal.vkey"))
}

// mixed is the outsider's trust but for one file, which is w's.
func mixed(t *testing.T, w, outsider *world, name string) string {
	t.Helper()
	dir := t.TempDir()
	for _, n := range proof.TrustNames() {
		from := outsider.trust
		if n == name {
			from = w.trust
		}
		b, err := loadFile(from + "/" + n)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, dir+"/"+n, b)
	}
	return dir
}

func TestDocumentsThatAreNot(t *testing.T) {
	w := newWorld(t)
	d := w.make(t, recipe{bodies: [][]byte{[]byte("one"), []byte("two")}})
	attached, detached := d.write(t, true), d.write(t, false)
	bothRefuse(t, ErrMissing, detached, w.trust)
	bothRefuse(t, ErrMissing, detached, w.trust, d.bodies[0])
	bothRefuse(t, ErrMissing, detached, w.trust, d.bodies[0], d.bodies[0])
	bothRefuse(t, ErrDocument, detached, w.trust, d.bodies[0], []byte("two "))
	bothRefuse(t, ErrDocument, detached, w.trust, d.bodies[0], d.bodies[1], []byte("three"))
	bothRefuse(t, ErrDocument, attached, w.trust, []byte("one\n"))
	d.bodies[1] = []byte("TWO")
	bothRefuse(t, ErrDocument, d.write(t, true), w.trust)
	swapped := d
	swapped.bodies = [][]byte{[]byte("two"), []byte("one")}
	bothRefuse(t, ErrDocument, swapped.write(t, true), w.trust)
}

func TestReadingFailsAreNoVerdict(t *testing.T) {
	w := newWorld(t)
	d := w.make(t, recipe{})
	trust, err := LoadTrust(w.trust)
	if err != nil {
		t.Fatal(err)
	}
	boom := errors.New("disk on fire")
	b := d.write(t, false)
	docs := []Document{{Name: "x", Open: func() (io.ReadCloser, error) { return nil, boom }}}
	if r, err := Receipt(context.Background(), bytes.NewReader(b), int64(len(b)), docs, trust, time.Now()); !errors.Is(err, boom) || errors.Is(err, ErrDocument) || r.OK {
		t.Errorf("%v", err)
	}
	if _, err := Receipt(context.Background(), bytes.NewReader(b), int64(len(b)), []Document{{Name: "x"}}, trust, time.Now()); err == nil {
		t.Error("a document without a way to open it was read")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b = d.write(t, true)
	if r, err := Receipt(ctx, bytes.NewReader(b), int64(len(b)), nil, trust, time.Now()); !errors.Is(err, context.Canceled) || r.OK {
		t.Errorf("%v", err)
	}
	if _, err := Receipt(context.Background(), bytes.NewReader(b), int64(len(b)), nil, trust, time.Time{}); !errors.Is(err, ErrTrust) {
		t.Errorf("no time: %v", err)
	}
	if _, err := Receipt(context.Background(), bytes.NewReader(b), int64(len(b)), nil, Trust{}, time.Now()); !errors.Is(err, ErrTrust) {
		t.Errorf("no trust: %v", err)
	}
}

// Whatever is altered, the receipt is refused; but for a few bytes of the
// timestamp's CMS wrapping (its version, its list of digest algorithms) that
// nothing signs and nothing reads: they leave the same proof.
func TestEveryFlippedByteIsRefused(t *testing.T) {
	w := newWorld(t)
	d := w.make(t, recipe{})
	trust, err := LoadTrust(w.trust)
	if err != nil {
		t.Fatal(err)
	}
	read := func() Report {
		b := d.write(t, true)
		r, _ := Receipt(context.Background(), bytes.NewReader(b), int64(len(b)), nil, trust, time.Now())
		return r
	}
	whole := read()
	for _, p := range []struct {
		name   string
		part   *[]byte
		step   int
		spared int
	}{
		{"attestation", &d.receipt.Attestation, 7, 0}, {"fingerprint", &d.receipt.Fingerprint, 1, 0}, {"manifest", &d.receipt.Manifest, 7, 0},
		{"signature", &d.receipt.Signature, 1, 0}, {"inclusion", &d.receipt.Inclusion, 3, 0}, {"evidence manifest", &d.receipt.EvidenceManifest, 7, 0},
		{"evidence", &d.receipt.Evidence, 1, 24}, {"document", &d.bodies[0], 1, 0},
	} {
		good, spared := *p.part, 0
		for i := 0; i < len(good); i += p.step {
			bad := bytes.Clone(good)
			bad[i] ^= byte(1 << (i % 8))
			*p.part = bad
			if r := read(); r.OK {
				if spared++; !r.ProvedAt.Equal(whole.ProvedAt) || spared > p.spared {
					t.Fatalf("%s, byte %d flipped: accepted", p.name, i)
				}
			}
		}
		*p.part = bytes.Clone(good)
		t.Logf("%s: %d bytes spared", p.name, spared)
		(*p.part)[len(good)/2] ^= 4
		if code, out := script(t, d.write(t, true), w.trust); code != scriptRefused {
			t.Errorf("verify.sh: %s, a byte flipped: exit %d\n%s", p.name, code, out)
		}
		*p.part = good
	}
}

func TestProvisional(t *testing.T) {
	w := newWorld(t)
	d := w.make(t, recipe{})
	d.receipt.Inclusion, d.receipt.EvidenceManifest, d.receipt.Evidence = nil, nil, nil
	b := d.write(t, true)
	r, err := judge(t, b, w.trust, time.Now())
	if err != nil || !r.OK || !r.Provisional || !r.ProvedAt.IsZero() {
		t.Errorf("%v %+v", err, r)
	}
	if code, out := script(t, b, w.trust); code != scriptProvisional || !strings.Contains(out, "PROVISIONAL") {
		t.Errorf("verify.sh: exit %d\n%s", code, out)
	}
	d.receipt.Signature = w.make(t, recipe{}).receipt.Signature
	bothRefuse(t, ErrSeal, d.write(t, true), w.trust)
	other := w.make(t, recipe{}).receipt
	d.receipt.Signature, d.receipt.Manifest = other.Signature, other.Manifest
	bothRefuse(t, ErrInconsistent, d.write(t, true), w.trust)
	if _, err := judge(t, b, w.trust, time.Now().AddDate(3, 0, 0)); !errors.Is(err, ErrSeal) {
		t.Errorf("a provisional receipt after its certificate: %v", err)
	}
}

func TestHashesOfTheRecordMustBeTheGroupExactly(t *testing.T) {
	w := newWorld(t)
	d := w.make(t, recipe{})
	group := append(d.group(), [32]byte{42}) // one object more than the receipt has
	tree := evidence.NewTree([][32]byte{evidence.GroupHash(group), {1}})
	der, err := evidence.NewRecord(group, tree.Path(0), w.tsa.stamp(t, tree.Root()))
	if err != nil {
		t.Fatal(err)
	}
	d.receipt.Evidence = der
	bothRefuse(t, ErrEvidence, d.write(t, true), w.trust)
	less := d.group()[1:]
	if der, err = evidence.NewRecord(less, nil, w.tsa.stamp(t, evidence.GroupHash(less))); err != nil {
		t.Fatal(err)
	}
	d.receipt.Evidence = der
	bothRefuse(t, ErrEvidence, d.write(t, true), w.trust)
}

// borrowKeyID writes the trusted key's id before another key's signature.
func borrowKeyID(t *testing.T, w *world, p *proof.InclusionProof) {
	t.Helper()
	vkey, err := proof.CheckpointVKey(safeOrigin, &w.journalKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	head, sig, _ := strings.Cut(string(p.Note), "\n\n— "+safeOrigin+" ")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(sig))
	if err != nil {
		t.Fatal(err)
	}
	copy(raw, unhex(t, strings.Split(vkey, "+")[1]))
	p.Note = []byte(head + "\n\n— " + safeOrigin + " " + base64.StdEncoding.EncodeToString(raw) + "\n")
}

// A second signer, though he may seal, is one too many: nobody would be told of
// him.
func TestASecondSigner(t *testing.T) {
	w := newWorld(t)
	d := w.make(t, recipe{})
	second := w.seal.signer(t, seal.SealTemplate("Safe Two", w.now.Add(-time.Hour)), w.now, false)
	key, err := x509.MarshalPKCS8PrivateKey(keyOf(t, second))
	if err != nil {
		t.Fatal(err)
	}
	dir := w.tsa.dir
	writeFile(t, dir+"/second.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	writeFile(t, dir+"/second.crt", certPEM(second.Chain[0]))
	writeFile(t, dir+"/one.p7s", d.receipt.Signature)
	writeFile(t, dir+"/content", d.receipt.Manifest)
	w.tsa.openssl(t, "cms", "-resign", "-cades", "-binary", "-md", "sha256", "-inform", "DER", "-in", "one.p7s", "-content", "content",
		"-signer", "second.crt", "-inkey", "second.key", "-outform", "DER", "-out", "two.p7s")
	if d.receipt.Signature, err = loadFile(dir + "/two.p7s"); err != nil {
		t.Fatal(err)
	}
	d.receipt.Inclusion = w.journaled(t, recipe{}, d)
	w.stamped(t, recipe{}, &d)
	bothRefuse(t, ErrSeal, d.write(t, true), w.trust)
}
