package store

import (
	"crypto/sha256"
	"crypto/sha3"
	"slices"
	"testing"
	"time"
)

// BenchmarkScrub surveys one volume as quickly as it goes, beside the rate at which one core computes
// both digests of the same bytes.
func BenchmarkScrub(b *testing.B) {
	r := newRig(b)
	const size, documents = 64 << 20, 4
	for range documents {
		r.deposit(randomBytes(size))
	}
	if err := r.safe.Stamp(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Run("digests", func(b *testing.B) {
		body := randomBytes(size)
		b.SetBytes(size)
		for b.Loop() {
			one, two := sha256.New(), sha3.New256()
			for at := 0; at < size; at += blockBytes {
				one.Write(body[at : at+blockBytes])
				two.Write(body[at : at+blockBytes])
			}
		}
	})
	b.Run("volume", func(b *testing.B) {
		b.SetBytes(size * documents)
		for b.Loop() {
			if report, err := r.safe.Fsck(b.Context(), FsckOptions{Volumes: []int{0}}, nil); err != nil || !report.OK() {
				b.Fatal(report.Findings, err)
			}
		}
	})
}

// BenchmarkScrubSmall surveys many small documents.
func BenchmarkScrubSmall(b *testing.B) {
	r := newRig(b)
	const documents = 2000
	for range documents {
		r.deposit(randomBytes(2 << 10))
	}
	if err := r.safe.Stamp(b.Context()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if report, err := r.safe.Fsck(b.Context(), FsckOptions{Volumes: []int{0}}, nil); err != nil || !report.OK() {
			b.Fatal(report.Findings, err)
		}
	}
	b.ReportMetric(float64(documents)*float64(b.N)/b.Elapsed().Seconds(), "documents/s")
}

// BenchmarkDepositBesideScrub is how long a small deposit takes at worst of a hundred, quiet and while
// everything is read again at the usual rate.
func BenchmarkDepositBesideScrub(b *testing.B) {
	r := newRig(b)
	for range 8 {
		r.deposit(randomBytes(64 << 20))
	}
	for _, c := range []struct {
		name  string
		scrub bool
	}{{"quiet", false}, {"scrub", true}} {
		b.Run(c.name, func(b *testing.B) {
			if c.scrub {
				if err := r.safe.StartScrub(b.Context(), alice); err != nil {
					b.Fatal(err)
				}
			}
			var times []time.Duration
			for b.Loop() {
				begun := time.Now()
				r.deposit(randomBytes(2 << 10))
				times = append(times, time.Since(begun))
				if st := r.safe.ScrubStatus(); c.scrub && st.State == ScrubIdle {
					_ = r.safe.StartScrub(b.Context(), alice)
				}
				time.Sleep(5 * time.Millisecond)
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "p50-ms")
		})
	}
}
