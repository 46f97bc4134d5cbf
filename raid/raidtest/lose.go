package raidtest

import (
	"context"
	"net"
	"testing"

	"casemate/raid/volume"
)

// Lose has the volume in a directory, which no mirror has open, lose values in silence: what Badger does
// that drops a key. Nothing else of the volume changes.
func Lose(t testing.TB, dir string, keys ...[]byte) {
	t.Helper()
	here, there := net.Pipe()
	client, end := volume.NewClient(here), make(chan error, 1)
	go func() { end <- volume.Serve(context.WithoutCancel(t.Context()), there, dir) }()
	var ops []volume.Op
	for _, key := range keys {
		ops = append(ops, volume.Op{Key: key, Delete: true})
	}
	_, err := client.Control(t.Context(), volume.Request{Act: volume.ActHello, Protocol: volume.Protocol, Build: volume.Build(), MinFree: 1 << 20})
	if err == nil {
		err = client.Refill(t.Context(), ops, volume.FlagRepair)
	}
	if err == nil {
		_, err = client.Control(t.Context(), volume.Request{Act: volume.ActClose})
	}
	client.Close()
	if served := <-end; err != nil || served != nil {
		t.Fatalf("losing values of %q: %v; serving: %v", dir, err, served)
	}
}
