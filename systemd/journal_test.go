package systemd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/coreos/go-systemd/v22/journal"
	"golang.org/x/sys/unix"
)

// The child stands on a machine of its own (a mount namespace) whose journal is a socket of the test's: it
// logs by the handler as the daemon does, and prints what the socket received.
const journalChild = "CASEMATE_TEST_JOURNAL"

func init() {
	if how := os.Getenv(journalChild); how != "" {
		if err := logToJournal(how); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

func logToJournal(how string) error {
	const dir = "/run/systemd/journal"
	if err := errors.Join(unix.Mount("none", "/run", "tmpfs", 0, "size=8m"), os.MkdirAll(dir, 0o755)); err != nil {
		return err
	}
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: dir + "/socket", Net: "unixgram"})
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(2, &st); err != nil {
		return err
	}
	if how == "stream" {
		os.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", st.Dev, st.Ino))
	} else {
		os.Setenv("JOURNAL_STREAM", how) // of somebody else
	}
	h := JournalHandler("casemated", slog.LevelInfo, slog.NewTextHandler(os.Stdout, nil))
	if h == nil {
		fmt.Println("no journal")
		return nil
	}
	log := slog.New(h)
	log.Debug("never said")
	log.With("incident", "abc").WithGroup("tls").Warn("a request\nfailed", "code", "forbidden", "took", 1500*time.Millisecond, slog.Group("from", "ip", "::1"))
	if err := socket.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	b := make([]byte, 1<<16)
	n, err := socket.Read(b)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(b[:n])
}

func journalRun(t *testing.T, how string) string {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), journalChild+"="+how)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// TestJournalGetsFields reads what goes to the socket by journald's native protocol.
func TestJournalGetsFields(t *testing.T) {
	var packet []byte
	if err := json.Unmarshal([]byte(journalRun(t, "stream")), &packet); err != nil {
		t.Fatal(err)
	}
	const message = "a request\nfailed incident=abc tls.code=forbidden tls.took=1.5s tls.from.ip=::1"
	for _, want := range []string{"PRIORITY=4\n", "SYSLOG_IDENTIFIER=casemated\n", "CASEMATE_INCIDENT=abc\n", "CASEMATE_TLS_CODE=forbidden\n",
		"CASEMATE_TLS_TOOK=1.5s\n", "CASEMATE_TLS_FROM_IP=::1\n",
		"MESSAGE\n" + string([]byte{byte(len(message)), 0, 0, 0, 0, 0, 0, 0}) + message + "\n"} {
		if !bytes.Contains(packet, []byte(want)) {
			t.Errorf("no %q in\n%q", want, packet)
		}
	}
	if bytes.Contains(packet, []byte("never said")) {
		t.Error("what is below the level is said")
	}
}

// TestNoJournalWhereNoneIs: the standard error of a shell, or of another stream, is left as it is.
func TestNoJournalWhereNoneIs(t *testing.T) {
	for _, how := range []string{"1:1", "nonsense"} {
		if out := journalRun(t, how); out != "no journal\n" {
			t.Errorf("JOURNAL_STREAM=%s: %s", how, out)
		}
	}
}

// TestJournalAwayGoesElsewhere: what the journal does not take is not lost.
func TestJournalAwayGoesElsewhere(t *testing.T) {
	var b strings.Builder
	h := &journalHandler{level: slog.LevelInfo, otherwise: slog.NewTextHandler(&b, nil),
		send: func(string, journal.Priority, map[string]string) error { return io.ErrClosedPipe }}
	slog.New(h).With("a", 1).WithGroup("g").Error("lost?", "b", 2)
	if !strings.Contains(b.String(), "lost?") || !strings.Contains(b.String(), "a=1 g.b=2") {
		t.Errorf("%q", b.String())
	}
}

// TestJournalHandlerIsAHandler holds it to the rules of slog itself.
func TestJournalHandlerIsAHandler(t *testing.T) {
	var got []map[string]any
	slogtest.Run(t, func(*testing.T) slog.Handler {
		return &journalHandler{level: slog.LevelDebug, otherwise: slog.DiscardHandler, send: func(text string, _ journal.Priority, _ map[string]string) error {
			got = append(got, nested(text))
			return nil
		}}
	}, func(t *testing.T) map[string]any {
		if len(got) == 0 {
			t.Fatal("nothing was sent")
		}
		last := got[len(got)-1]
		if strings.HasSuffix(t.Name(), "/zero-time") {
			delete(last, slog.TimeKey)
		}
		return last
	})
}

// nested turns the fields of the message back into groups, as slogtest wants them. The journal itself
// stamps the time.
func nested(text string) map[string]any {
	message, rest, _ := strings.Cut(text, " ")
	all := map[string]any{slog.MessageKey: message, slog.LevelKey: slog.LevelInfo, slog.TimeKey: time.Now()}
	for part := range strings.FieldsSeq(rest) {
		path, value, _ := strings.Cut(part, "=")
		at := all
		keys := strings.Split(path, ".")
		for _, key := range keys[:len(keys)-1] {
			if at[key] == nil {
				at[key] = map[string]any{}
			}
			at = at[key].(map[string]any)
		}
		at[keys[len(keys)-1]] = value
	}
	return all
}

func TestFieldNames(t *testing.T) {
	for key, want := range map[string]string{"code": "CASEMATE_CODE", "a.b-c": "CASEMATE_A_B_C", "é": "CASEMATE__", "": "CASEMATE_",
		"_MESSAGE": "CASEMATE__MESSAGE", strings.Repeat("x", 99): "CASEMATE_" + strings.Repeat("X", 55)} {
		if got := fieldName(key); got != want {
			t.Errorf("%q: %s, want %s", key, got, want)
		}
	}
}
