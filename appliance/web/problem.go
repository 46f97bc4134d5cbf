package web

import (
	"context"
	"errors"
	"net/http"

	"casemate/appliance/storage"
	"casemate/appliance/wire"
	"casemate/store"
	"casemate/store/identity"
)

// Refusals that have their cause in the request alone.
var (
	ErrBadRequest  = errors.New("the request is not well formed")
	ErrUnsupported = errors.New("the body has another media type than this address takes")
	ErrTooLarge    = errors.New("the request is larger than the safe reads")
	ErrTooSlow     = errors.New("too little arrived for too long")
	ErrUnknownPath = errors.New("no such address")
	ErrMethod      = errors.New("this address knows no such method")
	ErrCrossOrigin = errors.New("the request comes from another web site")
	ErrBusy        = errors.New("as many callers are served as can be")
)

// language of what a person reads. A translation adds a constant and a column.
type language int

const (
	english language = iota
	languages
)

// saying is what a person reads: what is the matter, and what to do about it.
type saying struct{ title, remedy string }

// entry is one line of the table of problems.
type entry struct {
	is     error
	status int
	code   string
	says   [languages]saying
}

// internal stands for every error that is not in the table.
var internal = entry{nil, http.StatusInternalServerError, wire.CodeInternal, [languages]saying{
	english: {"The safe failed inside.", "Give the incident number to whoever runs the safe: its log says the rest."},
}}

