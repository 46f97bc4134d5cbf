package appliance

import (
	"archive/tar"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"casemate/appliance/backup"
)

// BenchBackupOptions are the choices of one run over backups.
type BenchBackupOptions struct {
	BenchOptions
	Medium string // an empty folder on the disk that backups go to
	Load   int64  // bytes of documents in the safe
	Turns  int    // how often each case and its raw limit are measured by turns, at least
}

// BenchBackup measures a backup, its verification and its restoring beside what the disks do with as many bytes
// without a safe, and what depositors feel of a backup. Nothing is asserted.
func BenchBackup(ctx context.Context, opt BenchBackupOptions) error {
	for _, dir := range []string{opt.Dir, opt.Medium} {
		if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
			return errors.Join(fmt.Errorf("%s: %w", dir, ErrNotEmpty), err)
		}
	}
	b := &benchBackup{benchRaid: &benchRaid{bench: newBench(opt.BenchOptions), load: opt.Load, turns: max(1, opt.Turns)}, medium: opt.Medium}
	if err := b.recovery(); err != nil {
		return err
	}
	if err := b.setUp(ctx, "volumes/a", "volumes/b"); err != nil {
		return err
	}
	if err := b.open(ctx); err != nil {
		return err
	}
	if _, err := b.deposit(ctx, &pattern{left: b.load}); err != nil {
		b.appliance.Close()
		return err
	}
	serving, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- b.appliance.ServeSource(serving) }() // and closes it
	err := b.all(ctx)
	stop()
	return errors.Join(err, <-ended)
}

type benchBackup struct {
	*benchRaid
	medium string
	key    *rsa.PrivateKey
	whom   []*x509.Certificate
	taken  int
}

// recovery makes a recovery key that nobody keeps.
func (b *benchBackup) recovery() (err error) {
	if b.key, err = rsa.GenerateKey(rand.Reader, 3072); err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, NotBefore: clock(), NotAfter: clock().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, b.key.Public(), b.key)
	if err != nil {
		return err
	}
	c, err := x509.ParseCertificate(der)
	b.whom = []*x509.Certificate{c}
	return err
}

func (b *benchBackup) all(ctx context.Context) error {
	for !isRunning(b.config) {
		if err := pauseFor(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	last, err := b.take(ctx)
	if err != nil {
		return err
	}
	chain, err := backup.OpenChain(last, 0)
	if err != nil {
		return err
	}
	size := chain.Bytes()
	rate := func(do func() error) func() (float64, error) {
		return func() (float64, error) {
			begin := clock()
			err := do()
			return float64(size) / since(begin) / 1e6, err
		}
	}
	mirror, err := b.config.volumesKey(ctx, b.appliance.token)
	if err != nil {
		return err
	}
	open := backup.RecoveryKey(b.key)
	for _, c := range []struct {
		what, limit, wanted string
		do, raw             func() error
	}{
		{"whole backup of %d MiB", "copy with SHA-256, synced every 16 MiB", "≥ 0.50",
			func() error { dir, err := b.take(ctx); return errors.Join(err, os.RemoveAll(dir)) },
			func() error { return b.rawCopies(last, true) }},
		{"%d MiB verified without a key", "reading with SHA-256", "≥ 0.90",
			func() error { return chain.CheckFiles(ctx, func(error) {}, nil) }, func() error { return b.rawCopies(last, false) }},
		{"%d MiB deciphered, each value proved", "reading with SHA-256", "≥ 0.40",
			func() error { return verifyContents(ctx, chain, open, &mirror) }, func() error { return b.rawCopies(last, false) }},
		{"%d MiB restored into a volume", "copy with SHA-256, synced every 16 MiB", "≥ 0.40",
			func() error { return b.restore(ctx, chain, open, mirror) }, func() error { return b.rawCopies(last, true) }},
	} {
		t, err := byTurns(0, b.turns, rate(c.raw), rate(c.do))
		if err != nil {
			return fmt.Errorf(c.what+": %w", size>>20, err)
		}
		b.line(t.line(BenchLine{Case: fmt.Sprintf(c.what, size>>20), Unit: "MB/s", Limit: c.limit, Wanted: c.wanted}))
	}
	return b.beside(ctx)
}

// take takes a whole backup through the control socket, as the command does.
func (b *benchBackup) take(ctx context.Context) (dir string, err error) {
	b.taken++
	dir = filepath.Join(b.medium, fmt.Sprintf("backup-%d", b.taken))
	s := newRunning(b.config.ControlSocket())
	defer s.close()
	_, err = backup.Take(ctx, backup.Options{Dir: dir, Full: true, Recipients: b.whom, Version: "bench", Now: clock,
		Box: func(w *tar.Writer) error { return b.config.box(w, b.file) }}, s)
	return dir, err
}

func (b *benchBackup) restore(ctx context.Context, chain *backup.Chain, open backup.Opener, key [32]byte) error {
	to := filepath.Join(b.medium, "restored")
	c := b.config.mirror(key, b.Log)
	c.Dirs = []string{to}
	err := restoreTo(ctx, c, chain, RestoreOptions{Open: open}, func() error { return nil })
	return errors.Join(err, os.RemoveAll(to))
}

// beside is what somebody who deposits feels of backups, one after the other.
func (b *benchBackup) beside(ctx context.Context) error {
	var lasts atomic.Bool
	ended := make(chan error, 1)
	var failed error
	err := b.besides(ctx, "backup", func() error {
		lasts.Store(true)
		go func() {
			dir, err := b.take(ctx)
			ended <- errors.Join(err, os.RemoveAll(dir))
			lasts.Store(false)
		}()
		return nil
	}, func() bool {
		select {
		case failed = <-ended:
		default:
		}
		return lasts.Load() && failed == nil
	})
	return errors.Join(err, failed)
}

// rawCopies reads the files of a backup with their SHA-256, and copies them, synced as a backup is.
func (b *benchBackup) rawCopies(from string, write bool) error {
	names, err := filepath.Glob(filepath.Join(from, "*"))
	if err != nil {
		return err
	}
	for _, name := range names {
		to := ""
		if write {
			to = filepath.Join(b.medium, "raw")
		}
		if err := rawDigested(name, to); err != nil {
			return err
		}
	}
	return nil
}

// rawDigested reads a file with its SHA-256 and, if there is where to, copies it, synced every 16 MiB; the copy goes.
func rawDigested(from, to string) error {
	in, err := os.Open(from) // #nosec G304 -- of the benchmark's own
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	sum := sha256.New()
	if to == "" {
		_, err := io.CopyBuffer(struct{ io.Writer }{sum}, struct{ io.Reader }{in}, make([]byte, mebi))
		return err
	}
	out, err := os.Create(to) // #nosec G304 -- in the benchmark's own folder
	if err != nil {
		return err
	}
	for err == nil {
		_, err = io.CopyN(io.MultiWriter(out, sum), in, 16*mebi)
		err = errors.Join(err, out.Sync())
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, out.Close(), os.Remove(to))
}
