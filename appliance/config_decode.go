package appliance

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
)

// A TOML library's own strict mode stops at the first value of a wrong type. A
// person who writes a configuration wants all his faults at once, each with its key
// and what may stand there: so the library parses, and this file fills the structs.

// faults gathers what is wrong, and the keys it was said of: what could not be read
// is not judged a second time.
type faults struct {
	lines []string
	keys  map[string]bool
}

func (f *faults) add(key, may, format string, args ...any) {
	if f.keys == nil {
		f.keys = map[string]bool{}
	}
	list, _, _ := strings.Cut(key[strings.LastIndex(key, ".")+1:], "[")
	f.keys[key], f.keys[key[:strings.LastIndex(key, ".")+1]+list] = true, true
	text := fmt.Sprintf("%s: ", key) + fmt.Sprintf(format, args...)
	if may != "" {
		text += "; it may be " + may
	}
	f.lines = append(f.lines, text)
}

func (f *faults) err() error {
	if len(f.lines) == 0 {
		return nil
	}
	return fmt.Errorf("%w:\n  %s", ErrConfig, strings.Join(f.lines, "\n  "))
}

// syntaxError says where TOML itself is broken.
func syntaxError(err error) error {
	var at *toml.DecodeError
	if errors.As(err, &at) {
		row, column := at.Position()
		return fmt.Errorf("line %d, column %d: %w", row, column, err)
	}
	return err
}

type decoder struct {
	dir    string
	faults faults
}

// table fills the struct that into points to, in the order of its fields, and names
// every key that has no field.
func (d *decoder) table(at string, tree map[string]any, into any) {
	v := reflect.ValueOf(into).Elem()
	known := map[string]bool{}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, option, _ := strings.Cut(field.Tag.Get("toml"), ",")
		known[name] = true
		key := join(at, name)
		if raw, given := tree[name]; given {
			d.value(key, option, field.Tag.Get("may"), raw, v.Field(i))
		} else if option == "path" && v.Field(i).Kind() == reflect.String {
			v.Field(i).SetString(d.path(v.Field(i).String()))
		} else if v.Field(i).Kind() == reflect.Struct {
			d.table(key, nil, v.Field(i).Addr().Interface()) // its default paths
		}
	}
	var unknown []string
	for name := range tree {
		if !known[name] {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		d.faults.add(join(at, name), "one of "+strings.Join(sorted(known), ", "), "no such key")
	}
}

func (d *decoder) value(key, option, may string, raw any, v reflect.Value) {
	switch into := v.Addr().Interface().(type) {
	case *time.Duration:
		d.parsed(key, may, raw, func(s string) (err error) { *into, err = parseDuration(s); return err })
		return
	case *int64: // sizes are the only ones
		d.parsed(key, may, raw, func(s string) (err error) { *into, err = parseSize(s); return err })
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		if tree, ok := raw.(map[string]any); ok {
			d.table(key, tree, v.Addr().Interface())
			return
		}
		d.faults.add(key, "a table, [%s]", "%s is no table", show(raw))
	case reflect.Slice:
		d.list(key, option, may, raw, v)
	case reflect.String:
		if s, ok := raw.(string); ok && utf8.ValidString(s) && !strings.ContainsRune(s, 0) {
			if option == "path" {
				s = d.path(s)
			}
			v.SetString(s)
			return
		}
		d.faults.add(key, may, "%s is not text", show(raw))
	case reflect.Bool:
		b, ok := raw.(bool)
		if !ok {
			d.faults.add(key, may, "%s is neither true nor false", show(raw))
		}
		v.SetBool(b)
	default: // int
		n, ok := raw.(int64)
		if !ok {
			d.faults.add(key, may, "%s is not a whole number", show(raw))
		}
		v.SetInt(n)
	}
}

// list fills a list of values or of tables.
func (d *decoder) list(key, option, may string, raw any, v reflect.Value) {
	elements, ok := raw.([]any)
	if !ok {
		if may == "" {
			may = fmt.Sprintf("tables, each headed [[%s]]", key)
		}
		d.faults.add(key, may, "%s is not a list", show(raw))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(elements), len(elements)))
	for i, element := range elements {
		one := v.Index(i)
		if a, ok := one.Addr().Interface().(*AuthorityConfig); ok {
			*a = defaultAuthority
		}
		d.value(fmt.Sprintf("%s[%d]", key, i+1), option, may, element, one)
	}
}

func (d *decoder) parsed(key, may string, raw any, parse func(string) error) {
	s, ok := raw.(string)
	if !ok {
		d.faults.add(key, may, "%s is not text in quotes", show(raw))
		return
	}
	if err := parse(s); err != nil {
		d.faults.add(key, may, "%v", err)
	}
}

// path resolves a path against the folder of the file; nothing stays nothing.
func (d *decoder) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(d.dir, p)
}

func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

// show renders a foreign value for a message: short, on one line.
func show(v any) string {
	s := fmt.Sprintf("%v", v)
	switch v := v.(type) {
	case string:
		s = fmt.Sprintf("%q", v)
	case map[string]any:
		return "a table"
	case []any:
		return "a list"
	}
	if len(s) > 60 || strings.ContainsFunc(s, unicode.IsControl) {
		return "this value"
	}
	return s
}

func sorted(set map[string]bool) []string {
	var names []string
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// readUpTo fills b as far as the reader goes.
func readUpTo(r io.Reader, b []byte) (int, error) {
	n, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return n, nil
	}
	return n, err
}
