package api

import (
	"net/http"

	"casemate/appliance/storage"
	"casemate/appliance/web"
	"casemate/appliance/wire"
	"casemate/store/identity"
)

// Who may do what. Rights joined by | mean that one of them is enough. The right to
// administer opens no journal, and no document but the safe's reports about itself.
var (
	anybody    = web.Public
	known      = web.Need(identity.RightAny)
	depositing = web.Need(identity.RightDeposit)
	reading    = web.Need(identity.RightRead)
	// These reports are open to who oversees the safe; of every other document the safe itself asks for
	// the right to read (or, of a depositor, that it is his own).
	viewing    = web.Need(identity.RightRead | identity.RightAudit | identity.RightAdminister)
	describing = web.Need(identity.RightRead | identity.RightDeposit | identity.RightAudit | identity.RightAdminister)
	auditing   = web.Need(identity.RightAudit)
	running    = web.Need(identity.RightAdminister)
	overseeing = web.Need(identity.RightAdminister | identity.RightAudit)
)

// routes is the API.
func routes() []route {
	return []route{
		get("/status", known, "status", "How the safe is", nil, (*API).status),
		get("/trust", known, "trust", "The anchors this safe says are its own", nil, (*API).trust),
		get("/problems", anybody, "", "Every refusal, with its remedy", nil, (*API).problems),
		stream("/openapi.json", anybody, "", "This description", wire.JSON, nil, (*API).openapi),

		post("/vaults", running, "vault-create", "Make a vault", http.StatusCreated, (*API).createVault),
		get("/vaults", known, "vaults", "The vaults the caller may use", nil, (*API).vaults),
		get("/vaults/{vault}/count", known, "count", "How many documents a vault has", nil, (*API).count),
		get("/vaults/{vault}/documents", viewing, "list", "Documents of a vault, by number or by fingerprint", listing, (*API).list),
		form[wire.Meta]("/vaults/{vault}/documents", depositing, "deposit", "Deposit a document of one or more files", (*API).deposit),

		get("/documents/{id}", describing, "stat", "What is attested of a document, and how far it is proved", nil, (*API).stat),
		stream("/documents/{id}/files/{n}", viewing, "read", "The original bytes of a file", anyMedia, nil, (*API).read),
		stream("/documents/{id}/receipt", describing, "receipt", "The receipt, with the document or detached", wire.Receipt, detaching, (*API).receipt),
		run("/documents/{id}/check", viewing, "check", "Have the safe verify a document on every volume", (*API).check),
		post("/documents/{id}/compare", reading, "compare", "Whether files of these digests are the document", http.StatusOK, (*API).compare),

		get("/journal", auditing, "journal-read", "Entries of the journal", searching, (*API).journal),
		stream("/journal/checkpoint", known, "checkpoint", "The last signed checkpoint (C2SP tlog-checkpoint)", wire.Text, nil, (*API).checkpoint),

		get("/storage", overseeing, "storage", "The mirror and each of its volumes", nil, (*API).volumes),
		post("/storage/volumes", running, storage.ActAdd, "Make an empty folder a volume, or a spare", http.StatusCreated, (*API).addVolume),
		post("/storage/volumes/{volume}/replace", running, storage.ActReplace, "Retire a volume for good, an empty folder in its place", http.StatusCreated, (*API).replaceVolume),
		run("/storage/volumes/{volume}/remove", running, storage.ActRemove, "Retire a volume for good", (*API).removeVolume),
		run("/storage/volumes/{volume}/detach", running, storage.ActDetach, "Close a volume, to be carried away", (*API).detachVolume),
		post("/storage/volumes/{volume}/resilver", running, storage.ActResilver, "Have a volume brought up at once", http.StatusOK, (*API).resilverVolume),
		run("/storage/volumes/{volume}/reclaim", running, storage.ActReclaim, "Give space of what was removed back to the file system", (*API).reclaimVolume),
		get("/scrub", overseeing, "scrub-status", "How the re-reading of everything is", nil, (*API).scrub),
		post("/scrub", running, "scrub", "Start or pause it", http.StatusOK, (*API).setScrub),
	}
}

// Media types that are no shape of package wire.
const (
	formData = "multipart/form-data"
	anyMedia = "*/*"
)

var (
	integer = map[string]any{"type": "integer", "minimum": 0}
	moment  = map[string]any{"type": "string", "format": "date-time"}
	text    = map[string]any{"type": "string"}
	bit     = map[string]any{"type": "string", "enum": []string{"0", "1"}}
	size    = map[string]any{"type": "integer", "minimum": 1, "maximum": wire.MaxPage, "default": wire.DefaultPage}

	paging = []param{
		{"after", integer, "where the page begins: next of the page before"},
		{"limit", size, "the most that the page has"},
	}
	listing = append([]param{
		{"sha256", text, "with sha3-256: only the documents of this fingerprint, hexadecimal"},
		{"sha3-256", text, "with sha256"},
	}, paging...)
	detaching = []param{{"detached", bit, "1 leaves the document's bytes out"}}
	searching = append([]param{
		{"object", text, "identifier of a document or a vault"},
		{"user", text, "name of a caller"},
		{"from", moment, "the earliest time"},
		{"to", moment, "the latest time"},
	}, paging...)
)
