package api

import (
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"casemate/appliance/wire"
)

// object is a piece of JSON.
type object = map[string]any

var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

// whatIs tells what stands for a name in braces.
var whatIs = map[string]object{
	"vault":  {"description": "name of a vault", "schema": text},
	"id":     {"description": "identifier of a document", "schema": object{"type": "string", "pattern": "^[a-z2-7]{26}$"}},
	"volume": {"description": "a volume: its identity, or the first eight digits", "schema": text},
	"n":      {"description": "number of a file, from 1", "schema": object{"type": "integer", "minimum": 1}},
}

// describe makes the OpenAPI 3.1 description of a table.
func describe(table []route, version string) object {
	s := schemas{}
	paths := object{}
	for _, one := range table {
		item, ok := paths[wire.Prefix+one.path].(object)
		if !ok {
			item = object{}
			paths[wire.Prefix+one.path] = item
		}
		item[strings.ToLower(one.method)] = one.describe(s)
	}
	s.of(reflect.TypeFor[wire.Problem]())
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Casemate", "version": version,
			"description": "A digital safe: what is deposited today can be proved in thirty years.",
		},
		"paths": paths,
		"components": object{
			"schemas": s,
			"securitySchemes": object{
				"certificate": object{"type": "mutualTLS", "description": "a client certificate of an access authority of the safe"},
			},
		},
	}
}

func (one route) describe(s schemas) object {
	op := object{
		"summary": one.summary, "operationId": one.operation(),
		"description": "Open to " + one.access.String() + ".",
		"responses": object{
			strconv.Itoa(one.status): object{"description": http.StatusText(one.status), "content": object{one.gives: one.replySchema(s)}},
			"default": object{"description": "refused", "content": object{
				wire.Prob: object{"schema": s.of(reflect.TypeFor[wire.Problem]())}}},
		},
	}
	if !one.access.IsPublic() {
		op["security"] = []object{{"certificate": []string{}}}
	}
	var parameters []object
	for _, name := range pathParameter.FindAllStringSubmatch(one.path, -1) {
		p := object{"name": name[1], "in": "path", "required": true}
		for k, v := range whatIs[name[1]] {
			p[k] = v
		}
		parameters = append(parameters, p)
	}
	for _, q := range one.query {
		parameters = append(parameters, object{"name": q.name, "in": "query", "schema": q.schema, "description": q.says})
	}
	if parameters != nil {
		op["parameters"] = parameters
	}
	switch one.takes {
	case wire.JSON:
		op["requestBody"] = object{"required": true, "content": object{one.takes: object{"schema": s.of(one.request)}}}
	case formData:
		op["requestBody"] = object{"required": true, "content": object{one.takes: object{"schema": object{
			"type":        "object",
			"description": "first " + wire.PartMeta + ", then each " + wire.PartFile + " with its filename",
			"required":    []string{wire.PartMeta, wire.PartFile},
			"properties": object{
				wire.PartMeta: s.of(one.request),
				wire.PartFile: object{"type": "array", "minItems": 1, "maxItems": wire.MaxFiles, "items": object{"type": "string", "format": "binary"}},
			},
		}}}}
	}
	return op
}

// operation names a route for programs made from the description.
func (one route) operation() string {
	words := strings.FieldsFunc(one.path, func(r rune) bool { return strings.ContainsRune("/{}.", r) })
	return strings.ToLower(one.method) + "-" + strings.Join(words, "-")
}

func (one route) replySchema(s schemas) object {
	switch {
	case one.reply != nil:
		return object{"schema": s.of(one.reply)}
	case one.gives == wire.JSON:
		return object{"schema": object{"type": "object"}}
	default:
		return object{}
	}
}

// schemas are the components, by the name of their Go type.
type schemas map[string]any

// of gives the schema of a type of package wire. Every shape stands there once.
func (s schemas) of(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t.Kind() == reflect.Pointer:
		return s.of(t.Elem())
	case t.Kind() == reflect.Struct:
		if _, known := s[t.Name()]; !known {
			s[t.Name()] = nil // a type within itself ends here
			s[t.Name()] = s.fields(t)
		}
		return object{"$ref": "#/components/schemas/" + t.Name()}
	case t.Kind() == reflect.Slice:
		return object{"type": "array", "items": s.of(t.Elem())}
	case t.Kind() == reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case t.Kind() == reflect.Bool:
		return object{"type": "boolean"}
	case t.Kind() == reflect.String:
		return object{"type": "string"}
	case t.Kind() == reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	default:
		return object{"type": "integer"}
	}
}

func (s schemas) fields(t reflect.Type) object {
	properties, required := object{}, []string{}
	for i := range t.NumField() {
		name, option, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		properties[name] = s.of(t.Field(i).Type)
		if option != "omitempty" {
			required = append(required, name)
		}
	}
	schema := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		schema["required"] = required
	}
	return schema
}
