package proof

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// noteECDSA is the C2SP signed-note type of an ECDSA signature over SHA-256.
const noteECDSA = 0x02

// Checkpoint is the head of the journal's tree (c2sp.org/tlog-checkpoint).
type Checkpoint struct {
	Origin string
	Size   uint64 // leaves
	Root   [32]byte
}

// Text is the note's text: origin, size and root, a line each.
func (c Checkpoint) Text() []byte {
	return fmt.Appendf(nil, "%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

// parseCheckpoint accepts exactly what Text writes: no extension lines.
func parseCheckpoint(text string) (c Checkpoint, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || validOrigin(lines[0]) != nil {
		return c, fmt.Errorf("%w: want origin, size and root", ErrMalformed)
	}
	c.Origin = lines[0]
	if c.Size, err = strconv.ParseUint(lines[1], 10, 64); err != nil || c.Size > maxTreeSize {
		return c, fmt.Errorf("%w: size", ErrMalformed)
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != 32 {
		return c, fmt.Errorf("%w: root", ErrMalformed)
	}
	c.Root = [32]byte(root)
	if string(c.Text()) != text {
		return c, fmt.Errorf("%w: not in canonical form", ErrMalformed)
	}
	return c, nil
}

// noteKey is one ECDSA P-256 key in the roles package note knows.
type noteKey struct {
	origin string
	public *ecdsa.PublicKey
	spki   []byte
	signer crypto.Signer // nil to verify only
}

func newNoteKey(origin string, pub *ecdsa.PublicKey) (*noteKey, error) {
	if err := validOrigin(origin); err != nil {
		return nil, err
	}
	if pub == nil || pub.Curve != elliptic.P256() {
		return nil, fmt.Errorf("%w: the journal's key must be ECDSA P-256", ErrInvalid)
	}
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("writing the journal's key: %w", err)
	}
	return &noteKey{origin: origin, public: pub, spki: spki}, nil
}

// Name is the key's name in a note: the origin.
func (k *noteKey) Name() string { return k.origin }

// KeyHash is the first four bytes of the SHA-256 of the SPKI (C2SP signed-note,
// type 0x02).
func (k *noteKey) KeyHash() uint32 {
	sum := sha256.Sum256(k.spki)
	return binary.BigEndian.Uint32(sum[:])
}

// Verify checks an ASN.1 signature.
func (k *noteKey) Verify(msg, sig []byte) bool {
	sum := sha256.Sum256(msg)
	return ecdsa.VerifyASN1(k.public, sum[:], sig)
}

// Sign asks the signer and checks what it answered.
func (k *noteKey) Sign(msg []byte) ([]byte, error) {
	sum := sha256.Sum256(msg)
	sig, err := k.signer.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("signing checkpoint: %w", err)
	}
	if !k.Verify(msg, sig) {
		return nil, fmt.Errorf("signing checkpoint: %w", ErrSignature)
	}
	return sig, nil
}

// CheckpointVKey writes the C2SP verifier key of the journal:
// "origin+keyid+base64(0x02 ‖ SPKI)".
func CheckpointVKey(origin string, pub *ecdsa.PublicKey) (string, error) {
	k, err := newNoteKey(origin, pub)
	if err != nil {
		return "", err
	}
	raw := base64.StdEncoding.EncodeToString(append([]byte{noteECDSA}, k.spki...))
	return fmt.Sprintf("%s+%08x+%s", origin, k.KeyHash(), raw), nil
}

// parseVKey reads what CheckpointVKey writes; white space around it is allowed.
func parseVKey(vkey string) (*noteKey, error) {
	vkey = strings.TrimSpace(vkey)
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, fmt.Errorf("reading verifier key: %w: want origin+id+key", ErrMalformed)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(raw) < 2 || raw[0] != noteECDSA {
		return nil, fmt.Errorf("reading verifier key: %w: not an ECDSA key", ErrMalformed)
	}
	pub, err := x509.ParsePKIXPublicKey(raw[1:])
	if err != nil {
		return nil, fmt.Errorf("reading verifier key: %w: %w", ErrMalformed, err)
	}
	ec, _ := pub.(*ecdsa.PublicKey)
	k, err := newNoteKey(parts[0], ec)
	if err != nil {
		return nil, fmt.Errorf("reading verifier key: %w", err)
	}
	if again, err := CheckpointVKey(k.origin, ec); err != nil || again != vkey {
		return nil, fmt.Errorf("reading verifier key: %w: not in canonical form", ErrMalformed)
	}
	return k, nil
}

// VKeyOrigin is the origin a verifier key is for.
func VKeyOrigin(vkey string) (string, error) {
	k, err := parseVKey(vkey)
	if err != nil {
		return "", err
	}
	return k.origin, nil
}

// SignCheckpoint makes the signed note of c. The key's public half must be ECDSA
// P-256; its answer is verified before it is handed on.
func SignCheckpoint(c Checkpoint, key crypto.Signer, origin string) ([]byte, error) {
	if c.Origin != origin || c.Size > maxTreeSize {
		return nil, fmt.Errorf("signing checkpoint of %q as %q: %w", c.Origin, origin, ErrInvalid)
	}
	pub, _ := key.Public().(*ecdsa.PublicKey)
	k, err := newNoteKey(origin, pub)
	if err != nil {
		return nil, fmt.Errorf("signing checkpoint: %w", err)
	}
	k.signer = key
	return note.Sign(&note.Note{Text: string(c.Text())}, k)
}

// ParseCheckpointNote verifies a signed checkpoint with the journal's verifier
// key, whose name must be the checkpoint's origin. It carries that one signature
// and no other: witnesses' cosignatures travel apart.
func ParseCheckpointNote(b []byte, vkey string) (Checkpoint, error) {
	k, err := parseVKey(vkey)
	if err != nil {
		return Checkpoint{}, err
	}
	if len(b) > MaxMeta {
		return Checkpoint{}, fmt.Errorf("reading checkpoint: %w", ErrTooLarge)
	}
	n, err := note.Open(b, note.VerifierList(k))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("reading checkpoint: %w: %w", ErrSignature, err)
	}
	c, err := parseCheckpoint(n.Text)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("reading checkpoint: %w", err)
	}
	if c.Origin != k.origin {
		return Checkpoint{}, fmt.Errorf("reading checkpoint of %q with the key of %q: %w", c.Origin, k.origin, ErrSignature)
	}
	if len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 0 || !bytes.Equal(noteBytes(n), b) {
		return Checkpoint{}, fmt.Errorf("reading checkpoint: %w: want exactly one signature", ErrMalformed)
	}
	return c, nil
}

// noteBytes spells the note out again with its first signature. Package note takes
// base64 with stray bits in its last letter; what this gives has none.
func noteBytes(n *note.Note) []byte {
	sig := n.Sigs[0]
	raw, err := base64.StdEncoding.Strict().DecodeString(sig.Base64)
	if err != nil {
		return nil
	}
	return fmt.Appendf(nil, "%s\n— %s %s\n", n.Text, sig.Name, base64.StdEncoding.EncodeToString(raw))
}
