package seal

import (
	"fmt"

	"github.com/tink-crypto/tink-go/v2/streamingaead/subtle"
)

// The stream is Tink's AES256-GCM-HKDF-1MB behind one version byte:
//
//	version(1) ‖ 40 ‖ salt(32) ‖ nonce prefix(7) ‖ segment 0 ‖ segment 1 ‖ …
//
// Each segment carries a 16-byte tag and the nonce prefix ‖ index ‖ last, so
// none can be altered, dropped, repeated or moved, and the end cannot be cut
// off. The stored chunk i is segment i, the first one with the header before
// it: every chunk but the last has exactly SegmentSize bytes.
const (
	// SegmentSize is the length of a stored chunk in bytes, tag and header
	// included; only the last chunk of a stream is shorter.
	SegmentSize = 1 << 20

	streamVersion = 1
	streamHeader  = 1 + 1 + 32 + subtle.AESGCMHKDFNoncePrefixSizeInBytes
	streamTag     = subtle.AESGCMHKDFTagSizeInBytes

	// firstRoom and nextRoom are the plaintext bytes in a full chunk.
	firstRoom = SegmentSize - streamHeader - streamTag
	nextRoom  = SegmentSize - streamTag

	// smallStream is the plaintext length up to which a stream is gathered
	// before any segment buffer is made. Most documents are small, and a
	// megabyte of zeroed memory each would cost more than their encryption.
	smallStream = 64 << 10
)

// StreamSize returns the number of stored bytes and of chunks that size bytes
// of plaintext take.
func StreamSize(size int64) (stored int64, chunks int64) {
	chunks = 1
	if size > firstRoom {
		chunks += (size - firstRoom + nextRoom - 1) / nextRoom
	}
	return size + streamHeader + chunks*streamTag, chunks
}

// primitive is Tink's own for segments of the given length. A stream of one
// segment is the same bytes whatever that length is, which lets short streams
// do with a short buffer.
func primitive(key [32]byte, segment int) (*subtle.AESGCMHKDF, error) {
	p, err := subtle.NewAESGCMHKDF(key[:], "SHA256", 32, segment, 1)
	if err != nil {
		return nil, fmt.Errorf("making stream cipher: %w", err)
	}
	return p, nil
}

// streamAD starts with the format's name, so that the version byte is bound too.
func streamAD(ad []byte) []byte {
	return append([]byte(labelStream), ad...)
}
