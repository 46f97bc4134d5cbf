package backup

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
)

// The envelope of a backup's key is CMS EnvelopedData (RFC 5652) with RSAES-OAEP under SHA-256 (RFC 3560,
// RFC 4055) and AES-256-CBC, in DER: openssl opens it, wherever the recovery key is kept. Inside stand 64
// hexadecimal digits and a line feed. That it was not altered, the streams under the key tell.
var (
	oidEnveloped = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 3}
	oidData      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidOAEP      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 7}
	oidMGF1      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
	oidSHA256    = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidAES256CBC = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
)

const (
	// minRSA is the least length of a recovery key in bits.
	minRSA = 3072
	// maxRecipients bounds those who can open a backup.
	maxRecipients = 16
	maxEnvelope   = 64 << 10
)

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content envelopedData `asn1:"explicit,tag:0"`
}

type envelopedData struct {
	Version    int
	Recipients []recipientInfo `asn1:"set"`
	Content    encryptedContent
}

type recipientInfo struct {
	Version   int
	Issuer    issuerAndSerial
	Algorithm pkix.AlgorithmIdentifier
	Key       []byte
}

type issuerAndSerial struct {
	Issuer asn1.RawValue
	Serial *big.Int
}

type encryptedContent struct {
	Type      asn1.ObjectIdentifier
	Algorithm pkix.AlgorithmIdentifier
	Content   []byte `asn1:"tag:0"`
}

type oaepParameters struct {
	Hash pkix.AlgorithmIdentifier `asn1:"explicit,tag:0"`
	MGF  pkix.AlgorithmIdentifier `asn1:"explicit,tag:1"`
}

// Recipients reads recovery certificates, PEM: RSA keys of 3072 bits at least. When a certificate ends is not
// looked at: a backup that nobody may open any more would be worse, and who holds the key is what a drill proves.
func Recipients(text []byte) (list []*x509.Certificate, err error) {
	for len(bytes.TrimSpace(text)) > 0 {
		block, rest := pem.Decode(text)
		if block == nil || block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%w: certificates in PEM are wanted, and nothing else", ErrRecipient)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRecipient, err)
		}
		key, ok := c.PublicKey.(*rsa.PublicKey)
		switch {
		case !ok || key.N.BitLen() < minRSA:
			return nil, fmt.Errorf("%w: %q has no RSA key of %d bits at least", ErrRecipient, c.Subject, minRSA)
		case c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageKeyEncipherment == 0:
			return nil, fmt.Errorf("%w: %q is not for enciphering keys", ErrRecipient, c.Subject)
		case len(list) == maxRecipients:
			return nil, fmt.Errorf("%w: more than %d", ErrRecipient, maxRecipients)
		case slices.ContainsFunc(list, func(o *x509.Certificate) bool {
			return bytes.Equal(o.RawIssuer, c.RawIssuer) && o.SerialNumber.Cmp(c.SerialNumber) == 0
		}): // openssl finds its part of an envelope by issuer and serial number
			return nil, fmt.Errorf("%w: two have the issuer and the serial number of %q", ErrRecipient, c.Subject)
		}
		list, text = append(list, c), rest
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: the file has none", ErrRecipient)
	}
	return list, nil
}

// algorithms are those of every envelope, made once.
func oaepAlgorithm() (pkix.AlgorithmIdentifier, error) {
	hash := pkix.AlgorithmIdentifier{Algorithm: oidSHA256, Parameters: asn1.NullRawValue}
	inner, err := asn1.Marshal(hash)
	if err != nil {
		return hash, err
	}
	text, err := asn1.Marshal(oaepParameters{hash, pkix.AlgorithmIdentifier{Algorithm: oidMGF1, Parameters: asn1.RawValue{FullBytes: inner}}})
	return pkix.AlgorithmIdentifier{Algorithm: oidOAEP, Parameters: asn1.RawValue{FullBytes: text}}, err
}

