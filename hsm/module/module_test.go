package module_test

import (
	"context"
	"testing"

	"casemate/hsm"
	"casemate/hsm/hsmtest"
)

func TestStart(t *testing.T) {
	k := hsmtest.Start(t, "casemate.example/t")
	info, err := k.Client.Info(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Log(info.WrapMethod, info.JournalVKey, len(info.Keys))
	key, rec, err := k.Client.NewKey(context.Background(), hsm.KeyContext{Kind: "vault"})
	if err != nil {
		t.Fatal(err)
	}
	k.Kill()
	k.Restart()
	again, err := k.Client.UnwrapKey(context.Background(), hsm.KeyContext{Kind: "vault"}, rec)
	if err != nil || again != key {
		t.Fatal(err)
	}
}
