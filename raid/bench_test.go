package raid_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"casemate/raid"
	"casemate/raid/raidtest"
)

// BenchmarkWriteLarge writes batches of 16 values of 1 MiB, two callers at a time, in turn with the
// raw limit: the same bytes to two files side by side, 16 MiB and an fdatasync at a time. It
// reports both in MB/s a volume, and their ratio.
func BenchmarkWriteLarge(b *testing.B) {
	m := raidtest.New(b)
	raw := rawFiles(b)
	data := make([]byte, 16<<20)
	_, _ = rand.Read(data)
	const each = 8 // batches in a turn
	var n atomic.Uint64
	write := func() {
		for range each / 2 {
			k := n.Add(1)
			ops := make([]raid.Op, 16)
			for i := range ops {
				ops[i] = raid.Op{Key: fmt.Appendf(nil, "k%012d/%02d", k, i), Value: data[i<<20 : (i+1)<<20]}
			}
			if _, err := m.Write(context.Background(), ops); err != nil {
				b.Error(err)
			}
		}
	}
	var limit, mirror time.Duration
	b.SetBytes(each * 16 << 20)
	for b.Loop() {
		start := time.Now()
		both(func(i int) {
			for range each {
				appendSync(b, raw[i], data)
			}
		})
		limit += time.Since(start)
		start = time.Now()
		both(func(int) { write() })
		mirror += time.Since(start)
	}
	bytes := float64(b.N) * each * 16 * (1 << 20) / 1e6
	b.ReportMetric(bytes/limit.Seconds(), "raw-MB/s")
	b.ReportMetric(bytes/mirror.Seconds(), "mirror-MB/s")
	b.ReportMetric(limit.Seconds()/mirror.Seconds(), "ratio")
}

// both runs f for each of two volumes, side by side.
func both(f func(i int)) {
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

func rawFiles(b *testing.B) (files [2]*os.File) {
	dir := b.TempDir()
	for i := range files {
		f, err := os.Create(filepath.Join(dir, fmt.Sprint(i)))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = f.Close() })
		files[i] = f
	}
	return files
}

func appendSync(b *testing.B, f *os.File, data []byte) {
	if _, err := f.Write(data); err != nil {
		b.Error(err)
	}
	if err := unix.Fdatasync(int(f.Fd())); err != nil {
		b.Error(err)
	}
}

// BenchmarkWriteSmall writes one batch of six values of 300 bytes at a time, in turn with the raw
// limit: three appends of 4 KiB with fdatasync, which is what a batch costs Badger and the ring,
// on two files side by side.
func BenchmarkWriteSmall(b *testing.B) {
	m := raidtest.New(b)
	raw := rawFiles(b)
	data := make([]byte, 4096)
	n := 0
	var limit, mirror time.Duration
	for b.Loop() {
		start := time.Now()
		both(func(i int) {
			for range 3 {
				appendSync(b, raw[i], data)
			}
		})
		limit += time.Since(start)
		ops := make([]raid.Op, 6)
		for i := range ops {
			ops[i] = raid.Op{Key: fmt.Appendf(nil, "k%012d/%02d", n, i), Value: data[:300]}
		}
		n++
		start = time.Now()
		if _, err := m.Write(context.Background(), ops); err != nil {
			b.Fatal(err)
		}
		mirror += time.Since(start)
	}
	b.ReportMetric(float64(limit.Microseconds())/float64(b.N), "raw-µs")
	b.ReportMetric(float64(mirror.Microseconds())/float64(b.N), "mirror-µs")
	b.ReportMetric(limit.Seconds()/mirror.Seconds(), "ratio")
}

// BenchmarkGet reads values of 1 MiB, one at a time.
func BenchmarkGet(b *testing.B) {
	m := raidtest.New(b)
	data := make([]byte, 1<<20)
	for i := range 16 {
		if _, err := m.Write(context.Background(), []raid.Op{{Key: fmt.Appendf(nil, "k%d", i), Value: data}}); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(1 << 20)
	n := 0
	for b.Loop() {
		n++
		if _, err := m.Get(context.Background(), fmt.Appendf(nil, "k%d", n%16)); err != nil {
			b.Fatal(err)
		}
	}
}
