package wire

import "time"

// Entries is a page of GET /journal, by sequence ascending. Next is what to pass
// as after for the following page; absent on the last one.
type Entries struct {
	Entries []Entry `json:"entries"`
	Next    uint64  `json:"next,omitempty"`
}

// Entry is one line of the journal as a person reads it. What was hashed is the
// stored canonical form; this is a rendering of it.
type Entry struct {
	Seq    uint64            `json:"seq"`
	At     time.Time         `json:"at"`
	Actor  Actor             `json:"actor"`
	Act    string            `json:"act"`
	Vault  string            `json:"vault,omitempty"`
	Object string            `json:"object,omitempty"`
	Result string            `json:"result"` // intent, done, refused, failed, abandoned
	Reason string            `json:"reason,omitempty"`
	Refs   map[string]string `json:"refs,omitempty"`
	Prev   string            `json:"prev"` // hex, the leaf hash of the entry before
}

// Actor is who caused an [Entry].
type Actor struct {
	Name   string `json:"name,omitempty"`
	Issuer string `json:"issuer,omitempty"`
	Serial string `json:"serial,omitempty"`
	From   string `json:"from,omitempty"` // network address
}

// Trust is the reply of GET /trust: what this safe says its anchors are. It is a
// convenience: an outsider takes the anchors from the minutes of the ceremony, not
// from the party whose word is to be verified.
type Trust struct {
	Safe          string `json:"safe"` // origin of the journal
	Demonstration bool   `json:"demonstration"`
	Seal          string `json:"seal"`    // PEM: seal.pem
	TSA           string `json:"tsa"`     // PEM: tsa.pem
	Journal       string `json:"journal"` // C2SP verification key: journal.vkey
}
