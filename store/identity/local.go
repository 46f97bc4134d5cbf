package identity

import "strconv"

// LocalIssuer stands in a [Caller] for the machine itself. No authority has it: an [IssuerID] is 64
// hexadecimal digits.
const LocalIssuer = "local"

// Local is an administrator of the machine, known by his user number (the kernel's word on the other
// end of a local socket) and by no certificate. He may administer and nothing else: this way he opens
// no journal, and no document but the safe's reports about itself. Who lets him in has compared the number.
func Local(uid uint32) Caller {
	number := strconv.FormatUint(uint64(uid), 10)
	return Caller{Name: "local user " + number, Issuer: LocalIssuer, Serial: number, From: LocalIssuer,
		Roles: []Role{Administrator}}
}
