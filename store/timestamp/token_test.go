package timestamp

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"testing"
	"time"

	"github.com/digitorus/pkcs7"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// A token is judged at its own time and, given one, at a later one.
func TestVerifyAt(t *testing.T) {
	n := newNotary(t, nil)
	der := n.token(digest)
	now := time.Now()
	for name, at := range map[string]struct {
		at   time.Time
		want error
	}{
		"its own time":           {time.Time{}, nil},
		"now":                    {now, nil},
		"a little clock skew":    {now.Add(-30 * time.Second), nil},
		"before it was made":     {now.Add(-time.Hour), ErrTokenTime},
		"certificate ran out":    {now.Add(36 * time.Hour), ErrUntrusted},
		"certificate still good": {now.Add(12 * time.Hour), nil},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Verify(der, digest, n.roots, nil, at.at); !errors.Is(err, at.want) {
				t.Errorf("error %v, want %v", err, at.want)
			}
		})
	}
}

func TestVerifyNoRoots(t *testing.T) {
	n := newNotary(t, nil)
	if _, err := Verify(n.token(digest), digest, nil, nil, time.Time{}); !errors.Is(err, ErrUntrusted) {
		t.Errorf("nil roots: error %v", err)
	}
	if _, err := Verify(n.token(digest), digest, x509.NewCertPool(), nil, time.Time{}); !errors.Is(err, ErrUntrusted) {
		t.Errorf("no roots: error %v", err)
	}
}

// Revocation data in SignedData.crls, of whatever kind, is no obstacle: it is
// not signed, and some authorities put OCSP responses there.
func TestVerifyOCSPInCRLs(t *testing.T) {
	n := newNotary(t, nil)
	der := withCRLs(t, n.token(digest))
	if _, err := pkcs7.Parse(der); err == nil {
		t.Error("the common parser takes it: this test has lost its point")
	}
	if _, err := Verify(der, digest, n.roots, nil, time.Time{}); err != nil {
		t.Error(err)
	}
}

// withCRLs inserts crls [1] with an OtherRevocationInfoFormat [1] of the type
// id-ri-ocsp-response (RFC 5940) before the signers.
func withCRLs(t *testing.T, token []byte) []byte {
	t.Helper()
	return rebuild(t, token, func(b *cryptobyte.Builder, fields []cryptobyte.String) {
		for i, f := range fields {
			if i == len(fields)-1 {
				b.AddASN1(tag1Constructed, func(b *cryptobyte.Builder) {
					b.AddASN1(tag1Constructed, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 16, 2})
						b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1Enum(0) })
					})
				})
			}
			b.AddBytes(f)
		}
	})
}

// rebuild takes a SignedData apart and puts it together as fill says.
func rebuild(t *testing.T, token []byte, fill func(*cryptobyte.Builder, []cryptobyte.String)) []byte {
	t.Helper()
	s := cryptobyte.String(token)
	var outer, explicit, sd cryptobyte.String
	if !s.ReadASN1(&outer, cbasn1.SEQUENCE) || !outer.SkipASN1(cbasn1.OBJECT_IDENTIFIER) ||
		!outer.ReadASN1(&explicit, tag0Constructed) || !explicit.ReadASN1(&sd, cbasn1.SEQUENCE) {
		t.Fatal("not a token")
	}
	var fields []cryptobyte.String
	for !sd.Empty() {
		var f cryptobyte.String
		var tag cbasn1.Tag
		if !sd.ReadAnyASN1Element(&f, &tag) {
			t.Fatal("not signed data")
		}
		fields = append(fields, f)
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidSignedData)
		b.AddASN1(tag0Constructed, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { fill(b, fields) })
		})
	})
	out, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestVerifyStructure(t *testing.T) {
	n := newNotary(t, nil)
	good := n.token(digest)
	signers := func(times int) []byte {
		return rebuild(t, good, func(b *cryptobyte.Builder, fields []cryptobyte.String) {
			for _, f := range fields[:len(fields)-1] {
				b.AddBytes(f)
			}
			var set cryptobyte.String
			last := fields[len(fields)-1]
			if !last.ReadASN1(&set, cbasn1.SET) {
				t.Fatal("no signers")
			}
			b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { b.AddBytes(bytes.Repeat(set, times)) })
		})
	}
	for name, der := range map[string][]byte{
		"empty":                              nil,
		"no signer":                          signers(0),
		"two signers":                        signers(2),
		"trailing":                           append(append([]byte{}, good...), 0),
		"cut":                                good[:len(good)-1],
		"too large":                          make([]byte, maxToken+1),
		"a reply":                            n.reply(n.honest(newRequest())),
		"BER":                                append([]byte{0x30, 0x80}, good[4:]...),
		"plain signed":                       plainSigned(t, n),
		"plain signed, shown as a timestamp": typed(t, plainSigned(t, n), oidTSTInfo),
		"a timestamp, shown as plain":        typed(t, good, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Verify(der, digest, n.roots, nil, time.Time{}); !errors.Is(err, ErrMalformed) {
				t.Errorf("error %v, want %v", err, ErrMalformed)
			}
		})
	}
	for _, same := range [][]byte{signers(1), typed(t, good, oidTSTInfo)} {
		if _, err := Verify(same, digest, n.roots, nil, time.Time{}); err != nil {
			t.Errorf("rebuilt as it was: %v", err)
		}
	}
}

