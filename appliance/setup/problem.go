package setup

// Problem is one thing that keeps a box from being set up.
type Problem struct {
	Key    string `json:"key,omitempty"` // of the answer it is about
	Code   string `json:"code"`          // one of the constants below
	Detail string `json:"detail,omitempty"`
}

// The codes of problems; package words has a sentence and a remedy for each.
const (
	BadRoot      = "not-root"      // it takes root
	BadUsers     = "users"         // the package's users are not there
	BadAnswer    = "answer"        // an answer is not what it may be
	BadSetUp     = "set-up"        // a safe was set up here already
	BadReadOnly  = "read-only"     // a folder cannot be written to
	BadSpace     = "space"         // the system's disk is full
	BadEntropy   = "entropy"       // the kernel has no random numbers yet
	BadTime      = "time"          // the clock stands where it cannot be
	BadServers   = "servers"       // no time server answers
	BadClock     = "clock"         // they say that the clock is wrong
	BadAuthority = "authority"     // no authority answers as it should
	BadRoots     = "roots"         // its roots are no certificates
	BadCeremony  = "ceremony"      // nobody said that he knows that none is held
	BadVolumes   = "volumes"       // there are too few
	BadDir       = "dir"           // no folder that may become a volume
	BadNotEmpty  = "not-empty"     // it holds something
	BadInside    = "inside"        // one is in another
	BadSameDisk  = "same-disk"     // two share a disk
	BadNoMount   = "not-mounted"   // it lies on the system's disk
	BadSmall     = "small"         // it is too small
	BadLocked    = "locked"        // it cannot be written to
	BadDevice    = "device"        // it is no disk
	BadTwice     = "device-twice"  // it is named twice
	BadUsed      = "device-used"   // somebody has it
	BadData      = "device-data"   // it holds data, and was not named exactly
	BadModule    = "module"        // it is no PKCS#11 library
	BadTokenHere = "token-there"   // a token of that label is there
	BadGiven     = "token-given"   // no initialised token of that label is there
	BadHolds     = "token-holds"   // it has keys of a safe
	BadLeft      = "token-left"    // what was made in it is there still
	BadNoToken   = "token-none"    // no blank token is there
	BadToken     = "token-refused" // the token cannot do what is needed, or refuses
	BadPIN       = "pin"           // a PIN cannot be used, or the token refuses it
	BadCreds     = "credential"    // a PIN cannot be encrypted here
	BadPersons   = "persons"       // nobody would be able to administer
	BadPerson    = "person"        // a person cannot get a certificate
)

// Codes are all of them.
var Codes = []string{BadRoot, BadUsers, BadAnswer, BadSetUp, BadReadOnly, BadSpace, BadEntropy, BadTime, BadServers, BadClock,
	BadAuthority, BadRoots, BadCeremony, BadVolumes, BadDir, BadNotEmpty, BadInside, BadSameDisk, BadNoMount, BadSmall, BadLocked,
	BadDevice, BadTwice, BadUsed, BadData, BadModule, BadTokenHere, BadGiven, BadHolds, BadLeft, BadNoToken, BadToken, BadPIN, BadCreds, BadPersons, BadPerson}
