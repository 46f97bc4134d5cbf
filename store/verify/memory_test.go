package verify

import (
	"bytes"
	"context"
	"reflect"
	"testing"
	"time"
)

// TestRemembering: a trust that remembers gives the very reports of one that does not, whatever it has
// seen before: of good receipts, of others' receipts, of receipts altered anywhere, at any time.
func TestRemembering(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	plain, err := LoadTrust(w.trust)
	if err != nil {
		t.Fatal(err)
	}
	remembering := plain.Remembering()
	good := w.make(t, recipe{}).write(t, true)
	receipts := [][]byte{good, w.make(t, recipe{}).write(t, true), other.make(t, recipe{}).write(t, true)}
	for at := 0; at < len(good); at += len(good) / 40 {
		altered := bytes.Clone(good)
		altered[at] ^= 1
		receipts = append(receipts, altered)
	}
	now := time.Now()
	for range 2 {
		for i, b := range receipts {
			for _, at := range []time.Time{now, now.Add(-time.Hour), now.AddDate(3, 0, 0), now.AddDate(20, 0, 0), now} {
				want, wantErr := Receipt(context.Background(), bytes.NewReader(b), int64(len(b)), nil, plain, at)
				got, err := Receipt(context.Background(), bytes.NewReader(b), int64(len(b)), nil, remembering, at)
				if !reflect.DeepEqual(got, want) || (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
					t.Errorf("receipt %d as of %s: %v %+v, want %v %+v", i, at, err, got, wantErr, want)
				}
			}
		}
	}
}
