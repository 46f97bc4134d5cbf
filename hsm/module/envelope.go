package module

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"casemate/hsm"
)

// envelope is the form in which a mark is kept, in the token and in the file alike: 16 bytes that
// name the form, the serial number big-endian in 8, the mark, the SHA-256 of all that. A mark of no
// bytes says that none was ever set. The sum finds damage; whose mark it is, its maker proves.
type envelope struct {
	serial uint64 // from 1, one more with each mark; of two envelopes the higher holds
	mark   []byte
}

const envelopeMagic = "casemate/mark/v1"

const envelopeFrame = len(envelopeMagic) + 8 + sha256.Size

func (e envelope) marshal() []byte {
	b := make([]byte, 0, envelopeFrame+len(e.mark))
	b = append(b, envelopeMagic...)
	b = binary.BigEndian.AppendUint64(b, e.serial)
	b = append(b, e.mark...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// parseEnvelope is strict: what it accepts is what marshal makes of it again.
func parseEnvelope(b []byte) (envelope, error) {
	if len(b) < envelopeFrame || len(b) > envelopeFrame+hsm.MaxWitness {
		return envelope{}, fmt.Errorf("a mark's envelope of %d bytes", len(b))
	}
	body, sum := b[:len(b)-sha256.Size], sha256.Sum256(b[:len(b)-sha256.Size])
	rest, found := bytes.CutPrefix(body, []byte(envelopeMagic))
	if !found {
		return envelope{}, errors.New("a mark's envelope of another form")
	}
	if !bytes.Equal(sum[:], b[len(body):]) {
		return envelope{}, errors.New("a mark's envelope whose sum is wrong")
	}
	e := envelope{serial: binary.BigEndian.Uint64(rest), mark: bytes.Clone(rest[8:])}
	if e.serial == 0 || (len(e.mark) != 0 && len(e.mark) < hsm.MinWitness) {
		return envelope{}, errors.New("a mark's envelope without a serial number, or its mark without an order number")
	}
	return e, nil
}

// order is the number a mark begins with; 0 for none.
func (e envelope) order() uint64 {
	if len(e.mark) < hsm.MinWitness {
		return 0
	}
	return binary.BigEndian.Uint64(e.mark)
}