// sealKey makes the envelope of a key for each of the recipients.
func sealKey(recipients []*x509.Certificate, key [32]byte) ([]byte, error) {
	var cek [32]byte
	var iv [aes.BlockSize]byte
	_, _ = rand.Read(cek[:])
	_, _ = rand.Read(iv[:])
	oaep, err := oaepAlgorithm()
	if err != nil {
		return nil, err
	}
	out := envelopedData{}
	for _, c := range recipients {
		public, ok := c.PublicKey.(*rsa.PublicKey)
		if !ok {
			return nil, fmt.Errorf("%w: %q", ErrRecipient, c.Subject)
		}
		wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public, cek[:], nil)
		if err != nil {
			return nil, fmt.Errorf("enciphering for %q: %w", c.Subject, err)
		}
		out.Recipients = append(out.Recipients, recipientInfo{Algorithm: oaep, Key: wrapped,
			Issuer: issuerAndSerial{asn1.RawValue{FullBytes: c.RawIssuer}, c.SerialNumber}})
	}
	block, err := aes.NewCipher(cek[:])
	if err != nil {
		return nil, err
	}
	plain := fmt.Appendf(nil, "%x\n", key)
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	plain = append(plain, bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, iv[:]).CryptBlocks(plain, plain)
	ivText, err := asn1.Marshal(iv[:])
	if err != nil {
		return nil, err
	}
	out.Content = encryptedContent{Type: oidData, Content: plain,
		Algorithm: pkix.AlgorithmIdentifier{Algorithm: oidAES256CBC, Parameters: asn1.RawValue{FullBytes: ivText}}}
	return asn1.Marshal(contentInfo{oidEnveloped, out})
}

// parseEnvelope reads what sealKey wrote, and no other form.
func parseEnvelope(der []byte) (envelopedData, error) {
	var c contentInfo
	if len(der) > maxEnvelope {
		return c.Content, fmt.Errorf("%w: an envelope of %d bytes", ErrBroken, len(der))
	}
	rest, err := asn1.Unmarshal(der, &c)
	if err != nil || len(rest) > 0 {
		return c.Content, fmt.Errorf("%w: its envelope is none", ErrBroken)
	}
	oaep, err := oaepAlgorithm()
	if err != nil {
		return c.Content, err
	}
	e := c.Content
	good := c.Type.Equal(oidEnveloped) && e.Version == 0 && len(e.Recipients) > 0 && len(e.Recipients) <= maxRecipients &&
		e.Content.Type.Equal(oidData) && e.Content.Algorithm.Algorithm.Equal(oidAES256CBC) && len(e.Content.Content) == 80
	for _, r := range e.Recipients {
		good = good && r.Version == 0 && r.Algorithm.Algorithm.Equal(oidOAEP) && bytes.Equal(r.Algorithm.Parameters.FullBytes, oaep.Parameters.FullBytes)
	}
	if !good {
		return e, fmt.Errorf("%w: its envelope has another form", ErrBroken)
	}
	return e, nil
}

// openKey opens an envelope with a recovery key.
func openKey(der []byte, private *rsa.PrivateKey) (key [32]byte, err error) {
	e, err := parseEnvelope(der)
	if err != nil {
		return key, err
	}
	var iv []byte
	if rest, err := asn1.Unmarshal(e.Content.Algorithm.Parameters.FullBytes, &iv); err != nil || len(rest) > 0 || len(iv) != aes.BlockSize {
		return key, fmt.Errorf("%w: its envelope has no initial vector", ErrBroken)
	}
	for _, r := range e.Recipients {
		cek, err := rsa.DecryptOAEP(sha256.New(), nil, private, r.Key, nil)
		if err != nil || len(cek) != 32 {
			continue // another's
		}
		block, err := aes.NewCipher(cek)
		if err != nil {
			return key, err
		}
		plain := make([]byte, len(e.Content.Content))
		cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, e.Content.Content)
		pad := int(plain[len(plain)-1])
		if pad < 1 || pad > aes.BlockSize {
			return key, fmt.Errorf("%w: its envelope does not open", ErrBroken)
		}
		return ParseKey(plain[:len(plain)-pad])
	}
	return key, ErrKey
}

// ParseKey reads a backup's key as an opened envelope has it: 64 hexadecimal digits and a line feed.
func ParseKey(text []byte) (key [32]byte, err error) {
	digits := bytes.TrimRight(text, "\r\n")
	if len(digits) != 2*len(key) {
		return key, fmt.Errorf("%w: 64 hexadecimal digits are wanted", ErrKey)
	}
	if _, err := hex.Decode(key[:], digits); err != nil {
		return key, fmt.Errorf("%w: 64 hexadecimal digits are wanted", ErrKey)
	}
	return key, nil
}

// ParseRecoveryKey reads a recovery key: an RSA private key in PEM (PKCS#8 or PKCS#1), not enciphered.
func ParseRecoveryKey(text []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%w: a private key in PEM is wanted", ErrKey)
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := any.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("%w: an RSA private key in PEM, not enciphered, is wanted", ErrKey)
	}
	return key, nil
}
