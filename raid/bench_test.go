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

	"golang.org/x/sys/unix"

	"casemate/raid"
	"casemate/raid/raidtest"
)

// BenchmarkRawTwoFiles is the limit of BenchmarkWriteLarge: the same bytes to two files, 16 MiB
// and an fdatasync at a time.
func BenchmarkRawTwoFiles(b *testing.B) {
	dir := b.TempDir()
	data := make([]byte, 16<<20)
	_, _ = rand.Read(data)
	var files [2]*os.File
	for i := range files {
		f, err := os.Create(filepath.Join(dir, fmt.Sprint(i)))
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		var wg sync.WaitGroup
		for _, f := range files {
			wg.Go(func() {
				if _, err := f.Write(data); err != nil {
					b.Error(err)
				}
				if err := unix.Fdatasync(int(f.Fd())); err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
	}
}

// BenchmarkWriteLarge writes batches of 16 values of 1 MiB, two callers at a time.
func BenchmarkWriteLarge(b *testing.B) {
	m := raidtest.New(b)
	data := make([]byte, 1<<20)
	_, _ = rand.Read(data)
	b.SetBytes(16 << 20)
	b.SetParallelism(1)
	var n atomic.Uint64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			k := n.Add(1)
			ops := make([]raid.Op, 16)
			for i := range ops {
				ops[i] = raid.Op{Key: fmt.Appendf(nil, "k%012d/%02d", k, i), Value: data}
			}
			if _, err := m.Write(context.Background(), ops); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkRawSync is the limit of BenchmarkWriteSmall: three small appends with fdatasync one
// after the other on two files at once, which is what a batch costs Badger and the ring at least.
func BenchmarkRawSync(b *testing.B) {
	dir := b.TempDir()
	var files [2]*os.File
	for i := range files {
		f, err := os.Create(filepath.Join(dir, fmt.Sprint(i)))
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	data := make([]byte, 4096)
	for b.Loop() {
		var wg sync.WaitGroup
		for _, f := range files {
			wg.Go(func() {
				for range 3 {
					if _, err := f.Write(data); err != nil {
						b.Error(err)
					}
					if err := unix.Fdatasync(int(f.Fd())); err != nil {
						b.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}
}

// BenchmarkWriteSmall writes one batch of six values of 300 bytes at a time.
func BenchmarkWriteSmall(b *testing.B) {
	m := raidtest.New(b)
	data := make([]byte, 300)
	n := 0
	for b.Loop() {
		ops := make([]raid.Op, 6)
		for i := range ops {
			ops[i] = raid.Op{Key: fmt.Appendf(nil, "k%012d/%02d", n, i), Value: data}
		}
		n++
		if _, err := m.Write(context.Background(), ops); err != nil {
			b.Fatal(err)
		}
	}
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
