package hsm

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
)

// TLSCertificate is the server certificate whose key stays in the token: each
// handshake asks the process for one signature. Ask again after a renewal
// (Info shows the chain); the signer itself survives restarts of the process.
func (c *Client) TLSCertificate(ctx context.Context) (tls.Certificate, error) {
	info, err := c.Info(ctx)
	if err != nil {
		return tls.Certificate{}, err
	}
	if len(info.TLSChain) == 0 {
		return tls.Certificate{}, errReply(PathInfo)
	}
	leaf, err := x509.ParseCertificate(info.TLSChain[0])
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("parsing the TLS certificate: %w", err)
	}
	return tls.Certificate{
		Certificate:                  info.TLSChain,
		Leaf:                         leaf,
		PrivateKey:                   &tlsSigner{client: c, public: leaf.PublicKey},
		SupportedSignatureAlgorithms: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
	}, nil
}

// tlsSigner is a crypto.Signer over the socket.
type tlsSigner struct {
	client *Client
	public crypto.PublicKey
}

func (s *tlsSigner) Public() crypto.PublicKey { return s.public }

// Sign has no context of its own: the client's timeout bounds it.
func (s *tlsSigner) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts.HashFunc() != crypto.SHA256 || len(digest) != crypto.SHA256.Size() {
		return nil, errors.New("the TLS key signs SHA-256 digests only")
	}
	var reply TLSSignReply
	if err := s.client.call(context.Background(), PathTLSSign, TLSSignRequest{Digest: digest}, &reply); err != nil {
		return nil, err
	}
	return reply.Signature, nil
}
