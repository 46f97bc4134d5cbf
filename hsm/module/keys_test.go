package module_test

import (
	"errors"
	"testing"

	"casemate/hsm"
	"casemate/hsm/hsmtest"
)

// Every wrapping method SoftHSM has, and the choice among those it has not.
func TestWrapMethods(t *testing.T) {
	for name, c := range map[string]struct {
		allowed []string
		want    string
	}{
		"all":        {nil, "aes-gcm"},
		"key wrap":   {[]string{"aes-kwp"}, "aes-kwp"},
		"next best":  {[]string{"rsa-oaep-sha1", "aes-kwp"}, "aes-kwp"},
		"RSA":        {[]string{"rsa-oaep-sha1"}, "rsa-oaep-sha1"},
		"RSA probed": {[]string{"rsa-oaep-sha256", "rsa-oaep-sha1"}, "rsa-oaep-sha1"}, // SoftHSM refuses SHA-256
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := hsmtest.StartWith(t, hsmtest.Options{Origin: origin, WrapMethods: c.allowed})
			info, err := k.Client.Info(ctx)
			if err != nil || info.WrapMethod != c.want {
				t.Fatalf("method %q, want %q: %v", info.WrapMethod, c.want, err)
			}
			kc := hsm.KeyContext{Kind: hsm.KindVault, ID: [16]byte{1, 2, 3}, Version: 1}
			key, record, err := k.Client.NewKey(ctx, kc)
			if err != nil {
				t.Fatal(err)
			}
			k.Kill()
			k.Restart()
			again, err := k.Client.UnwrapKey(ctx, kc, record)
			if err != nil || again != key {
				t.Fatalf("the key did not come back: %v", err)
			}
			other, _, err := k.Client.NewKey(ctx, kc)
			if err != nil || other == key {
				t.Fatalf("two keys alike: %v", err)
			}
		})
	}
}

// A record opens for what it was made and otherwise is an alarm; the process
// lives on.
func TestRecordsAltered(t *testing.T) {
	k, stranger := hsmtest.Start(t, origin), hsmtest.Start(t, origin)
	kc := hsm.KeyContext{Kind: hsm.KindVault, ID: [16]byte{1}, Version: 3}
	key, record, err := k.Client.NewKey(ctx, kc)
	if err != nil {
		t.Fatal(err)
	}
	_, foreign, err := stranger.Client.NewKey(ctx, kc)
	if err != nil {
		t.Fatal(err)
	}
	alarm := func(what string, kc hsm.KeyContext, record []byte) {
		t.Helper()
		if _, err := k.Client.UnwrapKey(ctx, kc, record); !errors.Is(err, hsm.ErrIntegrity) {
			t.Errorf("%s: %v, want ErrIntegrity", what, err)
		}
	}
	for i := range record {
		bad := append([]byte(nil), record...)
		bad[i] ^= 1
		alarm("a flipped bit", kc, bad)
	}
	alarm("cut short", kc, record[:len(record)-1])
	alarm("with a tail", kc, append(append([]byte(nil), record...), 0))
	alarm("empty", kc, nil)
	alarm("another token's", kc, foreign)
	alarm("another vault", hsm.KeyContext{Kind: hsm.KindVault, ID: [16]byte{2}, Version: 3}, record)
	alarm("another version", hsm.KeyContext{Kind: hsm.KindVault, ID: [16]byte{1}, Version: 4}, record)
	alarm("another kind", hsm.KeyContext{Kind: hsm.KindVolumes, ID: [16]byte{1}, Version: 3}, record)
	if _, _, err := k.Client.NewKey(ctx, hsm.KeyContext{Kind: "canary"}); !errors.Is(err, hsm.ErrRefused) {
		t.Errorf("a canary from outside: %v, want a refusal", err)
	}
	if again, err := k.Client.UnwrapKey(ctx, kc, record); err != nil || again != key {
		t.Errorf("the good record: %v", err)
	}
	if k.Starts() != 1 {
		t.Errorf("the process was started %d times: tampered bytes are no dead device", k.Starts())
	}
}
