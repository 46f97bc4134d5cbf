package module

import (
	"errors"

	"github.com/miekg/pkcs11"
)

// failure sorts what a module answers by what is to be done about it.
type failure int

const (
	failOther     failure = iota // this operation failed; the next may do
	failDead                     // device, session or library is lost: restart
	failPIN                      // the PIN was refused: never try it again
	failIntegrity                // the bytes handed in are not what the token made
)

var failures = map[pkcs11.Error]failure{
	pkcs11.CKR_PIN_INCORRECT: failPIN,
	pkcs11.CKR_PIN_INVALID:   failPIN,
	pkcs11.CKR_PIN_LEN_RANGE: failPIN,
	pkcs11.CKR_PIN_EXPIRED:   failPIN,
	pkcs11.CKR_PIN_LOCKED:    failPIN,

	pkcs11.CKR_ENCRYPTED_DATA_INVALID:   failIntegrity,
	pkcs11.CKR_ENCRYPTED_DATA_LEN_RANGE: failIntegrity,
	pkcs11.CKR_WRAPPED_KEY_INVALID:      failIntegrity,
	pkcs11.CKR_WRAPPED_KEY_LEN_RANGE:    failIntegrity,
	pkcs11.CKR_SIGNATURE_INVALID:        failIntegrity,

	pkcs11.CKR_DEVICE_ERROR:             failDead,
	pkcs11.CKR_DEVICE_MEMORY:            failDead,
	pkcs11.CKR_DEVICE_REMOVED:           failDead,
	pkcs11.CKR_TOKEN_NOT_PRESENT:        failDead,
	pkcs11.CKR_TOKEN_NOT_RECOGNIZED:     failDead,
	pkcs11.CKR_SLOT_ID_INVALID:          failDead,
	pkcs11.CKR_SESSION_CLOSED:           failDead,
	pkcs11.CKR_SESSION_HANDLE_INVALID:   failDead,
	pkcs11.CKR_KEY_HANDLE_INVALID:       failDead,
	pkcs11.CKR_OBJECT_HANDLE_INVALID:    failDead,
	pkcs11.CKR_USER_NOT_LOGGED_IN:       failDead,
	pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED: failDead,
	pkcs11.CKR_HOST_MEMORY:              failDead,
	pkcs11.CKR_FUNCTION_FAILED:          failDead,
	// SoftHSM answers GENERAL_ERROR to tampered ciphertext, others to a lost
	// device. Only unwrapping can tell: it asks the root key for its canary.
	pkcs11.CKR_GENERAL_ERROR: failDead,
}

// classify finds the failure of an error from crypto11 or miekg/pkcs11. What
// is not a PKCS#11 answer at all is failOther.
func classify(err error) failure {
	if code, ok := code(err); ok {
		return failures[code]
	}
	return failOther
}

func code(err error) (pkcs11.Error, bool) {
	var e pkcs11.Error
	ok := errors.As(err, &e)
	return e, ok
}
