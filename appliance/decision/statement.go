// Package decision is what two persons sign when the volumes of a safe cannot say by themselves which
// of them holds the truth: a statement of plain text, that one of them is it and what that loses, and
// over it two signatures of two officers of the safe.
//
// The safe is closed when this is needed: nothing here speaks to it. A statement is for one choice,
// once, for a day.
package decision

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Why a decision is not taken.
var (
	ErrStatement  = errors.New("this is not a statement of this safe")
	ErrTooOld     = errors.New("the statement is older than a day, or from the future")
	ErrSignature  = errors.New("the signature does not hold")
	ErrOfficer    = errors.New("the signer is not an officer of this safe")
	ErrTwoPersons = errors.New("two signatures of two different officers are wanted")
)

// Lifetime is how long a statement may be signed and handed back.
const Lifetime = 24 * time.Hour

const (
	maxStatement = 16 << 10 // bytes
	heading      = "Casemate: decision about the volumes of a safe, version 1"
	closing      = "We decide that this volume holds the true history of the safe. The other volumes are\n" +
		"filled anew from it. Entries of the journal that it lacks are given up, and so are the documents\n" +
		"they tell of: the safe goes on with other entries under their numbers. We have read what this loses.\n"
)

// Statement says which volume is to be the truth. All of it stands in the text that is signed.
type Statement struct {
	Safe     string    // origin
	Issued   time.Time // whole seconds, UTC
	Number   string    // random, so that no two statements are one: 32 hexadecimal digits
	Choice   string    // what the mirror calls it: binds all that the choice stands for
	Volume   string
	Dir      string
	Epoch    uint64
	Sequence uint64
	Loses    string // in words
	// The last checkpoint of the journal that the token signed. What the volume's journal lacks of it is
	// given up, and the token goes on without, for this checkpoint alone.
	Signed     uint64 // entries
	SignedRoot string // 64 hexadecimal digits
}

// New fills in what makes a statement its own.
func New(s Statement, now time.Time) Statement {
	var number [16]byte
	_, _ = rand.Read(number[:]) // never fails since Go 1.24
	s.Number, s.Issued = hex.EncodeToString(number[:]), now.UTC().Truncate(time.Second)
	for _, field := range s.fields() {
		if field.text != nil {
			*field.text = oneLine(*field.text)
		}
	}
	return s
}

// field is one line of the text.
type field struct {
	name   string
	text   *string
	number *uint64
}

func (s *Statement) fields() []field {
	return []field{
		{"safe", &s.Safe, nil}, {"number", &s.Number, nil}, {"choice", &s.Choice, nil}, {"volume", &s.Volume, nil},
		{"folder", &s.Dir, nil}, {"epoch", nil, &s.Epoch}, {"last batch", nil, &s.Sequence}, {"this loses", &s.Loses, nil},
		{"journal entries that the token signed", nil, &s.Signed}, {"and their root", &s.SignedRoot, nil},
	}
}

// Text is the statement as it is read and signed.
func (s Statement) Text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n\nissued: %s\n", heading, s.Issued.UTC().Format(time.RFC3339))
	for _, f := range s.fields() {
		if f.text != nil {
			fmt.Fprintf(&b, "%s: %s\n", f.name, *f.text)
		} else {
			fmt.Fprintf(&b, "%s: %d\n", f.name, *f.number)
		}
	}
	b.WriteString("\n" + closing)
	return b.Bytes()
}

// Parse reads a statement. There is one text for a statement: anything else is refused.
func Parse(text []byte) (Statement, error) {
	var s Statement
	if len(text) > maxStatement || !utf8.Valid(text) {
		return s, fmt.Errorf("%w: it is too long, or no text", ErrStatement)
	}
	lines := strings.Split(string(text), "\n")
	fields := s.fields()
	if len(lines) < 3+len(fields) {
		return s, fmt.Errorf("%w: it ends early", ErrStatement)
	}
	issued, err := time.Parse(time.RFC3339, strings.TrimPrefix(lines[2], "issued: "))
	if err != nil {
		return s, fmt.Errorf("%w: when it was issued cannot be read", ErrStatement)
	}
	s.Issued = issued
	for i, f := range fields {
		value, ok := strings.CutPrefix(lines[3+i], f.name+": ")
		if !ok {
			return s, fmt.Errorf("%w: line %d is not its %s", ErrStatement, 4+i, f.name)
		}
		if f.text != nil {
			*f.text = value
		} else if *f.number, err = strconv.ParseUint(value, 10, 64); err != nil {
			return s, fmt.Errorf("%w: its %s is no number", ErrStatement, f.name)
		}
	}
	if !bytes.Equal(s.Text(), text) {
		return s, fmt.Errorf("%w: it was altered", ErrStatement)
	}
	return s, nil
}

// oneLine keeps a value within its line.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
