package appliance

import (
	"context"
	"crypto/sha256"
	"crypto/sha3"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// The raw limits: what the machine does without a safe.

const mebi = 1 << 20

// since is seconds of wall clock, for rates.
func since(begin time.Time) float64 { return time.Since(begin).Seconds() }

func clock() time.Time { return time.Now() } //nolint:forbidigo // measures; nothing is attested

// rawDigest is the rate of SHA3-256 on one core, MB/s.
func rawDigest() float64 {
	block := make([]byte, mebi)
	begin := clock()
	h := sha3.New256()
	const blocks = 256
	for range blocks {
		_, _ = h.Write(block)
	}
	return blocks * mebi / since(begin) / 1e6
}

// rawDigests is the rate of both digests, one after the other on one core, MB/s.
func rawDigests() float64 {
	block := make([]byte, mebi)
	begin := clock()
	a, b := sha256.New(), sha3.New256()
	const blocks = 256
	for range blocks {
		_, _ = a.Write(block)
		_, _ = b.Write(block)
	}
	return blocks * mebi / since(begin) / 1e6
}

// rawAppend writes some data to the end of a file, several times, synced each time.
func rawAppend(name string, data []byte, times int) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) // #nosec G304 -- in the benchmark's own folder
	if err != nil {
		return err
	}
	for range times {
		_, werr := f.Write(data)
		if err = errors.Join(werr, unix.Fdatasync(int(f.Fd()))); err != nil {
			break
		}
	}
	return errors.Join(err, f.Close())
}

// rawCopy copies every file below a folder behind one another into a file, synced at the end, and gives
// how many bytes that was. What is sparse (a database's files that are not full) is copied as far as
// it takes space.
func rawCopy(from, to string) (size int64, err error) {
	out, err := os.Create(to) // #nosec G304 -- in the benchmark's own folder
	if err != nil {
		return 0, err
	}
	err = filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		var st unix.Stat_t
		if err != nil || !d.Type().IsRegular() || d.Name() == "ballast" {
			return err
		}
		if err := unix.Stat(path, &st); err != nil {
			return err
		}
		in, err := os.Open(path) // #nosec G304 G122 -- as above
		if err != nil {
			return err
		}
		n, err := io.CopyN(struct{ io.Writer }{out}, in, min(st.Size, st.Blocks*512))
		size += n
		return errors.Join(err, in.Close())
	})
	return size, errors.Join(err, unix.Fdatasync(int(out.Fd())), out.Close())
}

// rawSize is what the files below a folder take, but for the ballast.
func rawSize(dir string) (size int64, err error) {
	return size, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		var st unix.Stat_t
		if err != nil || !d.Type().IsRegular() || d.Name() == "ballast" {
			return err
		}
		err = unix.Stat(path, &st)
		size += min(st.Size, st.Blocks*512)
		return err
	})
}

// rawWrite is the rate of writing the same bytes to two files at once and syncing both, MB/s.
func rawWrite(dir string, size int64) (float64, error) {
	begin := clock()
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i, name := range []string{"raw-a", "raw-b"} {
		wg.Go(func() { errs[i] = writeRaw(filepath.Join(dir, name), size) })
	}
	wg.Wait()
	rate := float64(size) / since(begin) / 1e6
	return rate, errors.Join(errs[0], errs[1])
}

func writeRaw(name string, size int64) error {
	f, err := os.Create(name) // #nosec G304 -- in the benchmark's own folder
	if err != nil {
		return err
	}
	body := &pattern{left: size}
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, body, make([]byte, mebi))
	return errors.Join(err, unix.Fdatasync(int(f.Fd())), f.Close())
}

// rawRead is the rate of reading a file that is in no cache, MB/s.
func rawRead(name string) (float64, error) {
	f, err := os.Open(name) // #nosec G304 -- in the benchmark's own folder
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }() // only read
	begin := clock()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, make([]byte, mebi))
	return float64(n) / since(begin) / 1e6, err
}

// dropCaches takes every file below a folder out of the page cache; nobody may have it mapped.
func dropCaches(dir string) error {
	unix.Sync()
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path) // #nosec G304 G122 -- in the benchmark's own folder
		if err != nil {
			return err
		}
		return errors.Join(unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED), f.Close())
	})
}

// pattern is a body of a given size that costs next to nothing to make.
type pattern struct {
	left int64
	seed byte
}

func (p *pattern) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(b)), p.left))
	for i := 0; i < n; i += 4096 { // every page differs: nothing below can fold them
		p.seed++
		b[i] = p.seed
	}
	p.left -= int64(n)
	return n, nil
}

// repeat runs act for some seconds on n goroutines at once and gives acts a second.
func repeat(ctx context.Context, n int, seconds int, act func(context.Context) error) (float64, error) {
	until, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
	defer cancel()
	var mu sync.Mutex
	var failure error
	done := 0
	begin := clock()
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for first := true; first || until.Err() == nil; first = false { // once, however slow the machine
				err := act(ctx)
				mu.Lock()
				done++
				failure = errors.Join(failure, err)
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(done) / since(begin), failure
}
