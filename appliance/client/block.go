package client

import (
	"io"

	"casemate/store/proof"
)

// block is how much of a file is read, digested and passed on at once.
const block = 1 << 20

// fill reads until b is full or r ends. Unlike io.ReadFull it hands on r's own
// error, so that an io.ErrUnexpectedEOF of a transfer cut short is not mistaken for
// a last block that is merely smaller.
func fill(r io.Reader, b []byte) (int, error) {
	n := 0
	for n < len(b) {
		m, err := r.Read(b[n:])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// writeBoth digests b while it is written to w.
func writeBoth(hasher *proof.Hasher, w io.Writer, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	digested := make(chan error, 1)
	go func() {
		_, err := hasher.Write(b)
		digested <- err
	}()
	_, err := w.Write(b)
	if hashErr := <-digested; err == nil {
		err = hashErr
	}
	return err
}
