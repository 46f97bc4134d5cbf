package raid_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"casemate/raid"
	"casemate/raid/raidtest"
)

// loaded is a mirror of two volumes that hold so many MiB, in values of 1 MiB.
func loaded(b *testing.B, mib int) (*raid.Mirror, raid.Config) {
	b.Helper()
	c := raidtest.Config(b, 2)
	if err := raid.Create(b.Context(), c); err != nil {
		b.Fatal(err)
	}
	m := raidtest.Open(b, c)
	data := make([]byte, 8<<20)
	_, _ = rand.Read(data)
	for n := 0; n < mib; n += 8 {
		var ops []raid.Op
		for i := range 8 {
			ops = append(ops, raid.Op{Key: fmt.Appendf(nil, "k/%06d", n+i), Value: data[i<<20 : (i+1)<<20]})
		}
		if _, err := m.Write(b.Context(), ops); err != nil {
			b.Fatal(err)
		}
	}
	return m, c
}

// filled anew: a volume, from the moment it is asked for until it is in sync.
func refill(b *testing.B, m *raid.Mirror, c raid.Config) {
	b.Helper()
	generation := m.Status().Volumes[1].Generation
	if err := m.Resilver(b.Context(), raid.Ref(c.Dirs[1]), true); err != nil {
		b.Fatal(err)
	}
	eventually(b, "filled anew", func() bool {
		s := m.Status()
		return s.State == raid.Healthy && s.Volumes[1].Generation > generation
	})
}

// BenchmarkResilver fills a volume of 512 MiB anew, in turn with the raw limit: the files of its twin's
// database copied by their data, and synced.
func BenchmarkResilver(b *testing.B) {
	const mib = 512
	m, c := loaded(b, mib)
	var limit, mirror time.Duration
	for b.Loop() {
		start := time.Now()
		copyRaw(b, filepath.Join(c.Dirs[0], "db.1"), b.TempDir())
		limit += time.Since(start)
		start = time.Now()
		refill(b, m, c)
		mirror += time.Since(start)
	}
	bytes := float64(b.N) * mib * (1 << 20) / 1e6
	b.ReportMetric(bytes/limit.Seconds(), "raw-MB/s")
	b.ReportMetric(bytes/mirror.Seconds(), "resilver-MB/s")
	b.ReportMetric(limit.Seconds()/mirror.Seconds(), "ratio")
}

func copyRaw(b *testing.B, from, to string) {
	b.Helper()
	names, err := os.ReadDir(from)
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range names {
		if err := copyData(filepath.Join(from, n.Name()), filepath.Join(to, n.Name())); err != nil {
			b.Fatal(err)
		}
	}
}

// copyData copies what is no hole, and syncs it.
func copyData(from, to string) (err error) {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	dst, err := os.Create(to)
	if err != nil {
		return errors.Join(err, src.Close())
	}
	defer func() { err = errors.Join(err, dst.Sync(), dst.Close(), src.Close()) }()
	for at := int64(0); ; {
		data, serr := unix.Seek(int(src.Fd()), at, unix.SEEK_DATA)
		if errors.Is(serr, unix.ENXIO) {
			return nil
		}
		hole, herr := unix.Seek(int(src.Fd()), data, unix.SEEK_HOLE)
		if err := errors.Join(serr, herr); err != nil {
			return err
		}
		// Not by the kernel alone: it could share the blocks.
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.NewOffsetWriter(dst, data)}, struct{ io.Reader }{io.NewSectionReader(src, data, hole-data)}, make([]byte, 1<<20)); err != nil {
			return err
		}
		at = hole
	}
}

// BenchmarkScrubPage audits a volume of 256 MiB page by page beside its twin.
func BenchmarkScrubPage(b *testing.B) {
	const mib = 256
	m, _ := loaded(b, mib)
	b.SetBytes(mib << 20)
	for b.Loop() {
		for after := []byte(nil); ; {
			next, out, err := m.AuditPage(b.Context(), 0, after, 16<<20, true, func(f raid.Finding) { b.Error(f.Detail) })
			if err != nil || out.Values == 0 {
				b.Fatal(out, err)
			}
			if after = next; next == nil {
				break
			}
		}
	}
}

// BenchmarkWriteBesideFill writes six values of 300 bytes at a time, one caller, first with nothing else
// going on, then while a volume is filled anew, and gives the 99th percentile of both. The volume is out
// meanwhile, so the second is the work of one volume and of the copy.
func BenchmarkWriteBesideFill(b *testing.B) {
	m, c := loaded(b, 256)
	n := 0
	one := func() time.Duration {
		var ops []raid.Op
		for i := range 6 {
			ops = append(ops, raid.Op{Key: fmt.Appendf(nil, "s%012d/%02d", n, i), Value: make([]byte, 300)})
		}
		n++
		start := time.Now()
		if _, err := m.Write(context.Background(), ops); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	var quiet, beside []time.Duration
	for b.Loop() {
		for range 3000 {
			quiet = append(quiet, one())
		}
		generation := m.Status().Volumes[1].Generation
		if err := m.Resilver(b.Context(), raid.Ref(c.Dirs[1]), true); err != nil {
			b.Fatal(err)
		}
		for s := m.Status(); s.State != raid.Healthy || s.Volumes[1].Generation == generation; s = m.Status() {
			took := one()
			if s.Volumes[1].Progress != nil && s.Volumes[1].Progress.Whole {
				beside = append(beside, took)
			}
		}
	}
	b.ReportMetric(float64(p99(quiet).Microseconds()), "quiet-p99-µs")
	b.ReportMetric(float64(p99(beside).Microseconds()), "fill-p99-µs")
	b.ReportMetric(float64(p99(beside))/float64(p99(quiet)), "ratio")
	b.ReportMetric(float64(len(beside)), "writes")
}

func p99(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)*99/100]
}
