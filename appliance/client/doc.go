// Package client speaks to a safe over HTTPS: it is what the casemate command is
// made of, and what a program that deposits documents imports.
//
// What it promises:
//
//   - TLS 1.3 with a client certificate; only the given roots are trusted, never
//     the system's; no redirect is followed;
//   - constant memory whatever the size of a document;
//   - what was sent is digested while it leaves, and what the safe says it kept is
//     compared with it; what is read is digested while it arrives and compared with
//     what the safe said of it. A difference is [ErrIntegrity];
//   - it never guesses: when a deposit's bytes are all gone and no answer came, the
//     error is [ErrUnknownOutcome], not a failure and not a success.
//
// Bodies are those of appliance/wire. Fields that a newer safe adds are ignored.
package client