// problems is the one table from an error to what the caller is told. The first line
// whose error is in the chain holds, so the particular stands before the general.
var problems = []entry{
	{identity.ErrNoCertificate, http.StatusUnauthorized, wire.CodeNoCertificate, [languages]saying{
		english: {"You showed no certificate.", "Call with a client certificate issued by an access authority of this safe."}}},
	{identity.ErrUnknownAuthority, http.StatusUnauthorized, wire.CodeUnknownAuthority, [languages]saying{
		english: {"Your certificate does not come from an access authority of this safe.", "Call with a client certificate issued by an access authority of this safe; send its intermediate certificates along."}}},
	{identity.ErrExpired, http.StatusUnauthorized, wire.CodeCertificateExpired, [languages]saying{
		english: {"Your certificate has expired or is not valid yet.", "Ask the access authority for a new certificate; if yours should be valid now, compare the clocks."}}},
	{identity.ErrRevoked, http.StatusForbidden, wire.CodeCertificateRevoked, [languages]saying{
		english: {"Your certificate is revoked.", "Ask an administrator of the safe; a revoked certificate never becomes good again."}}},
	{identity.ErrUnknownCaller, http.StatusForbidden, wire.CodeUnknownCaller, [languages]saying{
		english: {"Your certificate is good, but it has no role in this safe.", "Ask an administrator to enter your certificate's issuer and serial number as a caller."}}},
	{identity.ErrForbidden, http.StatusForbidden, wire.CodeForbidden, [languages]saying{
		english: {"You may not do this.", "Ask an administrator for the role that this takes, or call with the certificate that has it."}}},
	{store.ErrForbidden, http.StatusForbidden, wire.CodeForbidden, [languages]saying{
		english: {"You may not use this vault.", "Ask an administrator to enter the vault among those of your certificate."}}},
	{ErrCrossOrigin, http.StatusForbidden, wire.CodeCrossOrigin, [languages]saying{
		english: {"A page of another web site sent this request.", "Close that page: it tried to use your certificate."}}},

	{ErrBusy, http.StatusServiceUnavailable, wire.CodeBusy, [languages]saying{
		english: {"The safe serves as many callers as it can. Nothing was kept.", "Try again in a few seconds."}}},
	{ErrTooSlow, http.StatusRequestTimeout, wire.CodeTooSlow, [languages]saying{
		english: {"Too little of the request arrived for too long.", "Send it again; nothing of it was kept."}}},
	{ErrTooLarge, http.StatusRequestEntityTooLarge, wire.CodeTooLarge, [languages]saying{
		english: {"The request is larger than the safe reads.", "Make it smaller; the limits are in the description of the API."}}},
	{ErrUnsupported, http.StatusUnsupportedMediaType, wire.CodeUnsupported, [languages]saying{
		english: {"The body has a media type that this address does not take.", "Set Content-Type to what the description of the API says for this address."}}},
	{ErrUnknownPath, http.StatusNotFound, wire.CodeUnknownPath, [languages]saying{
		english: {"There is nothing at this address.", "Look the address up at " + wire.Prefix + "/openapi.json."}}},
	{ErrMethod, http.StatusMethodNotAllowed, wire.CodeMethod, [languages]saying{
		english: {"This address does not know that method.", "Use one of the methods in the Allow header."}}},
	{ErrBadRequest, http.StatusBadRequest, wire.CodeBadRequest, [languages]saying{
		english: {"The request is not well formed.", "Correct what the detail says and send it again."}}},

	{store.ErrBadName, http.StatusBadRequest, wire.CodeBadName, [languages]saying{
		english: {"The safe does not take this name.", "Choose a name within what the detail says."}}},
	{store.ErrMetadata, http.StatusBadRequest, wire.CodeMetadata, [languages]saying{
		english: {"The safe does not take these metadata.", "Shorten or correct them as the detail says."}}},
	{store.ErrTooManyFiles, http.StatusRequestEntityTooLarge, wire.CodeTooManyFiles, [languages]saying{
		english: {"The document has too many files.", "Divide it into several documents, or pack its files into an archive."}}},
	{store.ErrEmptyObject, http.StatusBadRequest, wire.CodeEmpty, [languages]saying{
		english: {"The document has no file.", "Send at least one file part; a file of no bytes is one."}}},
	{store.ErrDigestMismatch, http.StatusUnprocessableEntity, wire.CodeDigestDiffers, [languages]saying{
		english: {"The bytes that arrived are not those announced. Nothing was kept.", "Compare the announced digests and names with the files; if they are right, the transfer altered the bytes: send them again."}}},
	{store.ErrIncomplete, http.StatusBadRequest, wire.CodeIncomplete, [languages]saying{
		english: {"The request ended before its end. Nothing was kept.", "Send the whole document again."}}},
	{store.ErrQuery, http.StatusBadRequest, wire.CodeQuery, [languages]saying{
		english: {"The question cannot be answered as it is put.", "Correct what the detail says."}}},
	{store.ErrUnknownVault, http.StatusNotFound, wire.CodeUnknownVault, [languages]saying{
		english: {"There is no such vault.", "Ask for the list of vaults, or have an administrator make it."}}},
	{store.ErrUnknownDocument, http.StatusNotFound, wire.CodeUnknownDoc, [languages]saying{
		english: {"There is no such document, or it has no such file.", "Compare the identifier with the receipt's."}}},
	{store.ErrVaultExists, http.StatusConflict, wire.CodeVaultExists, [languages]saying{
		english: {"A vault of that name exists already.", "Use it, or choose another name."}}},

	{storage.ErrBadDir, http.StatusBadRequest, wire.CodeBadDir, [languages]saying{
		english: {"This folder cannot become a volume.", "Name the absolute path of an empty folder, where its disk is mounted."}}},
	{storage.ErrNotEmpty, http.StatusConflict, wire.CodeDirNotEmpty, [languages]saying{
		english: {"This folder is not empty.", "A volume is born in an empty folder: look at what is in it, and remove only what you know to be of no use."}}},
	{storage.ErrInside, http.StatusConflict, wire.CodeDirInside, [languages]saying{
		english: {"This folder is inside a volume, or around one.", "Name a folder apart, on a disk of its own."}}},
	{storage.ErrLocked, http.StatusConflict, wire.CodeDirLocked, [languages]saying{
		english: {"The safe's program may not write there.", "Give the folder to the safe's user and name it in ReadWritePaths= of its unit, then restart the service."}}},
	{storage.ErrNotMounted, http.StatusConflict, wire.CodeNotMounted, [languages]saying{
		english: {"No disk is mounted there: it is the machine's own file system.", "Mount the disk there; if that is where you want it, say so with --same-disk (sameDisk)."}}},
	{storage.ErrSameDisk, http.StatusConflict, wire.CodeSameDisk, [languages]saying{
		english: {"Another volume is on this disk: lost, it would take two with it.", "Take another disk; if you want it all the same, say so with --same-disk (sameDisk)."}}},
	{storage.ErrNoSpace, http.StatusConflict, wire.CodeNoSpace, [languages]saying{
		english: {"The disk is too small for what the volumes hold.", "Take a disk at least as large as the others."}}},
	{storage.ErrUnknownVolume, http.StatusNotFound, wire.CodeUnknownVolume, [languages]saying{
		english: {"There is no such volume.", "Look at the volumes (casemated raid status, GET " + wire.Prefix + "/storage): each has an identity and a folder."}}},
	{store.ErrNoScrub, http.StatusConflict, wire.CodeNoScrub, [languages]saying{
		english: {"No scrub is under way.", "There is nothing to pause: casemated raid scrub status, GET " + wire.Prefix + "/scrub, tell when the next begins."}}},
	{storage.ErrState, http.StatusConflict, wire.CodeVolumeState, [languages]saying{
		english: {"This cannot be done as the volumes are now.", "See what state they are in and what each asks for: casemated raid status, GET " + wire.Prefix + "/storage."}}},

	{store.ErrIntegrity, http.StatusInternalServerError, wire.CodeIntegrity, [languages]saying{
		english: {"What is stored is not what was sealed. It is not given out.", "Tell whoever runs the safe at once, with the incident number; have the document checked."}}},
	{store.ErrSealUnavailable, http.StatusServiceUnavailable, wire.CodeSealUnavailable, [languages]saying{
		english: {"The sealing token does not answer. Nothing was kept.", "Try again in a minute; the safe restarts the token by itself."}}},
	{store.ErrTimeUntrusted, http.StatusServiceUnavailable, wire.CodeTimeUntrusted, [languages]saying{
		english: {"The safe does not trust its clock and seals nothing meanwhile. Nothing was kept.", "Try again later; whoever runs the safe finds the reason in its status."}}},
	{store.ErrStorage, http.StatusInsufficientStorage, wire.CodeStorage, [languages]saying{
		english: {"The volumes take no writes.", "Tell whoever runs the safe: a volume is full or failing."}}},
	{store.ErrClosed, http.StatusServiceUnavailable, wire.CodeStopping, [languages]saying{
		english: {"The safe is stopping.", "Try again when it runs."}}},
	{context.Canceled, http.StatusBadRequest, wire.CodeIncomplete, [languages]saying{
		english: {"The request was given up before it was answered.", "Send it again."}}},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, wire.CodeStopping, [languages]saying{
		english: {"The safe did not answer in time.", "Try again in a minute."}}},
}

func lookup(err error) entry {
	for _, e := range problems {
		if errors.Is(err, e.is) {
			return e
		}
	}
	return internal
}

// problem is the entry as the caller gets it, before anything of the occurrence.
func (e entry) problem(l language) wire.Problem {
	return wire.Problem{
		Type: wire.Prefix + "/problems#" + e.code, Title: e.says[l].title, Status: e.status,
		Code: e.code, Remedy: e.says[l].remedy,
	}
}

// Problems is every refusal a caller can meet, one for each code.
func Problems() []wire.Problem {
	var all []wire.Problem
	seen := map[string]bool{}
	for _, e := range append([]entry{internal}, problems...) {
		if !seen[e.code] {
			all = append(all, e.problem(english))
		}
		seen[e.code] = true
	}
	return all
}
