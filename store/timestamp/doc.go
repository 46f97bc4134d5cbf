// Package timestamp is the safe's relation to time it does not make itself:
// it asks external authorities for RFC 3161 tokens and verifies them, and it
// guards the safe's own clock.
//
// A token proves that bytes existed at a date an independent authority vouches
// for. Verify is the one judge of tokens: the client uses it on each token
// that arrives, and a verifier thirty years later uses the same code.
//
// The Guard says what time it is and how far that may be trusted. It compares
// several NTP servers, carries their agreement from one comparison to the next
// on a clock nobody can set, and keeps a mark on disk which attested time
// never falls behind.
package timestamp
