package wire

import "fmt"

// Problem is a refusal (RFC 9457), served as [Prob]. Code is the stable name to
// program against; Title and Remedy are whole sentences for a person; Detail says
// what is particular to this occurrence. Incident names the lines of the safe's
// log that tell the rest: always there when Code is [CodeInternal].
type Problem struct {
	Type     string `json:"type"` // Prefix + "/problems#" + Code: GET /problems has them all
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail,omitempty"`
	Code     string `json:"code"`
	Remedy   string `json:"remedy,omitempty"`
	Incident string `json:"incident,omitempty"`
}

// Error makes a problem that a client received usable as an error.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return fmt.Sprintf("%s (%s)", p.Title, p.Code)
	}
	return fmt.Sprintf("%s (%s): %s", p.Title, p.Code, p.Detail)
}

// Problems is the reply of GET /problems: every refusal the API knows, by code.
type Problems struct {
	Problems []Problem `json:"problems"`
}

// Codes of [Problem]. They never change their meaning; new ones may come.
const (
	// The caller.
	CodeNoCertificate      = "no-certificate"      // 401
	CodeUnknownAuthority   = "unknown-authority"   // 401: certificate of another authority
	CodeCertificateExpired = "certificate-expired" // 401: or not yet valid
	CodeCertificateRevoked = "certificate-revoked" // 403
	CodeUnknownCaller      = "unknown-caller"      // 403: good certificate, no role here
	CodeForbidden          = "forbidden"           // 403: no role with that right, or not that vault
	CodeCrossOrigin        = "cross-origin"        // 403

	// The request.
	CodeBadRequest    = "bad-request"        // 400
	CodeBadName       = "bad-name"           // 400
	CodeMetadata      = "bad-metadata"       // 400
	CodeIncomplete    = "incomplete"         // 400: the body ended before its end
	CodeUnknownPath   = "unknown-path"       // 404
	CodeUnknownVault  = "unknown-vault"      // 404
	CodeUnknownDoc    = "unknown-document"   // 404
	CodeMethod        = "method-not-allowed" // 405
	CodeVaultExists   = "vault-exists"       // 409
	CodeEmpty         = "empty-document"     // 400: no file part came
	CodeQuery         = "bad-query"          // 400
	CodeTooLarge      = "too-large"          // 413
	CodeTooManyFiles  = "too-many-files"     // 413
	CodeUnsupported   = "unsupported-media"  // 415
	CodeDigestDiffers = "digest-mismatch"    // 422: the bytes are not those announced
	CodeTooSlow       = "too-slow"           // 408: too little came for too long

	// The volumes.
	CodeBadDir        = "bad-directory"       // 400: not absolute, not there, or no directory
	CodeDirNotEmpty   = "directory-not-empty" // 409
	CodeDirInside     = "directory-inside"    // 409: a volume's, or around one
	CodeDirLocked     = "directory-locked"    // 409: the safe's program may not write there
	CodeNotMounted    = "not-mounted"         // 409: the system's own file system lies there
	CodeSameDisk      = "same-disk"           // 409: as another volume
	CodeNoSpace       = "no-space"            // 409: for what the volumes hold
	CodeUnknownVolume = "unknown-volume"      // 404
	CodeNoScrub       = "no-scrub"            // 409: there is none to pause
	CodeVolumeState   = "volume-state"        // 409: it cannot be done as the volumes are now

	// The safe.
	CodeInternal        = "internal"         // 500: see the incident
	CodeIntegrity       = "integrity"        // 500: stored bytes failed their check on every volume
	CodeSealUnavailable = "seal-unavailable" // 503: the token does not answer
	CodeTimeUntrusted   = "time-untrusted"   // 503
	CodeStorage         = "storage"          // 507: full or read-only
	CodeStopping        = "stopping"         // 503: the safe is going down
	CodeBusy            = "busy"             // 503: every connection is in use; Retry-After says when to come back
)
