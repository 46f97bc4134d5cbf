package identity

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Entry is one line of the table of callers.
type Entry struct {
	Name   string
	Issuer string // see ParseIssuer
	Serial string // see ParseSerial
	Roles  []Role
	Vaults []string
}

// Revoked names a certificate that is refused from now on: a caller's, or that of
// an intermediate authority, which refuses all it issued.
type Revoked struct{ Issuer, Serial string }

// Directory knows the authorities, the table of callers and what was revoked. What it
// answers never changes but with time. It is safe for concurrent use.
type Directory struct {
	roots   *x509.CertPool
	callers map[Revoked]Entry
	revoked map[Revoked]bool
	known   memory
}

// NewDirectory checks the table whole: every entry has a name, at least one known
// role and an identity nobody else has. At least one root is wanted, and each root
// is an authority.
func NewDirectory(entries []Entry, revoked []Revoked, roots []*x509.Certificate) (*Directory, error) {
	d := &Directory{
		roots:   x509.NewCertPool(),
		callers: make(map[Revoked]Entry, len(entries)),
		revoked: make(map[Revoked]bool, len(revoked)),
	}
	if len(roots) == 0 {
		return nil, errors.New("no access authority: nobody could ever call")
	}
	for _, root := range roots {
		if !root.IsCA {
			return nil, fmt.Errorf("access root %q is not the certificate of an authority", root.Subject)
		}
		d.roots.AddCert(root)
	}
	for _, e := range entries {
		if err := d.add(e); err != nil {
			return nil, fmt.Errorf("caller %q: %w", e.Name, err)
		}
	}
	for _, r := range revoked {
		id, err := parseID(r.Issuer, r.Serial)
		if err != nil {
			return nil, fmt.Errorf("revoked certificate: %w", err)
		}
		d.revoked[id] = true
	}
	return d, nil
}

func (d *Directory) add(e Entry) error {
	id, err := parseID(e.Issuer, e.Serial)
	if err != nil {
		return err
	}
	if e.Name == "" || len(e.Roles) == 0 {
		return errors.New("a caller has a name and at least one role")
	}
	for _, role := range e.Roles {
		if _, err := ParseRole(string(role)); err != nil {
			return err
		}
	}
	if other, ok := d.callers[id]; ok {
		return fmt.Errorf("has the certificate of %q", other.Name)
	}
	e.Roles, e.Vaults = slices.Clone(e.Roles), slices.Clone(e.Vaults)
	d.callers[id] = e
	return nil
}

func parseID(issuer, serial string) (Revoked, error) {
	i, err := ParseIssuer(issuer)
	if err != nil {
		return Revoked{}, err
	}
	s, err := ParseSerial(serial)
	return Revoked{i, s}, err
}

// Caller says who holds the certificates a peer proved to hold (leaf first, as TLS
// delivers them), at the moment now. The errors are, in this order of precedence,
// [ErrNoCertificate], [ErrUnknownAuthority], [ErrRevoked], [ErrExpired] and
// [ErrUnknownCaller]. From ErrRevoked on, the certificate is truly one of an
// authority of this safe, and the Caller returned beside the error carries its
// issuer and serial, so that the refusal can be journaled; it has no roles. The slices
// of a Caller belong to the directory.
func (d *Directory) Caller(chain []*x509.Certificate, now time.Time) (Caller, error) {
	if len(chain) == 0 {
		return Caller{}, ErrNoCertificate
	}
	key := digest(chain)
	if j, ok := d.known.at(key, now); ok {
		return j.who, j.err
	}
	path, err := d.verify(chain, now)
	if err != nil && !errors.Is(err, ErrExpired) {
		return Caller{}, err
	}
	who, jerr := d.judge(path, err)
	if err == nil {
		d.known.keep(key, judgement{who: who, err: jerr}.within(path))
	}
	return who, jerr
}

// judge says who stands at the end of a path that is right, or is so save for the time.
func (d *Directory) judge(path []*x509.Certificate, expired error) (Caller, error) {
	who := Caller{Issuer: IssuerID(path[1]), Serial: SerialID(path[0].SerialNumber)}
	for i := range path[:len(path)-1] {
		if d.revoked[Revoked{IssuerID(path[i+1]), SerialID(path[i].SerialNumber)}] {
			return who, ErrRevoked
		}
	}
	if expired != nil {
		return who, expired
	}
	e, ok := d.callers[Revoked{who.Issuer, who.Serial}]
	if !ok {
		return who, ErrUnknownCaller
	}
	who.Name, who.Roles, who.Vaults = e.Name, e.Roles, e.Vaults
	return who, nil
}

// verify builds the path to a root. A path that holds at another time only is
// returned with ErrExpired: a stranger's expired certificate is a stranger's.
func (d *Directory) verify(chain []*x509.Certificate, now time.Time) ([]*x509.Certificate, error) {
	leaf := chain[0]
	if leaf.IsCA || leaf.SerialNumber == nil || leaf.SerialNumber.Sign() <= 0 {
		return nil, fmt.Errorf("%w: it is not an end certificate with a positive serial", ErrUnknownAuthority)
	}
	opts := x509.VerifyOptions{
		Roots:         d.roots,
		Intermediates: x509.NewCertPool(),
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, c := range chain[1:] {
		opts.Intermediates.AddCert(c)
	}
	paths, err := leaf.Verify(opts)
	if err == nil {
		return paths[0], nil
	}
	for _, then := range []time.Time{leaf.NotAfter, leaf.NotBefore} {
		opts.CurrentTime = then
		if paths, later := leaf.Verify(opts); later == nil {
			return paths[0], ErrExpired
		}
	}
	return nil, fmt.Errorf("%w: %w", ErrUnknownAuthority, err)
}
