// Package wire holds the shapes that travel between the safe and whoever calls
// it: the JSON bodies of the API under [Prefix], its limits, its media types and
// its codes of refusal. The server (appliance/api) and the client share it, so
// neither can drift from the other.
//
// Conventions of every body:
//
//   - field names are camelCase, except the names of digest algorithms, which are
//     the IANA ones ("sha256", "sha3-256"), always lower-case hexadecimal;
//   - identifiers are the 26 characters of lower-case base32 (RFC 4648, clause 6,
//     without padding) of sixteen random bytes;
//   - times are RFC 3339 in UTC; durations are integers of nanoseconds whose names
//     end in "Ns"; sizes are bytes;
//   - a body that is read is read strictly: unknown field, duplicate key, invalid
//     UTF-8 or bytes behind the value are refused.
//
// The package imports nothing but the standard library: it has no opinion about
// what a value means, only about its shape.
package wire

// Prefix stands before every path of this version of the API.
const Prefix = "/api/v1"

// Media types the API speaks.
const (
	JSON    = "application/json"
	Prob    = "application/problem+json"        // RFC 9457
	Receipt = "application/vnd.etsi.asic-e+zip" // ETSI EN 319 162-1, A.1
	Text    = "text/plain; charset=utf-8"
)

// Names of the parts of a deposit (multipart/form-data, RFC 7578): one [PartMeta]
// first, then one [PartFile] for each file, in order.
const (
	PartMeta = "meta"
	PartFile = "file"
)

// Limits of what the API reads. What is beyond is refused before anything is kept.
const (
	MaxBody     = 64 << 10 // bytes of a JSON request body
	MaxMeta     = 1 << 20  // bytes of the meta part: room for MaxFiles announced names and digests
	MaxMetadata = 32 << 10 // bytes of all metadata keys and values together
	MaxName     = 1024     // bytes of a file name, UTF-8
	MaxFiles    = 1000     // files of one document
	MaxPage     = 500      // elements of one page of a list
	DefaultPage = 100      // elements of a page when the caller names no limit
)
