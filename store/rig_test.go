package store

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"casemate/hsm/hsmtest"
	"casemate/raid"
	"casemate/raid/raidtest"
	"casemate/store/identity"
	"casemate/store/journal"
	"casemate/store/proof"
	"casemate/store/timestamp"
	"casemate/store/verify"
)

func TestMain(m *testing.M) { raidtest.Main(m) }

const testOrigin = "casemate.example/test"

var (
	alice = identity.Caller{Name: "alice", Issuer: strings.Repeat("ab", 32), Serial: "1a", From: "127.0.0.1",
		Roles: []identity.Role{"depositor", "reader", "administrator", "auditor"}, Vaults: []string{"*"}}
	mallory = identity.Caller{Name: "mallory", Issuer: strings.Repeat("ab", 32), Serial: "66", From: "127.0.0.1",
		Roles: []identity.Role{"depositor", "reader"}, Vaults: []string{"elsewhere"}}
)

// rig is a safe on real parts: two Badger volumes and a SoftHSM token in processes of their own, an
// openssl timestamp authority. Its clock alone is the test's, to be moved and doubted at will.
type rig struct {
	t      testing.TB
	config raid.Config
	token  *hsmtest.Token
	clock  *testClock
	tsa    *authority
	mirror *raid.Mirror
	safe   *Safe
	events atomic.Pointer[Safe] // whom the mirror's events are told
}

func newRig(t testing.TB) *rig {
	t.Helper()
	return newRigOn(t, func(*rig) {})
}

