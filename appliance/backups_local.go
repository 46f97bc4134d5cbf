package appliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"casemate/appliance/backup"
	"casemate/appliance/web"
	"casemate/store/identity"
)

// Addresses on this machine's own socket, for its administrators alone: nobody calls them from outside.
const (
	pathBackups    = "/local/backups"
	pathBackup     = "/local/backup"
	pathKnown      = "/local/backup/known"
	pathBackupSeal = "/local/backup/seal"
	pathBackupEnd  = "/local/backup/end"
	pathDrill      = "/local/drill"
	pathDrillEnd   = "/local/drill/end"
)

// backupEnd is the body that ends a backup.
type backupEnd struct {
	ID string `json:"id"`
	backup.Ended
}

// maxLocalBody bounds what a request of these may say.
const maxLocalBody = 1 << 20

// localBackups puts the addresses of backup and drill before others on this machine's own socket. What is
// under way when ctx ends is given up at once: stopping a safe does not wait for a medium.
func (a *Appliance) localBackups(ctx context.Context, door *web.Door, others http.Handler) http.Handler {
	b := &backups{a: a, life: ctx}
	routes := map[string]func(http.ResponseWriter, *http.Request, identity.Caller) error{
		pathBackup: b.serveTake, pathKnown: b.serveKnown, pathBackupSeal: b.serveSeal, pathBackupEnd: b.serveEnd,
		pathDrill: b.serveDrill, pathDrillEnd: b.serveDrillEnd, pathBackups: b.serveRecord,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serve, mine := routes[r.URL.Path]
		if !mine || r.Method != http.MethodPost {
			others.ServeHTTP(w, r)
			return
		}
		web.Route(r, r.URL.Path)
		who, err := door.Enter(r, web.Need(identity.RightAdminister))
		if err != nil {
			door.Refuse(w, r, "backup", r.URL.Path, err, false)
			return
		}
		begun := &begun{ResponseWriter: w}
		if err := serve(begun, r, who); err != nil {
			a.log.Warn("a backup or a drill", "address", r.URL.Path, "error", err)
			if begun.yes {
				panic(http.ErrAbortHandler) // what was sent is not whole, and must not look it
			}
			answer(w, http.StatusConflict, localRefusal{Error: err.Error(), Code: codeOf(err)})
		}
	})
}

// begun notes whether an answer was begun.
type begun struct {
	http.ResponseWriter
	yes bool
}

func (b *begun) Write(p []byte) (int, error) { b.yes = true; return b.ResponseWriter.Write(p) }

// Unwrap is for http.ResponseController.
func (b *begun) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// localRefusal is an error on its way to the command: both ends are of one version.
type localRefusal struct {
	Error string `json:"error"`
	Code  string `json:"code"`
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // whoever asked is gone else
}

func body(r *http.Request, v any) error {
	b, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxLocalBody))
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", web.ErrBadRequest, err)
	}
	return nil
}

func (b *backups) serveRecord(w http.ResponseWriter, r *http.Request, _ identity.Caller) error {
	answer(w, http.StatusOK, b.a.safe.Backups())
	return nil
}

func (b *backups) serveTake(w http.ResponseWriter, r *http.Request, who identity.Caller) error {
	var q backup.Request
	if err := body(r, &q); err != nil {
		return err
	}
	ctx, cancel := b.during(r.Context())
	defer cancel()
	sent := &begun{ResponseWriter: w}
	return b.take(ctx, who, q, sent, func() error {
		if !sent.yes { // it is refused, in an answer of its own
			return nil
		}
		return http.NewResponseController(w).Flush()
	})
}

// known is the body that asks what a manifest is to the safe, and the answer.
type known struct {
	Manifest []byte          `json:"manifest,omitempty"`
	Standing backup.Standing `json:"standing,omitempty"`
}

func (b *backups) serveKnown(w http.ResponseWriter, r *http.Request, _ identity.Caller) error {
	var k known
	if err := body(r, &k); err != nil {
		return err
	}
	is, _, err := b.knows(r.Context(), k.Manifest)
	if err == nil {
		answer(w, http.StatusOK, known{Standing: is})
	}
	return err
}

func (b *backups) serveSeal(w http.ResponseWriter, r *http.Request, _ identity.Caller) error {
	var m backup.Manifest
	if err := body(r, &m); err != nil {
		return err
	}
	m, err := b.seal(m)
	if err == nil {
		answer(w, http.StatusOK, m)
	}
	return err
}

func (b *backups) serveEnd(w http.ResponseWriter, r *http.Request, _ identity.Caller) error {
	var e backupEnd
	err := body(r, &e)
	if err == nil {
		err = b.end(e.ID, e.Ended)
	}
	if err == nil {
		answer(w, http.StatusOK, struct{}{})
	}
	return err
}

// serveDrill answers twice: with the drill's name at its beginning, and with how the safe took its end.
func (b *backups) serveDrill(w http.ResponseWriter, r *http.Request, who identity.Caller) error {
	var q backup.Request
	if err := body(r, &q); err != nil {
		return err
	}
	rc := http.NewResponseController(w)
	ctx, cancel := b.during(r.Context())
	defer cancel()
	err := b.drill(ctx, who, q.Medium, func(id string) error {
		answer(w, http.StatusOK, drillEnd{ID: id})
		return rc.Flush()
	})
	if errors.Is(err, backup.ErrBusy) || errors.Is(err, context.Canceled) {
		return err
	}
	var said localRefusal
	if err != nil {
		said = localRefusal{Error: err.Error(), Code: codeOf(err)}
	}
	return json.NewEncoder(w).Encode(said)
}

func (b *backups) serveDrillEnd(w http.ResponseWriter, r *http.Request, _ identity.Caller) error {
	var e drillEnd
	err := body(r, &e)
	if err == nil {
		err = b.drilled(e)
	}
	if err == nil {
		answer(w, http.StatusOK, struct{}{})
	}
	return err
}

// nothingElse answers where only backups and drills are served.
var nothingElse = http.NotFoundHandler()
