package seal

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

const (
	maxSeal         = 1 << 20 // bytes
	maxCertificates = 8
)

// envelope is a seal cut into its parts, before anything in it is understood.
type envelope struct {
	certificates []cryptobyte.String
	crl          cryptobyte.String
	attributes   cryptobyte.String // the content of signedAttrs
	signature    []byte
}

// parse takes a seal apart and holds that it is in its one form. It checks no
// signature.
func parse(der []byte) (signedData, error) {
	env, err := open(der)
	if err != nil {
		return signedData{}, err
	}
	data := signedData{crl: env.crl, signature: env.signature}
	for _, certificate := range env.certificates {
		data.certificates = append(data.certificates, certificate)
	}
	if data.attributes, err = parseAttributes(env.attributes); err != nil {
		return signedData{}, err
	}
	if data.signer, err = data.findSigner(); err != nil {
		return signedData{}, err
	}
	if data.suite, err = suiteOf(data.signer.PublicKey); err != nil {
		return signedData{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	again, err := data.marshal()
	if err != nil || !bytes.Equal(again, der) {
		return signedData{}, fmt.Errorf("seal is not in its one form: %w", ErrMalformed)
	}
	return data, nil
}

// findSigner returns the certificate that signing-certificate-v2 names.
func (s signedData) findSigner() (*x509.Certificate, error) {
	for _, der := range s.certificates {
		if certificateID(der) != s.attributes.certificate {
			continue
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("signer's certificate: %w: %w", ErrMalformed, err)
		}
		return certificate, nil
	}
	return nil, fmt.Errorf("signer's certificate is not in the seal: %w", ErrMalformed)
}

// open walks down to the parts of a seal that differ from one to another. It
// leaves to the comparison in parse whether all else is as it must be.
func open(der []byte) (envelope, error) {
	var env envelope
	var info, wrapped, body, certificates, crls, signers, signer, skip cryptobyte.String
	if len(der) > maxSeal {
		return env, fmt.Errorf("seal of %d bytes: %w", len(der), ErrMalformed)
	}
	input := cryptobyte.String(der)
	ok := input.ReadASN1(&info, cbasn1.SEQUENCE) &&
		info.SkipASN1(cbasn1.OBJECT_IDENTIFIER) &&
		info.ReadASN1(&wrapped, explicit(0)) &&
		wrapped.ReadASN1(&body, cbasn1.SEQUENCE) &&
		body.SkipASN1(cbasn1.INTEGER) && // version
		body.SkipASN1(cbasn1.SET) && // digestAlgorithms
		body.SkipASN1(cbasn1.SEQUENCE) && // encapContentInfo
		body.ReadASN1(&certificates, explicit(0)) &&
		body.ReadASN1(&crls, explicit(1)) &&
		crls.ReadASN1Element(&env.crl, cbasn1.SEQUENCE) &&
		body.ReadASN1(&signers, cbasn1.SET) &&
		signers.ReadASN1(&signer, cbasn1.SEQUENCE) &&
		signer.SkipASN1(cbasn1.INTEGER) && // version
		signer.SkipASN1(cbasn1.SEQUENCE) && // sid
		signer.SkipASN1(cbasn1.SEQUENCE) && // digestAlgorithm
		signer.ReadASN1(&env.attributes, explicit(0)) &&
		signer.SkipASN1(cbasn1.SEQUENCE) && // signatureAlgorithm
		signer.ReadASN1(&skip, cbasn1.OCTET_STRING)
	env.signature = skip
	for ok && !certificates.Empty() {
		var one cryptobyte.String
		ok = len(env.certificates) < maxCertificates && certificates.ReadASN1Element(&one, cbasn1.SEQUENCE)
		env.certificates = append(env.certificates, one)
	}
	if !ok {
		return env, fmt.Errorf("seal is not a signature of the expected shape: %w", ErrMalformed)
	}
	return env, nil
}

func parseAttributes(set cryptobyte.String) (attributes, error) {
	var a attributes
	for !set.Empty() {
		var one, values cryptobyte.String
		var oid asn1.ObjectIdentifier
		if !set.ReadASN1(&one, cbasn1.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&oid) || !one.ReadASN1(&values, cbasn1.SET) {
			return a, fmt.Errorf("signed attributes: %w", ErrMalformed)
		}
		if !a.read(oid, values) {
			return a, fmt.Errorf("signed attribute %v: %w", oid, ErrMalformed)
		}
	}
	return a, nil
}

func (a *attributes) read(oid asn1.ObjectIdentifier, values cryptobyte.String) bool {
	var attribute, list, id, hash cryptobyte.String
	switch {
	case oid.Equal(oidContentType):
		return true // its value is compared in parse
	case oid.Equal(oidMessageDigest):
		if !values.ReadASN1(&hash, cbasn1.OCTET_STRING) || len(hash) > crypto.SHA512.Size() {
			return false
		}
		a.digest = hash
		return true
	case oid.Equal(oidSigningTime):
		return readTime(&values, &a.time)
	case oid.Equal(oidSigningCertificateV2):
		ok := values.ReadASN1(&attribute, cbasn1.SEQUENCE) && attribute.ReadASN1(&list, cbasn1.SEQUENCE) &&
			list.ReadASN1(&id, cbasn1.SEQUENCE) && id.ReadASN1(&hash, cbasn1.OCTET_STRING)
		return ok && copy(a.certificate[:], hash) == len(a.certificate)
	}
	return false
}

func readTime(s *cryptobyte.String, t *time.Time) bool {
	if s.PeekASN1Tag(cbasn1.UTCTime) {
		return s.ReadASN1UTCTime(t)
	}
	return s.ReadASN1GeneralizedTime(t)
}
