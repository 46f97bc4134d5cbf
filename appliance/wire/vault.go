package wire

import "time"

// NewVault is the body of POST /vaults.
type NewVault struct {
	Name string `json:"name"`
}

// Vault is a closed set of documents under one key: reply of POST /vaults (201).
// Where a path has {vault}, its name stands.
type Vault struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Documents uint64    `json:"documents"`
	Bytes     uint64    `json:"bytes"`
	Created   time.Time `json:"created"`
}

// Vaults is the reply of GET /vaults: those the caller may use.
type Vaults struct {
	Vaults []Vault `json:"vaults"`
}

// Count is the reply of GET /vaults/{vault}/count.
type Count struct {
	Documents uint64 `json:"documents"`
	Bytes     uint64 `json:"bytes"`
}
