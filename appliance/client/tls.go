package client

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// LoadCredentials reads the PEM files a caller needs: ca, the authorities the safe's
// own certificate may come from; cert, the caller's chain, leaf first; key, its
// private key. Errors are [ErrSettings] and name the file.
func LoadCredentials(ca, cert, key string) (*x509.CertPool, tls.Certificate, error) {
	roots, err := loadRoots(ca)
	if err != nil {
		return nil, tls.Certificate{}, err
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, tls.Certificate{}, fmt.Errorf("%w: reading the certificate %q and its key %q: %w", ErrSettings, cert, key, err)
	}
	return roots, pair, nil
}

func loadRoots(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%w: reading the authorities of the safe: %w", ErrSettings, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%w: no certificate in PEM in %q", ErrSettings, file)
	}
	return pool, nil
}

// tlsConfig is TLS 1.3 or nothing, against the given roots only.
func tlsConfig(roots *x509.CertPool, pair tls.Certificate) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		RootCAs:      roots,
		Certificates: []tls.Certificate{pair},
	}
}
