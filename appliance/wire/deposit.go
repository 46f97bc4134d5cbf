package wire

// Meta is the first part of a deposit. Both fields may be left out.
type Meta struct {
	Metadata map[string]string `json:"metadata,omitempty"` // kept exactly, attested
	Files    []Announced       `json:"files,omitempty"`    // by order of the file parts; may be shorter
}

// Announced is what the depositor says of a file before its bytes arrive. A field
// left out is not announced; one that is there must agree with what arrives, or
// the whole deposit is refused with [CodeDigestDiffers].
type Announced struct {
	Name   string `json:"name,omitempty"`
	SHA256 string `json:"sha256,omitempty"`   // 64 hexadecimal digits
	SHA3   string `json:"sha3-256,omitempty"` // 64 hexadecimal digits
}

// CompareRequest asks whether files are those of a document, without sending them:
// one element a file, in the document's order, each with its SHA-256 at least.
type CompareRequest struct {
	Files []Digests `json:"files"`
}

// CompareReply answers [CompareRequest].
type CompareReply struct {
	Identical bool `json:"identical"`
}

// Digests are a file's, or an object's, two digests in lower-case hexadecimal.
type Digests struct {
	SHA256 string `json:"sha256,omitempty"`
	SHA3   string `json:"sha3-256,omitempty"`
}
