package proof

import (
	"bytes"
	"io"
	"reflect"
	"testing"
)

func sampleReceipt(t testing.TB) Receipt {
	t.Helper()
	a, err := sampleAttestation().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	fp := Fingerprint(sampleFiles())
	return Receipt{Attestation: a, Fingerprint: fp,
		Manifest:  SignatureManifest(DigestsOf(a).SHA256, DigestsOf(fp).SHA256),
		Signature: []byte("p7s"), Inclusion: []byte("proof"), EvidenceManifest: []byte("xml"), Evidence: []byte("ers"),
		VerifyScript: []byte("#!/bin/sh\n"), Trust: map[string][]byte{"seal.pem": []byte("x"), "journal.vkey": []byte("y")}}
}

func TestReceiptRoundTrip(t *testing.T) {
	want := sampleReceipt(t)
	var b bytes.Buffer
	if err := WriteReceipt(&b, want, sampleFiles(), sampleOpen); err != nil {
		t.Fatal(err)
	}
	r, err := OpenReceipt(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r.Receipt, want) {
		t.Fatalf("got %+v", r.Receipt)
	}
	for _, f := range sampleFiles() {
		body, err := r.Documents[DocumentName(f.Index, f.Name)].Open()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		if err != nil || !bytes.Equal(got, sampleBodies[f.Index-1]) {
			t.Fatalf("document %d: %v", f.Index, err)
		}
	}
}
