package api

import (
	"encoding/hex"
	"fmt"
	"net/http"

	"casemate/appliance/web"
	"casemate/appliance/wire"
	"casemate/store"
	"casemate/store/proof"
)

func (a *API) status(c *call) (wire.Status, error) {
	return statusOf(a.safe.Status(c.Context()), a.version), nil
}

func (a *API) trust(c *call) (wire.Trust, error) {
	seal, tsa, vkey := a.safe.Trust(c.Context())
	s := a.safe.Status(c.Context())
	return wire.Trust{Safe: s.Origin, Demonstration: s.Demonstration, Seal: string(seal), TSA: string(tsa), Journal: vkey}, nil
}

func (a *API) problems(*call) (wire.Problems, error) {
	return wire.Problems{Problems: web.Problems()}, nil
}

func (a *API) openapi(w http.ResponseWriter, _ *call) error {
	write(w, http.StatusOK, wire.JSON, a.description)
	return nil
}

func (a *API) createVault(c *call, in wire.NewVault) (wire.Vault, error) {
	v, err := a.safe.CreateVault(c.Context(), c.who, in.Name)
	return vaultOf(v), err
}

func (a *API) vaults(c *call) (wire.Vaults, error) {
	all, err := a.safe.Vaults(c.Context(), c.who)
	reply := wire.Vaults{Vaults: make([]wire.Vault, 0, len(all))}
	for _, v := range all {
		reply.Vaults = append(reply.Vaults, vaultOf(v))
	}
	return reply, err
}

func (a *API) count(c *call) (wire.Count, error) {
	documents, bytes, err := a.safe.Count(c.Context(), c.who, c.vars["vault"])
	return wire.Count{Documents: documents, Bytes: bytes}, err
}

func (a *API) list(c *call) (wire.Documents, error) {
	after, limit, err := c.page()
	if err != nil {
		return wire.Documents{}, err
	}
	all, more, err := a.listOrLookUp(c, after, limit)
	reply := wire.Documents{Documents: make([]wire.Document, 0, len(all))}
	for _, d := range all {
		reply.Documents = append(reply.Documents, documentOf(d))
	}
	if more && len(all) > 0 {
		reply.Next = all[len(all)-1].Number
	}
	return reply, err
}

// listOrLookUp gives a page of the vault, or the documents of a fingerprint when one is asked for.
func (a *API) listOrLookUp(c *call, after uint64, limit int) ([]store.Document, bool, error) {
	if c.query["sha256"] == "" && c.query["sha3-256"] == "" {
		return a.safe.List(c.Context(), c.who, c.vars["vault"], after, limit)
	}
	var d proof.Digests
	for name, into := range map[string]*[32]byte{"sha256": &d.SHA256, "sha3-256": &d.SHA3} {
		sum, err := hex.DecodeString(c.query[name])
		if err != nil || len(sum) != len(into) {
			return nil, false, fmt.Errorf("%w: %s: a fingerprint is both digests, 64 hexadecimal digits each", store.ErrQuery, name)
		}
		copy(into[:], sum)
	}
	return a.safe.Lookup(c.Context(), c.who, c.vars["vault"], d, after, limit)
}

func (a *API) stat(c *call) (wire.Document, error) {
	id, err := c.document()
	if err != nil {
		return wire.Document{}, err
	}
	d, err := a.safe.Stat(c.Context(), c.who, id)
	return documentOf(d), err
}

func (a *API) check(c *call) (wire.Check, error) {
	id, err := c.document()
	if err != nil {
		return wire.Check{}, err
	}
	report, err := a.safe.Check(c.Context(), c.who, id)
	return checkOf(report), err
}

func (a *API) compare(c *call, in wire.CompareRequest) (wire.CompareReply, error) {
	id, err := c.document()
	if err != nil {
		return wire.CompareReply{}, err
	}
	files := make([]store.Announced, len(in.Files))
	for i, f := range in.Files {
		if files[i], err = announced(i, wire.Announced{SHA256: f.SHA256, SHA3: f.SHA3}); err != nil {
			return wire.CompareReply{}, err
		}
	}
	same, err := a.safe.Compare(c.Context(), c.who, id, files)
	return wire.CompareReply{Identical: same}, err
}

// announced turns the hexadecimal of file i (from 0) into bytes.
func announced(i int, in wire.Announced) (store.Announced, error) {
	out := store.Announced{Name: in.Name}
	for _, d := range []struct {
		name, text string
		into       *[]byte
	}{{"sha256", in.SHA256, &out.SHA256}, {"sha3-256", in.SHA3, &out.SHA3}} {
		if d.text == "" {
			continue
		}
		b, err := hex.DecodeString(d.text)
		if err != nil || len(b) != 32 {
			return out, fmt.Errorf("%w: %s of file %d is not 64 hexadecimal digits", web.ErrBadRequest, d.name, i+1)
		}
		*d.into = b
	}
	return out, nil
}

func (a *API) journal(c *call) (wire.Entries, error) {
	q := store.JournalQuery{Object: c.query["object"], User: c.query["user"]}
	var err error
	if q.After, q.Limit, err = c.page(); err != nil {
		return wire.Entries{}, err
	}
	if q.From, err = c.moment("from"); err != nil {
		return wire.Entries{}, err
	}
	if q.To, err = c.moment("to"); err != nil {
		return wire.Entries{}, err
	}
	all, err := a.safe.Journal(c.Context(), c.who, q)
	reply := wire.Entries{Entries: make([]wire.Entry, 0, len(all))}
	for _, e := range all {
		reply.Entries = append(reply.Entries, entryOf(e))
	}
	if len(all) == q.Limit {
		reply.Next = all[len(all)-1].Seq + 1
	}
	return reply, err
}

func (a *API) checkpoint(w http.ResponseWriter, c *call) error {
	note, err := a.safe.Checkpoint(c.Context())
	if err != nil {
		return err
	}
	write(w, http.StatusOK, wire.Text, note)
	return nil
}
