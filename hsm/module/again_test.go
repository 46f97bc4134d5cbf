package module

import (
	"errors"
	"testing"
	"time"

	"casemate/hsm"
)

// TestAllowAgain: the very PIN that was refused may be tried again when a person gives it again; the memory of
// another one stays.
func TestAllowAgain(t *testing.T) {
	dir := t.TempDir()
	if again, err := AllowAgain(dir, "1234567"); again || err != nil {
		t.Errorf("nothing is remembered: %v, %v", again, err)
	}
	if err := rememberRefusedPIN(dir, "serial", "1234567", time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	if again, err := AllowAgain(dir, "7654321"); again || err != nil {
		t.Errorf("another: %v, %v", again, err)
	}
	if err := checkRefusedPIN(dir, "1234567"); !errors.Is(err, hsm.ErrPIN) {
		t.Errorf("its memory went: %v", err)
	}
	if again, err := AllowAgain(dir, "1234567"); !again || err != nil {
		t.Errorf("the very one: %v, %v", again, err)
	}
	if err := checkRefusedPIN(dir, "1234567"); err != nil {
		t.Errorf("it is remembered still: %v", err)
	}
}
