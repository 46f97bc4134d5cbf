package proof

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// shape walks JSON tokens beside the Go type they will be decoded into.
type shape struct {
	d     *json.Decoder
	depth int
}

// checkShape refuses duplicate keys, keys no field is spelled like, deep nesting
// and anything after the value.
func checkShape(b []byte, v any) error {
	if !json.Valid(b) {
		return fmt.Errorf("%w: not one JSON value", ErrMalformed)
	}
	s := &shape{d: json.NewDecoder(bytes.NewReader(b))}
	s.d.UseNumber()
	return s.value(reflect.TypeOf(v))
}

// value walks one value; t is nil where the type says nothing about its inside.
func (s *shape) value(t reflect.Type) error {
	tok, err := s.d.Token()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	delim, ok := tok.(json.Delim)
	if !ok {
		return nil
	}
	if s.depth++; s.depth > maxDepth {
		return fmt.Errorf("%w: nested deeper than %d", ErrMalformed, maxDepth)
	}
	defer func() { s.depth-- }()
	t = inside(t)
	if delim == '{' {
		err = s.object(t)
	} else {
		err = s.array(t)
	}
	if err != nil {
		return err
	}
	_, err = s.d.Token() // the closing delimiter; json.Valid saw it
	return err
}

func (s *shape) array(t reflect.Type) error {
	var elem reflect.Type
	if t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) {
		elem = t.Elem()
	}
	for s.d.More() {
		if err := s.value(elem); err != nil {
			return err
		}
	}
	return nil
}

func (s *shape) object(t reflect.Type) error {
	var elem reflect.Type
	var fields map[string]reflect.Type
	if t != nil && t.Kind() == reflect.Struct {
		fields = fieldsOf(t)
	} else if t != nil && t.Kind() == reflect.Map {
		elem = t.Elem()
	}
	seen := make(map[string]bool)
	for s.d.More() {
		tok, err := s.d.Token()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		key, _ := tok.(string)
		if seen[key] {
			return fmt.Errorf("%w: key %q twice", ErrMalformed, key)
		}
		seen[key] = true
		if fields != nil {
			var known bool
			if elem, known = fields[key]; !known {
				return fmt.Errorf("%w: unknown field %q", ErrMalformed, key)
			}
		}
		if err := s.value(elem); err != nil {
			return err
		}
	}
	return nil
}

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// inside follows pointers; types that decode themselves say nothing.
func inside(t reflect.Type) reflect.Type {
	for t != nil {
		if reflect.PointerTo(t).Implements(jsonUnmarshaler) || reflect.PointerTo(t).Implements(textUnmarshaler) {
			return nil
		}
		if t.Kind() != reflect.Pointer {
			return t
		}
		t = t.Elem()
	}
	return nil
}

// fieldsOf maps the JSON names of a struct, embedded ones too, to their types.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	out := make(map[string]reflect.Type)
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" || (f.Anonymous && name == "") {
			continue
		}
		if name == "" {
			name = f.Name
		}
		out[name] = f.Type
	}
	return out
}
