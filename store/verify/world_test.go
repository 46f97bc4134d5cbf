package verify

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"testing"
	"time"

	"casemate/store/evidence"
	"casemate/store/journal"
	"casemate/store/proof"
	"casemate/store/seal"
)

// ecdsaKey is short for what the tests' keys are.
type ecdsaKey = ecdsa.PrivateKey

const safeOrigin = "safe.example/one"

// authority is a root and its key.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newAuthority(t testing.TB, template *x509.Certificate) authority {
	t.Helper()
	key := newKey(t)
	cert, err := seal.Issue(template, nil, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return authority{key, cert}
}

func (a authority) issue(t testing.TB, template *x509.Certificate, public crypto.PublicKey) *x509.Certificate {
	t.Helper()
	cert, err := seal.Issue(template, a.cert, public, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// signer is a key with a certificate of a, and all a seal needs beside.
func (a authority) signer(t testing.TB, template *x509.Certificate, at time.Time, revoke bool) *seal.Signer {
	t.Helper()
	key := newKey(t)
	leaf := a.issue(t, template, key.Public())
	var revoked []x509.RevocationListEntry
	if revoke {
		revoked = append(revoked, x509.RevocationListEntry{SerialNumber: leaf.SerialNumber, RevocationTime: at})
	}
	crl, err := seal.NewCRL(a.cert, a.key, big.NewInt(1), at, 30*24*time.Hour, revoked)
	if err != nil {
		t.Fatal(err)
	}
	return &seal.Signer{Key: key, Chain: []*x509.Certificate{leaf, a.cert}, CRL: crl}
}

// world is a safe of software keys with its authorities, and an outsider's
// trust directory.
type world struct {
	now        time.Time // when its keys were made
	seal       authority
	access     authority
	signer     *seal.Signer
	tsa        *tsa
	journalKey *ecdsa.PrivateKey
	log        *journal.Log
	keys       memory
	trust      string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldAt(t, time.Now().UTC())
}

func newWorldAt(t testing.TB, now time.Time) *world {
	t.Helper()
	w := &world{now: now, journalKey: newKey(t), keys: memory{}}
	made := w.now.Add(-2 * time.Hour)
	w.seal = newAuthority(t, seal.RootTemplate("Seal Authority", made))
	w.access = newAuthority(t, seal.AccessRootTemplate("Access Authority", made))
	w.signer = w.seal.signer(t, seal.SealTemplate("Safe One", made), made, false)
	w.tsa = newTSA(t, made)
	var err error
	if w.log, err = journal.Open(context.Background(), w.keys, []byte("j"), journal.Options{}); err != nil {
		t.Fatal(err)
	}
	w.trust = w.writeTrust(t)
	return w
}

// memory is the journal's store.
type memory map[string][]byte

func (m memory) Get(_ context.Context, key []byte) ([]byte, error) {
	if v, ok := m[string(key)]; ok {
		return v, nil
	}
	return nil, journal.ErrNotFound
}

func (m memory) Put(key, value []byte) { m[string(key)] = value }

// recipe is how a receipt is made. Empty, it is an honest one.
type recipe struct {
	bodies   [][]byte
	names    []string
	attest   func(*proof.Attestation)
	signer   *seal.Signer
	signedAt time.Time
	draft    func(*journal.Draft)
	key      *ecdsa.PrivateKey
	origin   string
	proof    func(*proof.InclusionProof)
	stamp    func(testing.TB, [32]byte) []byte
	renew    func(der []byte, group [][32]byte) []byte
	parts    func(*proof.Receipt)
}

// deposit is a receipt and what was deposited.
type deposit struct {
	attestation proof.Attestation
	bodies      [][]byte
	receipt     proof.Receipt
}

func (w *world) make(t testing.TB, r recipe) deposit {
	t.Helper()
	d := w.sealed(t, &r)
	d.receipt.Inclusion = w.journaled(t, r, d)
	w.stamped(t, r, &d)
	if r.parts != nil {
		r.parts(&d.receipt)
	}
	return d
}

// sealed is the deposit's first half: what a provisional receipt has.
func (w *world) sealed(t testing.TB, r *recipe) deposit {
	t.Helper()
	if r.bodies == nil {
		r.bodies = [][]byte{[]byte("%PDF-1.7 a deed\n")}
	}
	a := proof.Attestation{Safe: safeOrigin, Demonstration: true, Document: proof.NewDocumentID(), Vault: proof.NewVaultID(), Number: 1,
		Depositor:  proof.Party{Name: "Ada", Issuer: hexDigest([]byte("issuer")), Serial: "0a"},
		DeclaredAt: time.Now(), Clock: proof.Clock{Trusted: true, Stratum: 1, Sources: []string{"ntp"}},
		NotBefore: &proof.External{At: w.now.Add(-time.Hour)}}
	for i, body := range r.bodies {
		name := "Deed & more.PDF"
		if i < len(r.names) {
			name = r.names[i]
		}
		a.Files = append(a.Files, proof.File{Index: i + 1, Name: name, MediaType: "application/pdf", Size: int64(len(body)), Digests: proof.DigestsOf(body)})
		a.Size += int64(len(body))
	}
	a.Fingerprint = proof.ObjectDigests(a.Files)
	if r.attest != nil {
		r.attest(&a)
	}
	b, err := a.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	d := deposit{attestation: a, bodies: r.bodies, receipt: proof.Receipt{Attestation: b, Fingerprint: proof.Fingerprint(a.Files)}}
	d.receipt.Manifest = proof.SignatureManifest(sha256.Sum256(b), sha256.Sum256(d.receipt.Fingerprint))
	signer, at := w.signer, time.Now()
	if r.signer != nil {
		signer = r.signer
	}
	if !r.signedAt.IsZero() {
		at = r.signedAt
	}
	if d.receipt.Signature, err = signer.Sign(d.receipt.Manifest, at); err != nil {
		t.Fatal(err)
	}
	return d
}

// journaled enters the deposit between others and proves it.
func (w *world) journaled(t testing.TB, r recipe, d deposit) []byte {
	t.Helper()
	ctx := context.Background()
	a := d.attestation
	draft := journal.Draft{At: time.Now(), Actor: journal.Actor{Name: a.Depositor.Name, Issuer: a.Depositor.Issuer, Serial: a.Depositor.Serial, From: "192.0.2.7"},
		Act: ActDeposit, Vault: a.Vault.String(), Object: a.Document.String(), Result: journal.Done,
		Refs: map[string]string{"attestation": hexDigest(d.receipt.Attestation), "signature": hexDigest(d.receipt.Signature)}}
	other := draft
	other.Act, other.Refs = "read", nil
	if r.draft != nil {
		r.draft(&draft)
	}
	numbers, err := w.log.Append(w.keys, other, other, draft, other, other, other)
	if err != nil {
		t.Fatal(err)
	}
	w.log.Commit()
	origin, key := safeOrigin, w.journalKey
	if r.origin != "" {
		origin = r.origin
	}
	if r.key != nil {
		key = r.key
	}
	size := w.log.Size()
	_, raw, err1 := w.log.Entry(ctx, numbers[2])
	path, err2 := w.log.Inclusion(ctx, numbers[2], size)
	note, err3 := proof.SignCheckpoint(proof.Checkpoint{Origin: origin, Size: size, Root: w.log.Root()}, key, origin)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	p := proof.InclusionProof{Extra: raw, Index: numbers[2], Hashes: path, Note: note}
	if r.proof != nil {
		r.proof(&p)
	}
	return p.Marshal()
}

func (d deposit) group() [][32]byte {
	var group [][32]byte
	for _, e := range proof.EvidenceEntries(d.attestation.Files, d.receipt) {
		group = append(group, e.SHA256)
	}
	return group
}

// stamped puts the deposit into a round with others.
func (w *world) stamped(t testing.TB, r recipe, d *deposit) {
	t.Helper()
	group := d.group()
	leaves := [][32]byte{{1}, {2}, evidence.GroupHash(group), {3}, {4}, {5}}
	tree := evidence.NewTree(leaves)
	stamp := w.tsa.stamp
	if r.stamp != nil {
		stamp = r.stamp
	}
	der, err := evidence.NewRecord(group, tree.Path(2), stamp(t, tree.Root()))
	if err != nil {
		t.Fatal(err)
	}
	if r.renew != nil {
		der = r.renew(der, group)
	}
	d.receipt.Evidence = der
	d.receipt.EvidenceManifest = proof.EvidenceManifest(proof.EvidenceEntries(d.attestation.Files, d.receipt))
}

func (d deposit) write(t testing.TB, attached bool) []byte {
	t.Helper()
	var open func(proof.File) (io.ReadCloser, error)
	if attached {
		open = func(f proof.File) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(d.bodies[f.Index-1])), nil
		}
	}
	var b bytes.Buffer
	if err := proof.WriteReceipt(&b, d.receipt, d.attestation.Files, open); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(fmt.Errorf("%q: %w", s, err))
	}
	return b
}
