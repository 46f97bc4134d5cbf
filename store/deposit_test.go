package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"
	"testing/iotest"

	"casemate/store/identity"
	"casemate/store/journal"
	"casemate/store/proof"
	"casemate/store/timestamp"
)

// TestLifeOfADocument walks the main job: in, sealed, provisional, timestamped, out, controlled.
func TestLifeOfADocument(t *testing.T) {
	r := newRig(t)
	for _, size := range []int{0, 1, 2048, inlineBytes, inlineBytes + 1, blockBytes, 3*blockBytes + 7, stageBytes + 1} {
		body := randomBytes(size)
		d := r.deposit(body)
		if d.Attestation.Size != int64(size) || d.Attestation.Files[0].Digests.SHA256 != sha256.Sum256(body) {
			t.Fatalf("%d bytes: attested %+v", size, d.Attestation)
		}
		if got := r.read(d.ID, 1); !bytes.Equal(got, body) {
			t.Fatalf("%d bytes: read back %d others", size, len(got))
		}
		if report := r.mustPass(d.ID); !report.Provisional {
			t.Errorf("%d bytes: proved before any round", size)
		}
	}
	if err := r.safe.Stamp(t.Context()); err != nil {
		t.Fatal(err)
	}
	documents, _, err := r.safe.List(t.Context(), alice, "archives", 0, 0)
	if err != nil || len(documents) != 8 {
		t.Fatalf("%d documents, %v", len(documents), err)
	}
	for i, d := range documents {
		if d.Number != uint64(i+1) || d.Round != 1 || d.ProvedAt.IsZero() {
			t.Errorf("document %d: %+v", i, d)
		}
		if report := r.mustPass(d.ID); report.Provisional {
			t.Errorf("document %d: provisional after its round", d.Number)
		}
	}
	next := r.deposit([]byte("after the round"))
	if next.Attestation.NotBefore == nil || next.Attestation.NotBefore.Token != r.safe.lastSpan().Digest {
		t.Errorf("notBefore %+v is not the last token", next.Attestation.NotBefore)
	}
	for _, proved := range []bool{false, true} {
		if proved {
			if err := r.safe.Stamp(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		rec, err := r.safe.recordFor(t.Context(), alice, next.ID)
		if err != nil {
			t.Fatal(err)
		}
		receipt, err := r.safe.all().receiptOf(t.Context(), rec)
		if err != nil || sha256.Sum256(receipt.NotBefore) != next.Attestation.NotBefore.Token {
			t.Errorf("proved %v: the receipt does not show the token before: %v", proved, err)
		}
		r.mustPass(next.ID)
	}
	r.fsck()
}

func TestObjectOfSeveralFiles(t *testing.T) {
	r := newRig(t)
	bodies := [][]byte{[]byte("one"), {}, randomBytes(2 << 20)}
	d := r.deposit(bodies...)
	if err := r.safe.Stamp(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, body := range bodies {
		if got := r.read(d.ID, i+1); !bytes.Equal(got, body) {
			t.Errorf("file %d differs", i+1)
		}
	}
	r.mustPass(d.ID)
	if _, _, err := r.safe.Read(t.Context(), alice, d.ID, 4); !errors.Is(err, ErrUnknownDocument) {
		t.Errorf("file 4: %v", err)
	}
}

// TestRefusedDeposits demands of each bad deposit its own sentence, a journal entry and nothing kept.
func TestRefusedDeposits(t *testing.T) {
	r := newRig(t)
	body := []byte("a body")
	sum := sha256.Sum256([]byte("another"))
	many := map[string]string{}
	for i := range MaxMetadataKeys + 1 {
		many[fmt.Sprintf("k%d", i)] = "v"
	}
	cut := func() func() (Part, error) {
		return func() (Part, error) {
			return Part{Name: "cut", Body: io.MultiReader(bytes.NewReader(randomBytes(20<<20)), iotest.ErrReader(io.ErrUnexpectedEOF))}, nil
		}
	}
	one := func(name string) func() (Part, error) {
		return func() (Part, error) { return Part{Name: name, Body: bytes.NewReader(body)}, nil }
	}
	for name, c := range map[string]struct {
		req  DepositRequest
		next func() (Part, error)
		want error
	}{
		"wrong digest":        {DepositRequest{Announced: []Announced{{SHA256: sum[:]}}}, parts(body), ErrDigestMismatch},
		"wrong second digest": {DepositRequest{Announced: []Announced{{SHA3: sum[:]}}}, parts(body), ErrDigestMismatch},
		"other name":          {DepositRequest{Announced: []Announced{{Name: "x"}}}, parts(body), ErrDigestMismatch},
		"more announced":      {DepositRequest{Announced: make([]Announced, 2)}, parts(body), ErrIncomplete},
		"cut body":            {DepositRequest{}, cut(), ErrIncomplete},
		"bad form":            {DepositRequest{}, func() (Part, error) { return Part{}, errors.New("in words of another floor") }, ErrMalformed},
		"no file":             {DepositRequest{}, parts(), ErrEmptyObject},
		"empty name":          {DepositRequest{}, one(""), ErrBadName},
		"control in name":     {DepositRequest{}, one("a\nb"), ErrBadName},
		"name not UTF-8":      {DepositRequest{}, one("a\xff"), ErrBadName},
		"long name":           {DepositRequest{}, one(strings.Repeat("é", 513)), ErrBadName},
	} {
		t.Run(name, func(t *testing.T) {
			c.req.Vault = "archives"
			if _, err := r.safe.Deposit(t.Context(), alice, c.req, c.next); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if e := r.lastEntry(ActDeposit); e.Result != journal.Refused || e.Reason != c.want.Error() {
				t.Errorf("journaled as %q, %q", e.Result, e.Reason)
			}
			r.nothingKept(0)
		})
	}
	for name, meta := range map[string]map[string]string{
		"too many keys": many, "bad key": {"A key": "v"}, "value not UTF-8": {"k": "\xff"}, "too long": {"k": strings.Repeat("x", MaxMetadataBytes)},
	} {
		if _, err := r.safe.Deposit(t.Context(), alice, DepositRequest{Vault: "archives", Metadata: meta}, parts(body)); !errors.Is(err, ErrMetadata) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.safe.Deposit(t.Context(), alice, DepositRequest{Vault: "nowhere"}, parts(body)); !errors.Is(err, ErrUnknownVault) {
		t.Errorf("unknown vault: %v", err)
	}
	if _, err := r.safe.Deposit(t.Context(), mallory, DepositRequest{Vault: "archives"}, parts(body)); !errors.Is(err, ErrForbidden) {
		t.Errorf("another's vault: %v", err)
	}
	r.fsck()
}

// TestStrangeNames keeps any Unicode name as it came.
func TestStrangeNames(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"e\u0301té.pdf", "été.pdf", "\u202Efdp.exe", "🗄️", "..", "a/b\\c", "名前.txt", "\u200B", strings.Repeat("n", MaxFileName)} {
		meta := map[string]string{"title": name, "note": strings.Repeat("é", 5000)}
		d, err := r.safe.Deposit(t.Context(), alice, DepositRequest{Vault: "archives", Metadata: meta}, func() func() (Part, error) {
			next := parts([]byte("x"))
			return func() (Part, error) { p, err := next(); p.Name = name; return p, err }
		}())
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if d.Attestation.Files[0].Name != name || !maps.Equal(d.Attestation.Metadata, meta) {
			t.Errorf("%q became %q", name, d.Attestation.Files[0].Name)
		}
		r.mustPass(d.ID)
	}
}

// TestClientGone: before the intent nothing is kept; after it the deposit comes to its end.
func TestClientGone(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	next := parts([]byte("x"))
	_, err := r.safe.Deposit(ctx, alice, DepositRequest{Vault: "archives"}, func() (Part, error) {
		p, err := next()
		if errors.Is(err, io.EOF) {
			cancel() // gone once everything was sent
		}
		return p, err
	})
	if err == nil {
		t.Error("a deposit whose caller had gone before the intent was kept")
	}
	r.nothingKept(0)
	cancel()

	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	r.safe.token = &interposed{Token: r.safe.token, beforeSeal: func() error { cancel(); return nil }}
	d, err := r.safe.Deposit(ctx, alice, DepositRequest{Vault: "archives"}, parts([]byte("y")))
	if err != nil {
		t.Fatalf("a deposit whose caller left after the intent: %v", err)
	}
	r.mustPass(d.ID)
	r.fsck()
}

func TestUntrustedTime(t *testing.T) {
	r := newRig(t)
	r.clock.set("one server, its word against nobody's", nil)
	d := r.deposit([]byte("flagged"))
	if d.Attestation.Clock.Trusted || d.Attestation.Clock.Reason == "" {
		t.Errorf("attested as %+v", d.Attestation.Clock)
	}
	for _, cause := range []error{timestamp.ErrTimeUntrusted, timestamp.ErrTimeWentBack} {
		r.clock.set("servers disagree", cause)
		_, err := r.safe.Deposit(t.Context(), alice, DepositRequest{Vault: "archives"}, parts([]byte("x")))
		if !errors.Is(err, ErrTimeUntrusted) {
			t.Errorf("%v: %v", cause, err)
		}
		if e := r.lastEntry(ActDeposit); e.Result != journal.Refused {
			t.Errorf("%v: journaled as %q", cause, e.Result)
		}
	}
	if got := r.read(d.ID, 1); string(got) != "flagged" {
		t.Error("reading stopped with the time")
	}
}

func TestFingerprintLookup(t *testing.T) {
	r := newRig(t)
	body := []byte("the same bytes")
	a, b := r.deposit(body), r.deposit(body)
	r.deposit([]byte("others"))
	if a.ID == b.ID {
		t.Fatal("two deposits share an identifier")
	}
	found, _, err := r.safe.Lookup(t.Context(), alice, "archives", a.Attestation.Fingerprint, 0, 0)
	if err != nil || len(found) != 2 || found[0].ID != a.ID || found[1].ID != b.ID {
		t.Errorf("found %d documents, %v", len(found), err)
	}
	none, _, err := r.safe.Lookup(t.Context(), alice, "archives", proof.Digests{}, 0, 0)
	if err != nil || len(none) != 0 {
		t.Errorf("found %d documents of no fingerprint, %v", len(none), err)
	}
}

func TestCompare(t *testing.T) {
	r := newRig(t)
	d := r.deposit([]byte("a"), []byte("b"))
	f := d.Attestation.Files
	of := func(i int) Announced { return Announced{SHA256: f[i].Digests.SHA256[:], SHA3: f[i].Digests.SHA3[:]} }
	for name, c := range map[string]struct {
		files []Announced
		want  bool
	}{
		"the same": {[]Announced{of(0), of(1)}, true}, "one digest": {[]Announced{{SHA256: of(0).SHA256}, of(1)}, true},
		"other order": {[]Announced{of(1), of(0)}, false}, "fewer": {[]Announced{of(0)}, false}, "more": {[]Announced{of(0), of(1), of(1)}, false},
		"other second family": {[]Announced{{SHA256: of(0).SHA256, SHA3: of(1).SHA3}, of(1)}, false},
	} {
		if same, err := r.safe.Compare(t.Context(), alice, d.ID, c.files); err != nil || same != c.want {
			t.Errorf("%s: %v, %v", name, same, err)
		}
	}
	if e := r.lastEntry("compare"); e.Refs["identical"] == "" {
		t.Error("the answer was not journaled")
	}
}

// TestDepositorSeesHisOwn: who may deposit and not read gets the detached receipts of what he
// deposited, never a byte of a document, and nothing of others.
func TestDepositorSeesHisOwn(t *testing.T) {
	r := newRig(t)
	bob := alice
	bob.Name, bob.Serial, bob.Roles = "bob", "b0b", []identity.Role{identity.Depositor}
	mine, err := r.safe.Deposit(t.Context(), bob, DepositRequest{Vault: "archives"}, parts([]byte("bob's")))
	if err != nil {
		t.Fatal(err)
	}
	hers := r.deposit([]byte("alice's"))
	if _, err := r.safe.Stat(t.Context(), bob, mine.ID); err != nil {
		t.Errorf("his own: %v", err)
	}
	if _, _, err := r.safe.Receipt(t.Context(), bob, mine.ID, false); err != nil {
		t.Errorf("his own receipt: %v", err)
	}
	if _, _, err := r.safe.Receipt(t.Context(), bob, mine.ID, true); !errors.Is(err, identity.ErrForbidden) {
		t.Errorf("his own bytes: %v", err)
	}
	if _, err := r.safe.Stat(t.Context(), bob, hers.ID); !errors.Is(err, ErrUnknownDocument) {
		t.Errorf("hers: %v", err)
	}
	if _, _, err := r.safe.Receipt(t.Context(), bob, hers.ID, false); !errors.Is(err, ErrUnknownDocument) {
		t.Errorf("her receipt: %v", err)
	}
	if found, _, err := r.safe.Lookup(t.Context(), alice, r.safe.vaults["archives"].ID.String(), hers.Attestation.Fingerprint, 0, 0); err != nil || len(found) != 1 {
		t.Errorf("by the vault's identifier: %d, %v", len(found), err)
	}
}

// TestManyFilesBeyondABatch: files whose ends are short fill a batch unevenly.
func TestManyFilesBeyondABatch(t *testing.T) {
	r := newRig(t)
	big := randomBytes(17 << 20)
	for _, bodies := range [][][]byte{{big[:512<<10], big}, {big[:3], big, big[:1<<20], big}} {
		d := r.deposit(bodies...)
		for i, body := range bodies {
			if !bytes.Equal(r.read(d.ID, i+1), body) {
				t.Errorf("file %d differs", i+1)
			}
		}
	}
	r.fsck()
}

// TestLongNames: names within their own limits that together are too long for a record are refused
// before anything is sealed.
func TestLongNames(t *testing.T) {
	r := newRig(t)
	n := 0
	_, err := r.safe.Deposit(t.Context(), alice, DepositRequest{Vault: "archives"}, func() (Part, error) {
		if n == MaxFiles {
			return Part{}, io.EOF
		}
		n++
		return Part{Name: fmt.Sprintf("%s %d", strings.Repeat("n", 600), n), Body: strings.NewReader("x")}, nil
	})
	if !errors.Is(err, ErrTooManyFiles) {
		t.Errorf("%v", err)
	}
	r.nothingKept(0)
	n = MaxFiles / 2
	if _, err := r.safe.Deposit(t.Context(), alice, DepositRequest{Vault: "archives"}, func() (Part, error) {
		if n == MaxFiles {
			return Part{}, io.EOF
		}
		n++
		return Part{Name: fmt.Sprintf("%s %d", strings.Repeat("n", 600), n), Body: strings.NewReader("x")}, nil
	}); err != nil {
		t.Errorf("half as many: %v", err)
	}
	r.fsck() // the number that the refused one had been given is accounted for
}

// TestReaderLeaves: who leaves in the middle says nothing about the document.
func TestReaderLeaves(t *testing.T) {
	r := newRig(t)
	d := r.deposit(randomBytes(8 << 20))
	for range 30 {
		ctx, cancel := context.WithCancel(t.Context())
		_, body, err := r.safe.Read(ctx, alice, d.ID, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(body, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := io.Copy(io.Discard, body); errors.Is(err, ErrIntegrity) {
			t.Fatalf("a false alarm: %v", err)
		}
		_ = body.Close()
	}
}

func TestVaultNames(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"", "A", "a_b", "-a", "a-", strings.Repeat("a", 65), r.safe.vaults["archives"].ID.String()} {
		if _, err := r.safe.CreateVault(t.Context(), alice, name); !errors.Is(err, ErrBadName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := r.safe.CreateVault(t.Context(), alice, "archives"); !errors.Is(err, ErrVaultExists) {
		t.Errorf("twice: %v", err)
	}
	if _, err := r.safe.CreateVault(t.Context(), mallory, "archives"); !errors.Is(err, ErrForbidden) {
		t.Errorf("out of his reach: %v", err)
	}
}

// TestAuditOfOneVault shows an auditor the entries of his vaults and of none, not those of others.
func TestAuditOfOneVault(t *testing.T) {
	r := newRig(t)
	r.deposit([]byte("x"))
	entries, err := r.safe.Journal(t.Context(), mallory, JournalQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Vault != "" {
			t.Errorf("he sees %+v", e)
		}
	}
}
