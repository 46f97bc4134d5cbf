package volume

import (
	"encoding/binary"
	"fmt"
)

// payload is what one frame carries, in parts that lie apart in memory, and their checksum.
type payload struct {
	parts [][]byte
	sum   uint32
	bytes int64
}

// ownPart is the length from which a value is sent from where it lies. What is shorter is gathered: a
// part costs the kernel more than a copy.
const ownPart = 16 << 10

// layOut lays operations out in payloads as Builder does, without copying large values.
func layOut(ops []Op) (list []payload, err error) {
	var now payload
	var gathered []byte // and not a part yet
	part := func(b []byte) {
		if len(b) > 0 {
			now.parts, now.bytes = append(now.parts, b), now.bytes+int64(len(b))
		}
	}
	end := func() {
		part(gathered)
		now.sum = Checksum(now.parts...)
		list = append(list, now)
		now, gathered = payload{}, nil
	}
	for _, op := range ops {
		if len(op.Key) == 0 || len(op.Key) > MaxKey || len(op.Value) > MaxValue {
			return nil, fmt.Errorf("key of %d and value of %d bytes", len(op.Key), len(op.Value))
		}
		value, kind := op.Value, byte(opPut)
		if op.Delete {
			value, kind = nil, opDelete
		}
		if had := int(now.bytes) + len(gathered); had > 0 && had+opHeader+len(op.Key)+len(value) > MaxPayload {
			end()
		}
		gathered = append(gathered, kind)
		gathered = binary.BigEndian.AppendUint16(gathered, uint16(len(op.Key))) // #nosec G115 -- at most MaxKey
		gathered = binary.BigEndian.AppendUint32(gathered, uint32(len(value)))  // #nosec G115 -- at most MaxValue
		gathered = append(gathered, op.Key...)
		if len(value) < ownPart {
			gathered = append(gathered, value...)
			continue
		}
		part(gathered)
		part(value)
		gathered = nil
	}
	end()
	return list, nil
}
