package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"

	"casemate/appliance/wire"
)

// Classes of failure. Every error of this package is one of them, or the context's,
// or that of a reader or writer the caller handed in; test with errors.Is.
var (
	// ErrSettings: address, roots, certificate or key cannot be used; nothing was sent.
	ErrSettings = errors.New("the settings cannot be used")
	// ErrUnreachable: no connection, or it broke before the answer was complete.
	ErrUnreachable = errors.New("the safe cannot be reached")
	// ErrUntrusted: whoever answers does not prove to be the safe.
	ErrUntrusted = errors.New("the server does not prove to be the safe")
	// ErrCertificate: the safe does not take the client's certificate.
	ErrCertificate = errors.New("the safe does not accept the certificate")
	// ErrForbidden: the caller is known and may not do this.
	ErrForbidden = errors.New("not allowed")
	// ErrNotFound: no such vault, document or file, as far as the caller may know.
	ErrNotFound = errors.New("not found")
	// ErrRefused: the request cannot be granted as it stands.
	ErrRefused = errors.New("refused")
	// ErrIntegrity: bytes are not those they should be.
	ErrIntegrity = errors.New("integrity failure")
	// ErrUnavailable: the safe cannot do it now; the same request may succeed later.
	ErrUnavailable = errors.New("the safe cannot do this now")
	// ErrInternal: the safe failed, and its log knows more under the incident.
	ErrInternal = errors.New("the safe failed")
	// ErrProtocol: the reply is not one of this API.
	ErrProtocol = errors.New("the reply is not that of a safe")
	// ErrUnknownOutcome: everything was sent and no answer came: the document may
	// have been kept or not. List the vault before depositing again.
	ErrUnknownOutcome = errors.New("no answer came: the document may have been kept")
)

// Refusal is a problem (RFC 9457) the safe answered with. It is also one of the
// classes above.
type Refusal struct {
	Problem wire.Problem
	class   error
}

func (r *Refusal) Error() string { return r.Problem.Error() }

// Unwrap gives the class.
func (r *Refusal) Unwrap() error { return r.class }

// classes of the codes whose HTTP status alone does not tell.
var classOfCode = map[string]error{
	wire.CodeDigestDiffers: ErrIntegrity,
	wire.CodeIntegrity:     ErrIntegrity,
	wire.CodeStorage:       ErrUnavailable,
	wire.CodeIncomplete:    ErrUnreachable,
	wire.CodeTooSlow:       ErrUnreachable,
	wire.CodeUnknownPath:   ErrProtocol,
	wire.CodeMethod:        ErrProtocol,

	wire.CodeCertificateRevoked: ErrCertificate,
	wire.CodeUnknownCaller:      ErrCertificate,
}

// newRefusal classifies a problem by its code first, then by the status.
func newRefusal(p wire.Problem) *Refusal {
	if class, ok := classOfCode[p.Code]; ok {
		return &Refusal{p, class}
	}
	return &Refusal{p, classOfStatus(p.Status)}
}

func classOfStatus(status int) error {
	switch status {
	case http.StatusUnauthorized:
		return ErrCertificate
	case http.StatusForbidden:
		return ErrForbidden
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable,
		http.StatusGatewayTimeout, http.StatusInsufficientStorage:
		return ErrUnavailable
	}
	switch {
	case status >= 400 && status < 500:
		return ErrRefused
	case status >= 500:
		return ErrInternal
	}
	return ErrProtocol
}

// Alerts (RFC 8446, clause 6.2) by which a server says what it dislikes in the
// client's certificate, and those by which it says that no TLS will come about. Over
// TCP crypto/tls gives them a private type: their words are what can be compared.
var (
	aboutCertificate = alerts(42, 43, 44, 45, 46, 48, 49, 116)
	aboutProtocol    = alerts(40, 70, 71, 86, 112, 120)
)

func alerts(codes ...tls.AlertError) []string {
	var words []string
	for _, code := range codes {
		words = append(words, code.Error())
	}
	return words
}

// transportError classifies an error of the connection.
func transportError(err error) error {
	var tcp *net.OpError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &tcp) && tcp.Op == "remote error" && slices.Contains(aboutCertificate, tcp.Err.Error()):
		return fmt.Errorf("%w: %w", ErrCertificate, err)
	case errors.As(err, &tcp) && tcp.Op == "remote error" && slices.Contains(aboutProtocol, tcp.Err.Error()):
		return fmt.Errorf("%w: %w", ErrUntrusted, err)
	case errors.As(err, &authority), errors.As(err, &host), errors.As(err, &invalid),
		errors.As(err, &verification), errors.As(err, &record):
		return fmt.Errorf("%w: %w", ErrUntrusted, err)
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}
