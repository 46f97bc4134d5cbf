package seal

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// attributes are the signed attributes of a seal.
type attributes struct {
	digest      []byte            // message-digest, RFC 5652, 11.2
	time        time.Time         // signing-time, RFC 5652, 11.3, whole seconds
	certificate [sha256.Size]byte // signing-certificate-v2, RFC 5035: the SHA-256 of the signer's
}

// marshal returns the attributes as what is signed: a DER SET OF (RFC 5652, 5.4).
func (a attributes) marshal() ([]byte, error) {
	list := make([][]byte, 0, 4)
	for _, add := range []func(*cryptobyte.Builder){
		attribute(oidContentType, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidData) }),
		attribute(oidMessageDigest, func(b *cryptobyte.Builder) { b.AddASN1OctetString(a.digest) }),
		attribute(oidSigningTime, func(b *cryptobyte.Builder) { addTime(b, a.time) }),
		attribute(oidSigningCertificateV2, a.addSigningCertificate),
	} {
		b := cryptobyte.NewBuilder(nil)
		add(b)
		one, err := b.Bytes()
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { addSorted(b, list) })
	return b.Bytes()
}

// addSigningCertificate writes SigningCertificateV2 with one ESSCertIDv2. Its
// hash algorithm is the default, which DER leaves out.
func (a attributes) addSigningCertificate(b *cryptobyte.Builder) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1OctetString(a.certificate[:])
			})
		})
	})
}

func attribute(oid []int, value func(*cryptobyte.Builder)) func(*cryptobyte.Builder) {
	return func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oid)
			b.AddASN1(cbasn1.SET, value)
		})
	}
}

// addTime writes Time as RFC 5652, 11.3 demands: UTCTime up to 2049,
// GeneralizedTime from 2050.
func addTime(b *cryptobyte.Builder, t time.Time) {
	if year := t.UTC().Year(); year >= 1950 && year < 2050 {
		b.AddASN1UTCTime(t.UTC())
		return
	}
	b.AddASN1GeneralizedTime(t.UTC())
}

// addSorted writes the elements of a DER SET OF (X.690, 11.6).
func addSorted(b *cryptobyte.Builder, elements [][]byte) {
	for _, element := range sorted(elements) {
		b.AddBytes(element)
	}
}

func sorted(elements [][]byte) [][]byte {
	return slices.SortedFunc(slices.Values(elements), bytes.Compare)
}
