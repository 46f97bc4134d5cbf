package hsm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// maxDepth of nested objects and arrays; the protocol needs four.
const maxDepth = 8

// Decode reads one JSON object of at most MaxMessage bytes into v. Unknown
// keys, keys given twice (in any case: encoding/json folds it), invalid UTF-8,
// deep nesting and anything behind the object are errors: two readers must
// never see two meanings.
func Decode(r io.Reader, v any) error {
	b, err := io.ReadAll(io.LimitReader(r, MaxMessage+1))
	if err != nil {
		return fmt.Errorf("reading a message: %w", err)
	}
	if len(b) > MaxMessage {
		return fmt.Errorf("a message of more than %d bytes", MaxMessage)
	}
	if err := checkShape(b); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("decoding a message: %w", err)
	}
	return nil
}

// checkShape accepts exactly one JSON object without double keys.
func checkShape(b []byte) error {
	if !json.Valid(b) || !utf8.Valid(b) {
		return errors.New("a message that is not JSON")
	}
	if t := bytes.TrimLeft(b, " \t\r\n"); t[0] != '{' {
		return errors.New("a message that is not an object")
	}
	return checkKeys(b)
}

// checkKeys walks valid JSON once, without decoding values: seals come by the
// hundred and most of their bytes are long base64 strings.
func checkKeys(b []byte) error {
	var stack []map[string]bool // nil for an array
	wantKey := false
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			if len(stack) == maxDepth {
				return fmt.Errorf("a message nested more than %d deep", maxDepth)
			}
			wantKey = b[i] == '{'
			var keys map[string]bool
			if wantKey {
				keys = map[string]bool{}
			}
			stack = append(stack, keys)
		case '}', ']':
			stack, wantKey = stack[:len(stack)-1], false
		case ',':
			wantKey = stack[len(stack)-1] != nil
		case '"':
			end := stringEnd(b, i)
			if wantKey {
				if err := addKey(stack[len(stack)-1], b[i:end]); err != nil {
					return err
				}
				wantKey = false
			}
			i = end - 1
		}
	}
	return nil
}

// stringEnd is the index behind the closing quote of the string at b[i].
func stringEnd(b []byte, i int) int {
	for i++; ; {
		n := bytes.IndexAny(b[i:], `"\`)
		if b[i+n] == '"' {
			return i + n + 1
		}
		i += n + 2
	}
}

func addKey(keys map[string]bool, quoted []byte) error {
	var key string
	if err := json.Unmarshal(quoted, &key); err != nil {
		return fmt.Errorf("decoding a key: %w", err)
	}
	folded := strings.ToLower(key)
	if keys[folded] {
		return fmt.Errorf("a message with the key %q twice", key)
	}
	keys[folded] = true
	return nil
}
