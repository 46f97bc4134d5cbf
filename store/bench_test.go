package store

import (
	"fmt"
	"io"
	"testing"
)

// BenchmarkDeposit is the walk on real parts. casemated bench sets it beside the raw limits.
func BenchmarkDeposit(b *testing.B) {
	r := newRig(b)
	for _, size := range []int{2 << 10, 1 << 20, 64 << 20} {
		body := randomBytes(size)
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				if _, err := r.safe.Deposit(b.Context(), alice, DepositRequest{Vault: "archives"}, parts(body)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, n := range []int{16, 256} {
		b.Run(fmt.Sprintf("2KiB-%d-at-once", n), func(b *testing.B) {
			body := randomBytes(2 << 10)
			b.SetParallelism((n + 1) / 2)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := r.safe.Deposit(b.Context(), alice, DepositRequest{Vault: "archives"}, parts(body)); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkRead gives back one large document.
func BenchmarkRead(b *testing.B) {
	r := newRig(b)
	body := randomBytes(64 << 20)
	d := r.deposit(body)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		_, file, err := r.safe.Read(b.Context(), alice, d.ID, 1)
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{file}, make([]byte, blockBytes))
		if err != nil || n != int64(len(body)) {
			b.Fatal(n, err)
		}
	}
}
