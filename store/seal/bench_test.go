package seal

import (
	"bytes"
	"crypto/elliptic"
	"fmt"
	"io"
	"testing"
)

func BenchmarkEncrypter(b *testing.B) {
	for _, size := range []int{2 << 10, 1 << 20, 64 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			plain := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				w, err := NewEncrypter(streamKey, streamPut, func(uint32, []byte) error { return nil })
				if err != nil {
					b.Fatal(err)
				}
				if _, err := w.Write(plain); err != nil {
					b.Fatal(err)
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecrypter(b *testing.B) {
	for _, size := range []int{2 << 10, 1 << 20, 64 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			chunks := encrypt(b, streamKey, streamPut, bytes.NewReader(make([]byte, size)))
			buffer := make([]byte, 1<<20)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				r, err := NewDecrypter(streamKey, streamPut, from(chunks))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r, buffer); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkWrap(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Wrap(streamKey, streamKey, streamPut); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	s := newAuthority(b).signer(b)
	for b.Loop() {
		mustSign(b, s)
	}
}

func BenchmarkVerify(b *testing.B) {
	a := newAuthority(b)
	p7s := mustSign(b, a.signerWith(b, newKey(b, elliptic.P256()), SealTemplate("Safe 1", madeAt)))
	b.Run("alone", func(b *testing.B) {
		for b.Loop() {
			if _, err := VerifySignature(p7s, content, a.roots(), provedAt); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("one of many", func(b *testing.B) {
		v := NewVerifier(a.roots())
		for b.Loop() {
			if _, err := v.Verify(p7s, content, provedAt); err != nil {
				b.Fatal(err)
			}
		}
	})
}
