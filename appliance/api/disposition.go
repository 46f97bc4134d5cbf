package api

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// disposition reads the Content-Disposition of a part (RFC 7578, 4.2) into its
// parameters, name and filename among them. Why not mime.ParseMediaType: it falls back
// in silence where a name is badly encoded, joins continuations, and guesses. A name
// under seal is either certain or refused.
//
// A value is a token or a quoted string, in which only \" and \\ are escapes: a browser
// sends a backslash bare. filename* (RFC 8187), UTF-8 alone, goes before filename; it is
// the form in which any name arrives exactly. Nothing is normalised, nothing is cut to
// the last element of a path, %22 stays %22.
func disposition(header string) (map[string]string, error) {
	kind, rest, _ := strings.Cut(header, ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "form-data") {
		return nil, badDisposition("it does not begin with form-data")
	}
	params := map[string]string{}
	for rest = skipSpace(rest); rest != ""; {
		key, after, ok := strings.Cut(rest, "=")
		key = strings.ToLower(strings.TrimSpace(key))
		if !ok || !isToken(key) {
			return nil, badDisposition("a parameter has no name or no value")
		}
		value, after, err := parameter(skipSpace(after))
		if err != nil {
			return nil, err
		}
		if _, twice := params[key]; twice {
			return nil, badDisposition(key + " stands there twice")
		}
		params[key] = value
		if rest = skipSpace(after); rest == "" {
			break
		}
		if rest[0] != ';' {
			return nil, badDisposition("parameters are divided by semicolons")
		}
		rest = skipSpace(rest[1:])
	}
	if extended, ok := params["filename*"]; ok {
		name, err := decodeExtended(extended)
		if err != nil {
			return nil, err
		}
		params["filename"] = name
	}
	return params, nil
}

// parameter reads one value and gives what is behind it.
func parameter(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, "; \t")
		if end < 0 {
			end = len(s)
		}
		if !isToken(s[:end]) {
			return "", "", badDisposition("a value is neither a token nor in quotes")
		}
		return s[:end], s[end:], nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], nil
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", badDisposition("a quotation mark is missing")
}

// decodeExtended reads UTF-8'language'percent-encoded (RFC 8187, 3.2).
func decodeExtended(s string) (string, error) {
	charset, rest, _ := strings.Cut(s, "'")
	_, encoded, ok := strings.Cut(rest, "'")
	if !ok || !strings.EqualFold(charset, "UTF-8") {
		return "", badDisposition("filename* is not like UTF-8''name")
	}
	name, err := url.PathUnescape(encoded)
	if err != nil || !utf8.ValidString(name) {
		return "", badDisposition("filename* is not well encoded")
	}
	return name, nil
}

// encodeDisposition offers a reply for saving under a name (RFC 6266): an ASCII
// likeness for old programs, the exact name for the others.
func encodeDisposition(name string) string {
	const exact = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&+-.^_`|~"
	var like, encoded strings.Builder
	for _, r := range name {
		if r < 0x20 || r > 0x7e || strings.ContainsRune(`"\/%`, r) {
			r = '_'
		}
		like.WriteRune(r)
	}
	for _, b := range []byte(name) {
		if strings.IndexByte(exact, b) >= 0 {
			encoded.WriteByte(b)
		} else {
			encoded.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{b})))
		}
	}
	return fmt.Sprintf(`attachment; filename="%s"; filename*=UTF-8''%s`, like.String(), encoded.String())
}

func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= 0x20 || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

func skipSpace(s string) string { return strings.TrimLeft(s, " \t") }

func badDisposition(why string) error {
	return badForm("the Content-Disposition of a part: " + why)
}