// newRigOn is newRig with a word on where its volumes stand.
func newRigOn(t testing.TB, where func(*rig)) *rig {
	t.Helper()
	r := &rig{t: t, config: raidtest.Config(t, 2), token: hsmtest.Start(t, testOrigin), clock: &testClock{}, tsa: startAuthority(t)}
	where(r)
	if err := raid.Create(t.Context(), r.config); err != nil {
		t.Fatal(err)
	}
	r.open()
	if _, err := r.safe.CreateVault(t.Context(), alice, "archives"); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) settings() Config {
	r.t.Helper()
	trust := verify.Trust{Seal: x509.NewCertPool(), TSA: r.tsa.roots, JournalVKey: r.token.SetupResult.JournalVKey}
	trust.Seal.AppendCertsFromPEM(r.token.SetupResult.SealPEM)
	return Config{
		Origin: testOrigin, Demonstration: true, Mirror: r.mirror, Token: r.token.Client, Clock: r.clock,
		Authorities: r.tsa, Interval: time.Hour, AlarmAfter: 24 * time.Hour, Trust: trust,
		TrustFiles: map[string][]byte{"seal.pem": r.token.SetupResult.SealPEM, "tsa.pem": r.tsa.pem},
		ScrubRate:  -1, Log: slog.New(slog.NewTextHandler(&testLog{r.t}, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
}

func (r *rig) open() {
	r.t.Helper()
	r.config.Event = func(e raid.Event) {
		if s := r.events.Load(); s != nil {
			s.VolumeEvent(e)
		}
	}
	r.mirror = raidtest.Open(r.t, r.config)
	safe, err := Open(r.t.Context(), r.settings())
	if err != nil {
		r.t.Fatal(err)
	}
	r.safe = safe
	r.events.Store(safe)
	r.t.Cleanup(func() { _ = safe.Close() })
}

func (r *rig) close() {
	r.t.Helper()
	if err := errors.Join(r.safe.Close(), r.mirror.Close()); err != nil {
		r.t.Fatal(err)
	}
}

// parts gives the bodies as files of one object.
func parts(bodies ...[]byte) func() (Part, error) {
	i := 0
	return func() (Part, error) {
		if i == len(bodies) {
			return Part{}, io.EOF
		}
		i++
		return Part{Name: "file " + string(rune('a'+i-1)) + ".bin", Body: bytes.NewReader(bodies[i-1])}, nil
	}
}

func (r *rig) deposit(bodies ...[]byte) Document {
	r.t.Helper()
	d, err := r.safe.Deposit(r.t.Context(), alice, DepositRequest{Vault: "archives"}, parts(bodies...))
	if err != nil {
		r.t.Fatal(err)
	}
	return d
}

func (r *rig) read(id proof.DocumentID, file int) []byte {
	r.t.Helper()
	_, body, err := r.safe.Read(r.t.Context(), alice, id, file)
	if err != nil {
		r.t.Fatal(err)
	}
	defer body.Close() //nolint:errcheck // only releases
	b, err := io.ReadAll(body)
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

func (r *rig) check(id proof.DocumentID) CheckReport {
	r.t.Helper()
	report, err := r.safe.Check(r.t.Context(), alice, id)
	if err != nil {
		r.t.Fatal(err)
	}
	return report
}

func (r *rig) mustPass(id proof.DocumentID) CheckReport {
	r.t.Helper()
	report := r.check(id)
	if !report.OK {
		r.t.Fatalf("control of %s: %+v", id, report.Steps)
	}
	return report
}

// fsck demands that nothing is wrong.
func (r *rig) fsck() FsckReport {
	r.t.Helper()
	report, err := r.safe.Fsck(r.t.Context(), FsckOptions{}, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if !report.OK() {
		r.t.Fatalf("fsck: %+v", report.Findings)
	}
	return report
}

// entries gives the journal's entries about an object.
func (r *rig) entries(object string) []journal.Entry {
	r.t.Helper()
	var all []journal.Entry
	for i := range r.safe.log.Size() {
		e, _, err := r.safe.log.Entry(r.t.Context(), i)
		if err != nil {
			r.t.Fatal(err)
		}
		if object == "" || e.Object == object {
			all = append(all, e)
		}
	}
	return all
}

// lastEntry is the newest entry of an act.
func (r *rig) lastEntry(act string) journal.Entry {
	r.t.Helper()
	all := r.entries("")
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Act == act {
			return all[i]
		}
	}
	r.t.Fatalf("no entry of act %q", act)
	return journal.Entry{}
}

// nothingKept demands that no segment, stage or record is left beyond the documents given.
func (r *rig) nothingKept(documents int) {
	r.t.Helper()
	for _, kind := range []byte{typeStage, typeSegment, typeRecord, typePlace, typeFingerprint} {
		n := 0
		if err := r.safe.scan(r.t.Context(), []byte{kind}, func(_, _ []byte) error { n++; return nil }); err != nil {
			r.t.Fatal(err)
		}
		want := documents
		if kind == typeStage {
			want = 0
		}
		if n != want {
			r.t.Errorf("%d keys of type %c, want %d", n, kind, want)
		}
	}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// testClock follows the machine's clock and can be doubted, refused and moved.
type testClock struct {
	mu     sync.Mutex
	err    error
	reason string
	shift  time.Duration
	seen   []timestamp.Token
}

func (c *testClock) Read() (timestamp.Reading, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return timestamp.Reading{Time: time.Now().Add(c.shift).UTC(), Clock: proof.Clock{Trusted: c.reason == "", Reason: c.reason,
		Stratum: 2, Sources: []string{"ntp.example"}}}, c.err
}

func (c *testClock) Observe(token timestamp.Token) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, token)
}

func (c *testClock) set(reason string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reason, c.err = reason, err
}

// authority is an openssl timestamp authority in a process of its own; it can be told to be away.
type authority struct {
	timestamp.Authorities
	roots *x509.CertPool
	pem   []byte
	mu    sync.Mutex
	away  error
}

func (a *authority) Stamp(ctx context.Context, digest [32]byte) (timestamp.Token, error) {
	a.mu.Lock()
	away := a.away
	a.mu.Unlock()
	if away != nil {
		return timestamp.Token{}, away
	}
	return a.Authorities.Stamp(ctx, digest)
}

func (a *authority) set(away error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.away = away
}

// startAuthority builds and starts packaging/tsa.
func startAuthority(t testing.TB) *authority {
	t.Helper()
	program, err := filepath.Abs(filepath.Join("..", ".cache", "test", "tsa-store"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-o", program, "casemate/packaging/tsa").CombinedOutput(); err != nil { //nolint:gosec // our own
		t.Fatalf("building the authority: %v\n%s", err, out)
	}
	dir := t.TempDir()
	cmd := exec.Command(program, "--dir", dir, "--listen", "127.0.0.1:0") //nolint:gosec // our own
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url := line[strings.Index(line, "http://"):]
	root, err := os.ReadFile(filepath.Join(dir, "tsa.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(root)
	return &authority{roots: roots, pem: root, Authorities: timestamp.Authorities{
		{Name: "openssl", URL: strings.TrimSpace(url), Roots: roots, Timeout: time.Minute}}}
}

type testLog struct{ t testing.TB }

func (l *testLog) Write(p []byte) (int, error) {
	l.t.Logf("%s", bytes.TrimRight(p, "\n"))
	return len(p), nil
}
