package timestamp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
)

const testPolicy = "1.2.3.4.1"

// notary is a timestamping authority of our own making, for lies no real one
// would tell.
type notary struct {
	t     *testing.T
	roots *x509.CertPool
	root  *x509.Certificate
	key   *ecdsa.PrivateKey // of the root
	cert  *x509.Certificate
	sign  *ecdsa.PrivateKey
}

// newNotary makes root and certificate; shape may spoil the latter.
func newNotary(t *testing.T, shape func(*x509.Certificate)) *notary {
	t.Helper()
	n := &notary{t: t, roots: x509.NewCertPool()}
	n.key, n.sign = newKey(t), newKey(t)
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	n.root = newCertificate(t, root, root, &n.key.PublicKey, n.key)
	n.roots.AddCert(n.root)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "notary"},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage:        x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{usage(true, 8)},
	}
	if shape != nil {
		shape(leaf)
	}
	n.cert = newCertificate(t, leaf, n.root, &n.sign.PublicKey, n.key)
	return n
}

// usage is an extended key usage of id-kp-N purposes; 8 is timeStamping.
func usage(critical bool, purposes ...int) pkix.Extension {
	var oids []asn1.ObjectIdentifier
	for _, p := range purposes {
		oids = append(oids, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, p})
	}
	der, err := asn1.Marshal(oids)
	if err != nil {
		panic(err)
	}
	return pkix.Extension{Id: oidExtKeyUsage, Critical: critical, Value: der}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newCertificate(t *testing.T, template, parent *x509.Certificate, public *ecdsa.PublicKey, signer crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// honest is what a proper authority would put into the token.
func (n *notary) honest(query *timestamp.Request) *timestamp.Timestamp {
	return &timestamp.Timestamp{
		HashAlgorithm: query.HashAlgorithm, HashedMessage: query.HashedMessage,
		Time: time.Now().UTC().Truncate(time.Second), Nonce: query.Nonce,
		Policy: oidOf(n.t, testPolicy), Accuracy: time.Second, AddTSACertificate: true,
	}
}

func oidOf(t *testing.T, s string) asn1.ObjectIdentifier {
	t.Helper()
	oid, err := parseOID(s)
	if err != nil {
		t.Fatal(err)
	}
	return oid
}

// reply signs a TimeStampResp.
func (n *notary) reply(ts *timestamp.Timestamp) []byte {
	n.t.Helper()
	der, err := ts.CreateResponseWithOpts(n.cert, n.sign, crypto.SHA256)
	if err != nil {
		n.t.Fatal(err)
	}
	return der
}

// token is an honest token about digest.
func (n *notary) token(digest [32]byte) []byte {
	n.t.Helper()
	query := &timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: digest[:]}
	der, err := parseReply(n.reply(n.honest(query)))
	if err != nil {
		n.t.Fatal(err)
	}
	return der
}

// serve answers each query with what answer makes of it.
func (n *notary) serve(answer func(*timestamp.Request) []byte) Authority {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		query, err := timestamp.ParseRequest(body)
		if err != nil || r.Header.Get("Content-Type") != queryType || !query.Certificates || query.Nonce == nil {
			http.Error(w, "not a proper query", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", replyType)
		_, _ = w.Write(answer(query))
	}))
	n.t.Cleanup(server.Close)
	return Authority{Name: "notary", URL: server.URL, Roots: n.roots}
}

func newRequest() *timestamp.Request {
	return &timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: digest[:]}
}
