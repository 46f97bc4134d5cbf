package appliance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"casemate/appliance/storage"
	"casemate/hsm"
	"casemate/raid"
	"casemate/store"
)

// mirror is the configuration of the mirror, without those who are told of events.
func (c Config) mirror(key [32]byte, log *slog.Logger) raid.Config {
	return raid.Config{
		Command: []string{"/proc/self/exe", "volume"}, Dirs: c.Volumes.Dirs,
		StateDir: filepath.Join(c.State, "mirror"), Key: key, Log: log,
		MinFree: c.Volumes.MinFree, WriteDeadline: 30 * time.Second, Now: time.Now,
		MinCopies: c.Volumes.MinCopies, SpareAfter: c.Volumes.SpareAfter, ErrorBudget: c.Volumes.ErrorBudget,
	}
}

// ControlSocket is where the machine's own administrator is listened to.
func (c Config) ControlSocket() string {
	if c.Control.Socket != "" {
		return c.Control.Socket
	}
	return filepath.Join(c.State, "control.sock")
}

// storage is the administrator's acts on the mirror.
func (c Config) storage(m *raid.Mirror, safe *store.Safe) *storage.Storage {
	return &storage.Storage{Mirror: m, Journal: safe, MinFree: c.Volumes.MinFree,
		Own: []string{c.State, c.HSM.State}, Made: c.copySealedKey}
}

// copySealedKey puts the volumes' wrapped key beside a volume that was just made: a crash before
// leaves a volume that is whole, and one copy of the key fewer, which doctor tells.
func (c Config) copySealedKey(dir string) error {
	name := filepath.Join(dir, sealedKeyName)
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, file := range c.sealedKeyFiles() {
		if b, err := os.ReadFile(file); err == nil { // #nosec G304 -- named by the configuration
			return writeFile(name, b, 0o640)
		}
	}
	return fmt.Errorf("no copy of %s can be read", sealedKeyName)
}

// tokenWitness keeps the mirror's mark in the token, out of reach of whoever restores old disks.
type tokenWitness struct{ token *hsm.Client }

func (w tokenWitness) Load(ctx context.Context) ([]byte, error) { return w.token.Witness(ctx) }

func (w tokenWitness) Save(ctx context.Context, mark []byte) error {
	return w.token.SetWitness(ctx, mark)
}

// maxHeldEvents bounds what is remembered before the safe is open.
const maxHeldEvents = 1024

// eventRelay takes what happens to the volumes to the journal once that is open; until then it keeps
// the events, in their order. The mirror logs them by itself, also those beyond the bound.
type eventRelay struct {
	mu   sync.Mutex
	held []raid.Event
	to   func(raid.Event)
}

// tell never blocks: the mirror tells from its inside.
func (r *eventRelay) tell(e raid.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.to != nil:
		r.to(e)
	case len(r.held) < maxHeldEvents:
		r.held = append(r.held, e)
	}
}

// pass hands over what was kept, and everything from now on.
func (r *eventRelay) pass(to func(raid.Event)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.held {
		to(e)
	}
	r.held, r.to = nil, to
}
