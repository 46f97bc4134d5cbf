package raid

import (
	"encoding/binary"
	"errors"
	"fmt"

	"casemate/raid/volume"
)

// mark is what is kept of a mirror outside its volumes: which epoch is the current one and a head
// its volumes had. It is written before a batch of a new epoch is acknowledged, so that a volume
// left behind is never taken for the truth, nor all of them when they are older than it.
type mark struct {
	Order   uint64        `json:"order"` // rises with each mark written, wherever
	Set     volume.ID     `json:"set"`
	Epoch   uint64        `json:"epoch"`
	EpochID volume.ID     `json:"epochId"`
	Head    uint64        `json:"head"`
	Digest  volume.Digest `json:"digest"` // of the head
}

// markSize is the length of an encoded mark: order, big endian and first, so that a place that
// knows nothing else of marks can refuse an older one; version 1; the other fields; HMAC-SHA256.
const (
	markSize    = 8 + 1 + 16 + 8 + 16 + 8 + 32 + 32
	markVersion = 1
)

// errMark is bytes that are no mark of this mirror.
var errMark = errors.New("not a mark of this mirror")

// encode gives the bytes for a Witness.
func (k mark) encode(a authority) ([]byte, error) {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, markSize), k.Order)
	b = append(b, markVersion)
	b = append(b, k.Set[:]...)
	b = binary.BigEndian.AppendUint64(b, k.Epoch)
	b = append(b, k.EpochID[:]...)
	b = binary.BigEndian.AppendUint64(b, k.Head)
	b = append(b, k.Digest[:]...)
	sum, err := a.mac(kindMark, k)
	return append(b, sum[:]...), err
}

// parseMark reads and authenticates what encode gave.
func parseMark(b []byte, a authority) (k mark, err error) {
	if len(b) != markSize || b[8] != markVersion {
		return mark{}, fmt.Errorf("%w: %d bytes", errMark, len(b))
	}
	k.Order = binary.BigEndian.Uint64(b)
	b = b[9:]
	b = b[copy(k.Set[:], b):]
	k.Epoch, b = binary.BigEndian.Uint64(b), b[8:]
	b = b[copy(k.EpochID[:], b):]
	k.Head, b = binary.BigEndian.Uint64(b), b[8:]
	b = b[copy(k.Digest[:], b):]
	if !a.holds(kindMark, k, volume.Digest(b)) {
		return mark{}, fmt.Errorf("%w: it is not authentic", errMark)
	}
	return k, nil
}