// typed changes the content type outside the signature.
func typed(t *testing.T, token []byte, kind asn1.ObjectIdentifier) []byte {
	t.Helper()
	sd, err := asn1.Marshal(kind)
	if err != nil {
		t.Fatal(err)
	}
	return rebuild(t, token, func(b *cryptobyte.Builder, fields []cryptobyte.String) {
		for i, f := range fields {
			if i != 2 {
				b.AddBytes(f)
				continue
			}
			var info cryptobyte.String
			if !f.ReadASN1(&info, cbasn1.SEQUENCE) || !info.SkipASN1(cbasn1.OBJECT_IDENTIFIER) {
				t.Fatal("no content")
			}
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(sd); b.AddBytes(info) })
		}
	})
}

// plainSigned is proper CMS by the right key about a TSTInfo, but of content
// type data: something a signing service might be made to sign.
func plainSigned(t *testing.T, n *notary) []byte {
	t.Helper()
	sd, err := parseToken(n.token(digest))
	if err != nil {
		t.Fatal(err)
	}
	return signedWith(t, n, sd.content, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}, sha256sum(n.cert.Raw))
}

// signedWith signs content with the notary's key and an ESS certificate hash.
func signedWith(t *testing.T, n *notary, content []byte, kind asn1.ObjectIdentifier, certHash []byte) []byte {
	t.Helper()
	sd, err := pkcs7.NewSignedData(content)
	if err != nil {
		t.Fatal(err)
	}
	sd.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	sd.SetContentType(kind)
	var config pkcs7.SignerInfoConfig
	if certHash != nil {
		type essCertIDv2 struct{ Hash []byte }
		der, err := asn1.Marshal(struct{ Certs []essCertIDv2 }{[]essCertIDv2{{certHash}}})
		if err != nil {
			t.Fatal(err)
		}
		config.ExtraSignedAttributes = []pkcs7.Attribute{{Type: oidSigningCertV2, Value: asn1.RawValue{FullBytes: der}}}
	}
	if err := sd.AddSigner(n.cert, n.sign, config); err != nil {
		t.Fatal(err)
	}
	der, err := sd.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func sha256sum(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

// The certificate must be named under the signature, and be the one that is
// used.
func TestVerifySigningCertificate(t *testing.T) {
	n := newNotary(t, nil)
	sd, err := parseToken(n.token(digest))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		hash []byte
		want error
	}{
		"right":   {sha256sum(n.cert.Raw), nil},
		"another": {sha256sum(n.root.Raw), ErrSigner},
		"short":   {sha256sum(n.cert.Raw)[:20], ErrSigner},
		"none":    {nil, ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			der := signedWith(t, n, sd.content, oidTSTInfo, c.hash)
			if _, err := Verify(der, digest, n.roots, nil, time.Time{}); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
}

// A weak digest under the signature is refused whatever else is right.
func TestImprint(t *testing.T) {
	n := newNotary(t, nil)
	if got, err := Imprint(n.token(digest)); err != nil || got != digest {
		t.Errorf("%x, %v", got, err)
	}
	if _, err := Imprint([]byte("hello")); !errors.Is(err, ErrMalformed) {
		t.Errorf("no token: %v", err)
	}
}

func TestVerifySHA1(t *testing.T) {
	n := newNotary(t, nil)
	der, err := n.honest(newRequest()).CreateResponseWithOpts(n.cert, n.sign, crypto.SHA1)
	if err != nil {
		t.Fatal(err)
	}
	token, err := parseReply(der)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(token, digest, n.roots, nil, time.Time{}); !errors.Is(err, ErrSigner) {
		t.Errorf("error %v, want %v", err, ErrSigner)
	}
}

func TestReadTime(t *testing.T) {
	for text, good := range map[string]bool{
		"20261122172014Z": true, "20261122172014.5Z": true, "20261122172014.123456789Z": true,
		"20261122172014": false, "20261122172014+0100": false, "20261122172014,5Z": false,
		"202611221720Z": false, "20261122172060Z": false, "20261322172014Z": false, "20261122172014.Z": false,
		"20261122172014.1234567890Z": false, "": false, "2026112217201４Z": false,
	} {
		var b cryptobyte.Builder
		b.AddASN1(cbasn1.GeneralizedTime, func(b *cryptobyte.Builder) { b.AddBytes([]byte(text)) })
		s := cryptobyte.String(b.BytesOrPanic())
		if _, ok := readTime(&s); ok != good {
			t.Errorf("%q: taken %v, want %v", text, ok, good)
		}
	}
}
