package proof

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Names of the parts of a receipt (ETSI EN 319 162-1, ASiC-E).
const (
	NameMimetype         = "mimetype"
	NameAttestation      = "attestation.json"
	NameFingerprint      = "META-INF/fingerprint.txt"
	NameManifest         = "META-INF/ASiCManifest001.xml"
	NameSignature        = "META-INF/signature001.p7s"
	NameInclusion        = "META-INF/inclusion.tlog-proof"
	NameEvidenceManifest = "META-INF/ASiCEvidenceRecordManifest001.xml"
	NameEvidence         = "META-INF/evidencerecord001.ers"
	NameNotBefore        = "META-INF/notbefore.tst"
	NameVerifyScript     = "META-INF/verify.sh"
	NameTrust            = "META-INF/trust/" // prefix of the three below
)

// MediaTypeReceipt is the media type of a receipt and the content of its first
// entry.
const MediaTypeReceipt = "application/vnd.etsi.asic-e+zip"

// TrustNames are the files of a trust directory. A receipt may carry them for
// convenience; nobody may believe it.
func TrustNames() []string { return []string{"seal.pem", "tsa.pem", "journal.vkey"} }

// DocumentName is a file's name in the container: "document-0001.pdf". Of the
// original name only a harmless extension is kept.
func DocumentName(index int, original string) string {
	name := fmt.Sprintf("document-%04d", index)
	if i := strings.LastIndexByte(original, '.'); i >= 0 {
		if ext := strings.ToLower(original[i+1:]); len(ext) <= 8 && isExtension(ext) {
			name += "." + ext
		}
	}
	return name
}

func isExtension(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

var documentName = regexp.MustCompile(`^document-([0-9]{4})(\.[a-z0-9]{1,8})?$`)

// isDocumentName says whether name is one DocumentName makes.
func isDocumentName(name string) bool {
	m := documentName.FindStringSubmatch(name)
	if m == nil {
		return false
	}
	n, err := strconv.Atoi(m[1])
	return err == nil && n >= 1 && n <= MaxFiles
}
