package timestamp

import "errors"

// What can be wrong with a token. Each is found with errors.Is; all but
// ErrUnreachable and ErrRefused say that the authority, or somebody on the
// way, sent something that must not be believed.
var (
	// ErrMalformed means that the bytes are not a DER TimeStampToken or
	// TimeStampResp, or use what this safe does not accept.
	ErrMalformed = errors.New("the timestamp is malformed")
	// ErrImprint means that the token is about other bytes.
	ErrImprint = errors.New("the timestamp is about other data")
	// ErrNonce means that the token answers another request: a replay.
	ErrNonce = errors.New("the timestamp answers another request")
	// ErrPolicy means that the authority worked under a policy which is not
	// among the accepted ones.
	ErrPolicy = errors.New("the timestamp was made under a policy that is not accepted")
	// ErrSigner means that the signature is wrong, or that the certificate
	// it names is not one of a timestamping authority.
	ErrSigner = errors.New("the timestamp is not signed by a timestamping authority")
	// ErrUntrusted means that no configured root stands behind the signer at
	// the time in question.
	ErrUntrusted = errors.New("the timestamp's authority is not trusted")
	// ErrTokenTime means that the token's time cannot be right.
	ErrTokenTime = errors.New("the timestamp's own time is not plausible")
	// ErrRefused means that the authority answered and declined.
	ErrRefused = errors.New("the timestamping authority refused")
	// ErrUnreachable means that there was no usable answer: try again later.
	ErrUnreachable = errors.New("the timestamping authority did not answer")
	// ErrNoAuthority means that none is configured.
	ErrNoAuthority = errors.New("no timestamping authority is configured")
)
