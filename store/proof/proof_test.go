package proof

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"io"
	"testing"
	"time"
)

// sampleBodies are the plain bytes of the sample's files.
var sampleBodies = [][]byte{[]byte("%PDF-1.7 first\n"), {}, bytes.Repeat([]byte{7}, 70_000)}

func sampleFiles() []File {
	names := []string{"Vertrag Nr. 7.PDF", "leer", "bild.tar.gz"}
	media := []string{"application/pdf", "application/octet-stream", "application/gzip"}
	files := make([]File, len(names))
	for i := range names {
		files[i] = File{Index: i + 1, Name: names[i], MediaType: media[i],
			Size: int64(len(sampleBodies[i])), Digests: DigestsOf(sampleBodies[i])}
	}
	return files
}

func sampleOpen(f File) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(sampleBodies[f.Index-1])), nil
}

func sampleAttestation() Attestation {
	files := sampleFiles()
	var size int64
	for _, f := range files {
		size += f.Size
	}
	return Attestation{
		Typ: AttestationTyp, V: AttestationV, Safe: "safe.example/one", Demonstration: true,
		Document: DocumentID{1, 2, 3}, Vault: VaultID{9, 8, 7}, Number: 1<<60 + 1,
		Depositor: Party{Name: "Ada <&> \u2028 Ø", Issuer: "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", Serial: "0a"},
		Files:     files, Size: size, Fingerprint: ObjectDigests(files),
		Metadata:   map[string]string{"Title": "é", "title": "e\u0301"},
		DeclaredAt: time.Date(2026, 11, 22, 17, 0, 0, 120e6, time.UTC),
		Clock:      Clock{Trusted: true, Offset: -1500, RootDistance: 20 * time.Millisecond, Stratum: 2, Sources: []string{"ntp.example"}},
		NotBefore:  &External{Token: [32]byte{5}, At: time.Date(2026, 11, 22, 16, 50, 0, 0, time.UTC)},

		KeyCommitment: [32]byte{1},
	}
}

func sampleKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
