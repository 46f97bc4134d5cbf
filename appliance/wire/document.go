package wire

import "time"

// States of a [Document].
const (
	// Provisional: sealed and in the journal, not yet under an external timestamp.
	Provisional = "provisional"
	// Proved: a timestamp round has covered it; its receipt is complete.
	Proved = "proved"
)

// Document is what the safe says of one deposit: reply of POST
// /vaults/{vault}/documents (201) and of GET /documents/{id}.
type Document struct {
	ID            string            `json:"id"`
	Vault         string            `json:"vault"` // id
	VaultName     string            `json:"vaultName"`
	Number        uint64            `json:"number"` // dense in its vault, from 1
	State         string            `json:"state"`  // Provisional or Proved
	Demonstration bool              `json:"demonstration"`
	Depositor     Party             `json:"depositor"`
	Files         []File            `json:"files"`
	Size          int64             `json:"size"`        // of all files together
	Fingerprint   Digests           `json:"fingerprint"` // one file: its digests; several: those of fingerprint.txt
	Metadata      map[string]string `json:"metadata"`
	DeclaredAt    time.Time         `json:"declaredAt"` // the safe's own word
	Clock         Clock             `json:"clock"`      // how good that word was
	NotBefore     *time.Time        `json:"notBefore,omitempty"`
	Round         uint64            `json:"round,omitempty"`    // 0 while provisional
	ProvedAt      *time.Time        `json:"provedAt,omitempty"` // the external authority's time
}

// File is one file of a document; Index counts from 1.
type File struct {
	Index     int    `json:"index"`
	Name      string `json:"name"`
	MediaType string `json:"mediaType"`
	Size      int64  `json:"size"`
	SHA256    string `json:"sha256"`
	SHA3      string `json:"sha3-256"`
}

// Party is a holder of a certificate: what identifies it is Issuer (SHA-256 of the
// issuer's SubjectPublicKeyInfo) and Serial, both hexadecimal, never the name.
type Party struct {
	Name   string `json:"name"`
	Issuer string `json:"issuer"`
	Serial string `json:"serial"`
}

// Clock is the state of the safe's clock at one moment.
type Clock struct {
	Trusted        bool     `json:"trusted"`
	Reason         string   `json:"reason,omitempty"`
	OffsetNs       int64    `json:"offsetNs"`
	RootDistanceNs int64    `json:"rootDistanceNs"`
	Stratum        int      `json:"stratum"`
	Sources        []string `json:"sources"`
}

// Documents is a page of GET /vaults/{vault}/documents, by number ascending. Next
// is what to pass as after for the following page; absent on the last one.
type Documents struct {
	Documents []Document `json:"documents"`
	Next      uint64     `json:"next,omitempty"`
}

// Check is the reply of POST /documents/{id}/check: the safe has read everything
// again and says, step by step, what held.
type Check struct {
	OK          bool      `json:"ok"`
	Provisional bool      `json:"provisional"` // no external timestamp yet; everything else was checked
	At          time.Time `json:"at"`
	Steps       []Step    `json:"steps"`
}

// Step is one verification of a [Check].
type Step struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}
