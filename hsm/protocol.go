package hsm

import "errors"

// The protocol is HTTP/1.1 over a unix socket: POST of one JSON object, one
// JSON object back, or a Problem with the status of its class.
const (
	PathPing           = "/v1/ping"
	PathInfo           = "/v1/info"
	PathSeal           = "/v1/seal"
	PathCheckpoint     = "/v1/checkpoint"
	PathLastCheckpoint = "/v1/last-checkpoint"
	PathNewKey         = "/v1/new-key"
	PathUnwrapKey      = "/v1/unwrap-key"
	PathCertificate    = "/v1/certificate"
	PathTLSSign        = "/v1/tls-sign"
	PathResumeJournal  = "/v1/resume-journal"
	PathRandom         = "/v1/random"
	PathWitness        = "/v1/witness"
	PathSetWitness     = "/v1/set-witness"
)

// Limits both ends keep.
const (
	MaxMessage   = 32 << 20  // bytes of one request or reply
	MaxSeals     = 256       // documents in one seal request
	MaxRandom    = 4096      // bytes of one random request
	MaxSealBytes = 8 << 20   // attestations and fingerprints of one seal request, before base64
	MaxProof     = 64        // hashes of a consistency proof
	MaxKeyRecord = 2048      // bytes of a wrapped-key record
	MaxCSR       = 8192      // bytes of a certificate request
	MaxStatement = 16 << 10  // bytes of a decision's statement
	MaxDecision  = 512 << 10 // bytes of its signatures together
	MaxWitness   = 1024      // bytes of the mirror's mark
	MinWitness   = 8         // bytes of the order number it begins with
)

// Empty is a request or a reply that says nothing.
type Empty struct{}

// SealBatch and SealReply carry up to MaxSeals documents, in the same order.
type SealBatch struct {
	Requests []SealRequest `json:"requests"`
}

// SealReply answers a SealBatch, in its order.
type SealReply struct {
	Results []SealResult `json:"results"`
}

// CheckpointRequest asks for a signature over the journal's tree.
type CheckpointRequest struct {
	Size  uint64   `json:"size"`
	Root  []byte   `json:"root"`  // 32 bytes
	Proof [][]byte `json:"proof"` // RFC 6962 consistency from the last signed size, 32 bytes each
}

// Decision is what two officers signed: the statement and their detached CMS signatures.
type Decision struct {
	Statement  []byte   `json:"statement"`
	Signatures [][]byte `json:"signatures"`
}

// ResumeRequest asks for a signature over a journal that is no extension of the last one signed,
// because two officers decided that what is missing from it is lost.
type ResumeRequest struct {
	Size     uint64   `json:"size"`
	Root     []byte   `json:"root"` // 32 bytes
	Decision Decision `json:"decision"`
}

// CheckpointReply is a signed checkpoint; size 0 when none was ever signed.
type CheckpointReply struct {
	Size uint64 `json:"size"`
	Root []byte `json:"root"`
	Note []byte `json:"note,omitempty"`
}

// KeyRequest asks for a new key (no record) or to unwrap one.
type KeyRequest struct {
	Kind    string `json:"kind"`
	ID      []byte `json:"id"` // 16 bytes
	Version uint32 `json:"version"`
	Record  []byte `json:"record,omitempty"`
}

// KeyReply is a key in clear and, for a new one, its record.
type KeyReply struct {
	Key    []byte `json:"key"` // 32 bytes
	Record []byte `json:"record,omitempty"`
}

// CertificateReply is a certificate in DER.
type CertificateReply struct {
	Certificate []byte `json:"certificate"`
}

// TLSSignRequest asks the TLS key to sign a digest of a TLS handshake.
type TLSSignRequest struct {
	Digest []byte `json:"digest"`
}

// TLSSignReply is an ECDSA signature, DER.
type TLSSignReply struct {
	Signature []byte `json:"signature"`
}

// RandomRequest asks for bytes of the token's generator.
type RandomRequest struct {
	N int `json:"n"`
}

// RandomReply is what RandomRequest asked for.
type RandomReply struct {
	Bytes []byte `json:"bytes"`
}

// WitnessMark carries the mirror's mark, to be kept or kept last; empty when none ever was.
type WitnessMark struct {
	Mark []byte `json:"mark"`
}

// Problem is the reply of a request that failed.
type Problem struct {
	Code  string `json:"code"`
	Error string `json:"error"`
}

// Class ties a sentinel to its code and HTTP status on the wire.
type Class struct {
	Err    error
	Code   string
	Status int
}

var classes = []Class{
	{ErrUnavailable, "unavailable", 503},
	{ErrBusy, "busy", 429},
	{ErrRefused, "refused", 403},
	{ErrConflict, "conflict", 409},
	{ErrIntegrity, "integrity", 422},
	{ErrPIN, "pin", 503},
	{ErrAudit, "audit", 503},
	{ErrNotSetUp, "not-set-up", 503},
}

// Classify finds the class of an error; what has none is ErrUnavailable, since
// whoever asked can do no more than ask again.
func Classify(err error) Class {
	for _, c := range classes {
		if errors.Is(err, c.Err) {
			return c
		}
	}
	return classes[0]
}

// Classified tells whether an error already carries one of the sentinels.
func Classified(err error) bool {
	for _, c := range classes {
		if errors.Is(err, c.Err) {
			return true
		}
	}
	return false
}

func sentinel(code string) error {
	for _, c := range classes {
		if c.Code == code {
			return c.Err
		}
	}
	return ErrUnavailable
}
