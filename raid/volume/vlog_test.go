package volume

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// valueLog makes a value log as this Badger writes it, closed cleanly, and gives its bytes.
func valueLog(t testing.TB) []byte {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "db")
	d, err := openDatabase(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		ops := []Op{{Key: fmt.Appendf(nil, "key-%d", i), Value: bytes.Repeat([]byte{byte(i + 1)}, 1500+i)}}
		if _, err := d.commit(append(ops, Op{Key: []byte("small"), Value: []byte("inline")}), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.db.Close(); err != nil {
		t.Fatal(err)
	}
	log, err := newestLog(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The walk reads a real log to its last byte, and notices every byte that is not as it was written,
// every end that is not the end, and what Badger itself would pass over: zeros.
func TestCheckValueLog(t *testing.T) {
	log := valueLog(t)
	if n, err := CheckValueLog(bytes.NewReader(log)); err != nil || n != int64(len(log)) || n < 6*1500 {
		t.Fatalf("a good log of %d bytes: %d, %v", len(log), n, err)
	}
	for at := vlogHeader; at < len(log); at += 3 {
		bad := slices.Clone(log)
		bad[at] ^= 0x41
		if _, err := CheckValueLog(bytes.NewReader(bad)); !errors.Is(err, ErrRotten) {
			t.Fatalf("byte %d flipped: %v", at, err)
		}
	}
	for _, cut := range []int{0, vlogHeader - 1, vlogHeader + 1, len(log) - 1, len(log) - 700} {
		if _, err := CheckValueLog(bytes.NewReader(log[:cut])); !errors.Is(err, ErrRotten) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	zero := slices.Clone(log)
	clear(zero[2000:5000])
	for what, bad := range map[string][]byte{"zeros within": zero, "zeros behind": append(slices.Clone(log), make([]byte, 100)...)} {
		if _, err := CheckValueLog(bytes.NewReader(bad)); !errors.Is(err, ErrRotten) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func FuzzValueLog(f *testing.F) {
	log := valueLog(f)
	f.Add(log)
	f.Add(log[:vlogHeader])
	f.Add(append(log[:vlogHeader:vlogHeader], 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := CheckValueLog(bytes.NewReader(b))
		if err == nil && n != int64(len(b)) {
			t.Errorf("%d of %d bytes were read", n, len(b))
		}
		if n > int64(len(b)) {
			t.Errorf("%d bytes of %d", n, len(b))
		}
	})
}

func TestBehind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("good"+"bad"+strings.Repeat("\x00", 3<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	for from, want := range map[int64]int64{4: 3, 7: 0, 0: 7} {
		if n, err := behind(path, from); err != nil || n != want {
			t.Errorf("behind %d: %d, %v; want %d", from, n, err, want)
		}
	}
}

// What Badger will collect next is told from its own file, newest log and logs long gone aside.
func TestCandidate(t *testing.T) {
	dir := t.TempDir()
	entry := func(log byte, bytes byte) []byte { return []byte{0, 0, 0, 0, 0, 0, 0, log, 0, 0, 0, 0, 0, 0, bytes, 0} }
	discard := slices.Concat(entry(1, 7), entry(2, 9), entry(3, 3), make([]byte, 64))
	if err := os.WriteFile(filepath.Join(dir, "DISCARD"), discard, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, n := range []uint64{1, 3, 4} {
		if err := os.WriteFile(logPath(dir, n), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if name, err := candidate(dir); err != nil || name != logPath(dir, 1) {
		t.Errorf("%q, %v", name, err)
	}
	if list, err := discards(dir); err != nil || list[1] != 7<<8 || list[3] != 3<<8 {
		t.Errorf("%v, %v", list, err)
	}
	if list, err := sealedLogs(dir); err != nil || len(list) != 2 || list[1] != logPath(dir, 3) {
		t.Errorf("%q, %v", list, err)
	}
}
