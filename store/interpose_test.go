package store

import (
	"context"

	"casemate/hsm"
)

// interposed puts a test's hand before and after the real token.
type interposed struct {
	Token
	beforeSeal func() error
	afterSeal  func() error
	beforeSign func() error
	afterSign  func() error
}

func call(f func() error) error {
	if f == nil {
		return nil
	}
	return f()
}

func (i *interposed) Seal(ctx context.Context, requests []hsm.SealRequest) ([]hsm.SealResult, error) {
	if err := call(i.beforeSeal); err != nil {
		return nil, err
	}
	results, err := i.Token.Seal(ctx, requests)
	if err == nil {
		err = call(i.afterSeal)
	}
	return results, err
}

func (i *interposed) SignCheckpoint(ctx context.Context, size uint64, root [32]byte, consistency [][32]byte) ([]byte, error) {
	if err := call(i.beforeSign); err != nil {
		return nil, err
	}
	note, err := i.Token.SignCheckpoint(ctx, size, root, consistency)
	if err == nil {
		err = call(i.afterSign)
	}
	return note, err
}
