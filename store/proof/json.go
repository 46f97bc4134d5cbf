package proof

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/gowebpki/jcs"
)

// Canonical writes v as RFC 8785 JSON. Integers beyond 2^53 do not survive that
// form: write them as decimal strings.
func Canonical(v any) ([]byte, error) {
	b, err := encode(v)
	if err != nil {
		return nil, fmt.Errorf("writing JSON: %w", err)
	}
	if canonical(b) {
		return b, nil
	}
	if b, err = jcs.Transform(b); err != nil {
		return nil, fmt.Errorf("writing canonical JSON: %w", err)
	}
	return b, nil
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// ParseStrict decodes one JSON value into v and refuses what encoding/json lets
// pass: duplicate keys, keys that match a field in another case, unknown fields,
// invalid UTF-8, lone surrogates, trailing data, more than 4 MiB, nesting beyond
// 32. null is allowed where encoding/json allows it.
func ParseStrict(b []byte, v any) error {
	if len(b) > maxJSON {
		return fmt.Errorf("reading JSON: %w", ErrTooLarge)
	}
	if !utf8.Valid(b) || !surrogatesPaired(b) {
		return fmt.Errorf("reading JSON: %w: invalid UTF-8", ErrMalformed)
	}
	if err := checkShape(b, v); err != nil {
		return fmt.Errorf("reading JSON: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("reading JSON: %w: %w", ErrMalformed, err)
	}
	return nil
}

// surrogatesPaired refuses \uD800-style escapes that stand alone: encoding/json
// would silently turn them into U+FFFD, and two different texts into one value.
// A backslash occurs only inside strings in valid JSON.
func surrogatesPaired(b []byte) bool {
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		r, ok := unicodeEscape(b[i:])
		switch {
		case !ok:
			i++ // another escape, or broken JSON that the decoder will name
		case r >= 0xDC00 && r <= 0xDFFF:
			return false
		case r >= 0xD800 && r <= 0xDBFF:
			low, ok := unicodeEscape(b[i+6:])
			if !ok || low < 0xDC00 || low > 0xDFFF {
				return false
			}
			i += 11
		default:
			i += 5
		}
	}
	return true
}

// unicodeEscape reads \uXXXX at the start of b.
func unicodeEscape(b []byte) (uint64, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	r, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return r, err == nil
}
