package appliance

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"time"

	"github.com/digitorus/timestamp"
)

// benchAuthority is a timestamp authority (RFC 3161) for one run: it answers at once and nobody else
// trusts it. Its root is made and forgotten with it.
type benchAuthority struct {
	root   []byte // PEM
	signer *x509.Certificate
	key    *ecdsa.PrivateKey
	port   int
}

var (
	benchPolicy      = asn1.ObjectIdentifier{1, 2, 3}
	oidExtKeyUsage   = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidTimeStamping  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
	errBenchQuestion = errors.New("not a question of this run")
)

// startBenchAuthority makes an authority and has it answer on loopback until ctx ends.
func startBenchAuthority(ctx context.Context) (*benchAuthority, error) {
	a := &benchAuthority{}
	if err := a.certify(); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a.port = l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // a TCP listener
	web := &http.Server{Handler: http.HandlerFunc(a.answer), ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = web.Close() })
	go func() { _ = web.Serve(l) }() // ends with ctx
	return a, nil
}

// certify makes the root and, under it, a certificate for timestamps alone, critically so.
func (a *benchAuthority) certify() error {
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{oidTimeStamping})
	if err != nil {
		return err
	}
	rootKey, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	now := clock()
	root := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		Subject: pkix.Name{CommonName: "bench root"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 0, 7)}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
		Subject: pkix.Name{CommonName: "bench authority"}, NotBefore: root.NotBefore, NotAfter: root.NotAfter,
		ExtraExtensions: []pkix.Extension{{Id: oidExtKeyUsage, Critical: true, Value: usage}}}
	der, err := x509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey)
	if err != nil {
		return err
	}
	signed, err := x509.CreateCertificate(rand.Reader, leaf, root, key.Public(), rootKey)
	if err != nil {
		return err
	}
	a.root, a.key = pemOf(der), key
	a.signer, err = x509.ParseCertificate(signed)
	return err
}

func (a *benchAuthority) answer(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(io.LimitReader(r.Body, 4096))
	var reply []byte
	if err == nil {
		reply, err = a.reply(b)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	_, _ = w.Write(reply) // whoever asked went away
}

func (a *benchAuthority) reply(question []byte) ([]byte, error) {
	q, err := timestamp.ParseRequest(question)
	if err != nil {
		return nil, errors.Join(errBenchQuestion, err)
	}
	t := timestamp.Timestamp{HashAlgorithm: q.HashAlgorithm, HashedMessage: q.HashedMessage, Nonce: q.Nonce, Time: clock().UTC(),
		Policy: benchPolicy, AddTSACertificate: true}
	return t.CreateResponseWithOpts(a.signer, a.key, crypto.SHA256)
}
