package module

import (
	"errors"
	"fmt"
	"strings"

	"casemate/hsm"
)

// AllowAgain forgets that the token refused this very PIN, and says whether it had. A person who gives the
// same PIN again, once the token's vendor or its security officer has unlocked it, has it tried once more; a
// memory of another PIN stays, so that a PIN which is about to be replaced is not tried meanwhile.
func AllowAgain(stateDir, pin string) (bool, error) {
	err := checkRefusedPIN(stateDir, pin)
	if err == nil || !errors.Is(err, hsm.ErrPIN) {
		return false, err
	}
	return true, forgetRefusedPIN(stateDir)
}

// CheckPIN says why a text cannot be a PIN: it has one line of 4 to 255 characters.
func CheckPIN(pin string) error {
	if len(pin) < minPIN || len(pin) > maxPIN || strings.ContainsAny(pin, "\x00\r\n") {
		return fmt.Errorf("a PIN has one line of %d to %d characters", minPIN, maxPIN)
	}
	return nil
}
