package seal

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"time"
)

// How long each kind of certificate lives. The seal root outlives every
// receipt; a sealing key serves one year, so that a stolen one is worth little.
const (
	rootYears   = 40
	accessYears = 10
	sealYears   = 1
	clientYears = 1
	tlsYears    = 1

	// Backdate is how far certificates and CRLs reach back before the time
	// they are made, so that one made by a clock a little ahead is already
	// valid for an authority a little behind.
	Backdate = time.Hour
)

// RootTemplate is the seal authority of a safe, for a P-384 key: forty years,
// signs sealing certificates and CRLs only, and none below another authority.
func RootTemplate(name string, at time.Time) *x509.Certificate {
	t := authority(name, at, rootYears)
	t.Policies = []x509.OID{PolicyOID}
	return t
}

// AccessRootTemplate is the authority for persons, machines and the safe's TLS
// key: ten years. It is a root apart, because nothing it issues may ever seal.
func AccessRootTemplate(name string, at time.Time) *x509.Certificate {
	return authority(name, at, accessYears)
}

// SealTemplate is a sealing certificate: one year, key usage nonRepudiation
// alone and critical, no extended key usage, the seal policy.
func SealTemplate(name string, at time.Time) *x509.Certificate {
	t := leaf(name, at, sealYears, x509.KeyUsageContentCommitment)
	t.Policies = []x509.OID{PolicyOID}
	return t
}

// TLSTemplate is the safe's own server certificate: one year, for the given
// DNS names and addresses.
func TLSTemplate(name string, hosts []string, at time.Time) *x509.Certificate {
	t := leaf(name, at, tlsYears, x509.KeyUsageDigitalSignature)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, host)
		}
	}
	return t
}

// ClientTemplate is the certificate of a person or a machine that calls the
// safe: one year.
func ClientTemplate(name string, at time.Time) *x509.Certificate {
	t := leaf(name, at, clientYears, x509.KeyUsageDigitalSignature)
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return t
}

func authority(name string, at time.Time, years int) *x509.Certificate {
	t := leaf(name, at, years, x509.KeyUsageCertSign|x509.KeyUsageCRLSign)
	t.IsCA = true
	t.MaxPathLenZero = true
	return t
}

func leaf(name string, at time.Time, years int, usage x509.KeyUsage) *x509.Certificate {
	at = at.UTC().Truncate(time.Second)
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             at.Add(-Backdate),
		NotAfter:              at.AddDate(years, 0, 0),
		KeyUsage:              usage,
		BasicConstraintsValid: true,
	}
}
