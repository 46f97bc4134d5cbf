package raid_test

import (
	"bytes"
	"errors"
	"testing"

	"casemate/raid"
)

func TestSealBindsEverything(t *testing.T) {
	key, other := [32]byte{1}, [32]byte{2}
	stored := raid.Seal(key, 7, []byte("k"), []byte("a value"))
	plain, sequence, err := raid.Unseal(key, []byte("k"), stored)
	if err != nil || string(plain) != "a value" || sequence != 7 {
		t.Fatalf("a sealed value: %q, %d, %v", plain, sequence, err)
	}
	if _, _, err := raid.Unseal(key, []byte("l"), stored); !errors.Is(err, raid.ErrCorrupt) {
		t.Errorf("under another key: %v", err)
	}
	if _, _, err := raid.Unseal(other, []byte("k"), stored); !errors.Is(err, raid.ErrCorrupt) {
		t.Errorf("with another secret: %v", err)
	}
	for at := range stored { // version, sequence, number, salt, text, tag
		bad := bytes.Clone(stored)
		bad[at] ^= 1
		if _, _, err := raid.Unseal(key, []byte("k"), bad); !errors.Is(err, raid.ErrCorrupt) {
			t.Errorf("byte %d flipped: %v", at, err)
		}
		if _, _, err := raid.Unseal(key, []byte("k"), stored[:at]); !errors.Is(err, raid.ErrCorrupt) {
			t.Errorf("cut at %d: %v", at, err)
		}
	}
	if again := raid.Seal(key, 7, []byte("k"), []byte("a value")); bytes.Equal(again, stored) {
		t.Error("the same batch sealed twice looks the same")
	}
}

func FuzzManifest(f *testing.F) {
	f.Add(raid.SampleManifest())
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		again, err := raid.Remanifest(b)
		if err == nil && !bytes.Equal(again, b) {
			t.Errorf("a manifest read is not the manifest written")
		}
	})
}
