package module

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"casemate/hsm"
)

// A record whose signature is good but whose ciphertext is not, which only the
// token itself can make, is an integrity alarm and no dead device: the root
// key is asked for its canary before the module is given up.
func TestSignedButTampered(t *testing.T) {
	for _, method := range []string{"aes-gcm", "aes-kwp", "rsa-oaep-sha1"} {
		t.Run(method, func(t *testing.T) {
			e := open(t, setUp(t, method))
			kc := hsm.KeyContext{Kind: hsm.KindVault, Version: 1}
			key, good, err := e.keys.newKey(context.Background(), kc)
			check(t, err)
			resign := func(change func(r *record)) []byte {
				r, err := parseRecord(good)
				check(t, err)
				r.nonce, r.sealed = bytes.Clone(r.nonce), bytes.Clone(r.sealed)
				change(&r)
				digest, err := r.digest(testOrigin)
				check(t, err)
				r.signature, err = e.keys.signer.sign(context.Background(), digest)
				check(t, err)
				b, err := r.marshal()
				check(t, err)
				return b
			}
			other := hsm.KeyContext{Kind: hsm.KindVolumes, Version: 1}
			for name, c := range map[string]struct {
				kc  hsm.KeyContext
				rec []byte
			}{
				"ciphertext": {kc, resign(func(r *record) { r.sealed[5] ^= 1 })},
				"cut":        {kc, resign(func(r *record) { r.sealed = r.sealed[:16] })},
				"transposed": {other, resign(func(r *record) { r.context = other })},
				"root":       {kc, resign(func(r *record) { r.root = 2 })},
				"method":     {kc, resign(func(r *record) { r.method = 99 })},
			} {
				if _, err := e.keys.unwrapKey(context.Background(), c.kc, c.rec); !errors.Is(err, hsm.ErrIntegrity) {
					t.Errorf("%s: %v, want ErrIntegrity", name, err)
				}
			}
			if e.guard.isDead() {
				t.Fatalf("the module was given up: %v", e.guard.cause)
			}
			again, err := e.keys.unwrapKey(context.Background(), kc, good)
			if err != nil || !bytes.Equal(again, key) {
				t.Errorf("the good record: %v", err)
			}
		})
	}
}

func FuzzRecord(f *testing.F) {
	r := record{method: 1, root: 1, context: hsm.KeyContext{Kind: "vault", Version: 1}, nonce: make([]byte, 12), sealed: make([]byte, 80), signature: make([]byte, 70)}
	b, err := r.marshal()
	check(f, err)
	f.Add(b)
	f.Add([]byte{})
	f.Add([]byte{1, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRecord(b)
		if err != nil {
			return
		}
		again, err := r.marshal()
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x was read as a record that is written %x: %v", b, again, err)
		}
	})
}
