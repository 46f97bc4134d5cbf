package identity

import (
	"fmt"
	"strings"
)

// Role is what a table gives a caller; several may be given.
type Role string

// The roles. None includes another: whoever administers the safe cannot read what
// is in it, whoever deposits does not thereby read.
const (
	Depositor     Role = "depositor"
	Reader        Role = "reader"
	Auditor       Role = "auditor"
	Administrator Role = "administrator"
	// Officer decides, with a second one, what the safe cannot decide by itself.
	Officer Role = "officer"
)

// Right is what an act asks of its caller. Rights are bits: an act that asks for
// RightRead|RightAudit is open to whoever has one of the two.
type Right int

// The rights.
const (
	RightDeposit    Right = 1 << iota // put documents in
	RightRead                         // read documents and what is said of them
	RightAudit                        // read the journal, have the safe check itself
	RightAdminister                   // make vaults, look after the volumes
	RightDecide                       // say, with another, which history of the volumes is true

	// RightAny is for any caller the table knows, whatever its role.
	RightAny = RightDeposit | RightRead | RightAudit | RightAdminister | RightDecide
)

var rights = map[Role]Right{
	Depositor:     RightDeposit,
	Reader:        RightRead,
	Auditor:       RightAudit,
	Administrator: RightAdminister,
	Officer:       RightDecide,
}

// Roles lists every role, for messages.
func Roles() []Role { return []Role{Depositor, Reader, Auditor, Administrator, Officer} }

// ParseRole reads a role's name.
func ParseRole(s string) (Role, error) {
	if _, ok := rights[Role(s)]; !ok {
		return "", fmt.Errorf("role %q is none of %v", s, Roles())
	}
	return Role(s), nil
}

// String names the rights for a sentence: "read or audit".
func (r Right) String() string {
	names := []string{"deposit", "read", "audit", "administer", "decide"}
	var have []string
	for i, name := range names {
		if r&(1<<i) != 0 {
			have = append(have, name)
		}
	}
	if len(have) == 0 {
		return "nothing"
	}
	return strings.Join(have, " or ")
}
