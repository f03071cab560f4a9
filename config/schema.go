package config

import (
	"bytes"
	"encoding/json"
	"reflect"
)

// Schema returns the JSON Schema (draft 2020-12) of the configuration, for
// editors that complete and check while one types. It is made from the tags
// that Parse goes by. It accepts whatever Parse accepts, and rejects whatever
// Parse rejects for a kind of problem other than SemanticKinds.
func Schema() []byte {
	b := schemaBuilder{defs: rule{}}
	root := b.object(reflect.TypeFor[Config]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = "urn:levee:config:v1"
	root["title"] = "Configuration of Levee"
	root["description"] = schemaDescription
	root["$defs"] = b.defs

	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		panic("config: a schema of maps, lists and texts can't be encoded: " + err.Error())
	}
	return out.Bytes()
}

// schemaDescription takes the place of Config's own comment, which speaks to
// programmers.
const schemaDescription = "The whole configuration: where clients are served, where their requests go, and how."

// rule is one (sub)schema.
type rule = map[string]any

// schemaBuilder collects the definitions of the struct types that it meets.
type schemaBuilder struct{ defs rule }

// object describes a struct.
func (b schemaBuilder) object(t reflect.Type) rule {
	properties := rule{}
	required := []string{}
	for _, f := range fieldsOf(t) {
		property := b.property(t.Field(f.index).Type, f)
		property["description"] = comments()[t.Name()+"."+f.goName]
		properties[f.name] = property
		if f.required {
			required = append(required, f.name)
		}
	}
	return rule{
		"type":                 "object",
		"description":          comments()[t.Name()],
		"properties":           properties,
		"required":             required,
		"additionalProperties": false,
	}
}

// ref describes a struct by its name, and defines it on first use.
func (b schemaBuilder) ref(t reflect.Type) rule {
	if _, known := b.defs[t.Name()]; !known {
		b.defs[t.Name()] = nil // the type is being defined: enough for those within it
		b.defs[t.Name()] = b.object(t)
	}
	return rule{"$ref": "#/$defs/" + t.Name()}
}

// property describes a key. Leaving it empty means leaving it out, unless it
// is required.
func (b schemaBuilder) property(t reflect.Type, f field) rule {
	alternatives := b.alternatives(t, f)
	switch {
	case f.required && t.Kind() == reflect.Slice:
		return alternatives[0]
	case f.required:
	case isScalar(t):
		alternatives = append(alternatives, rule{"enum": []any{nil, ""}})
	default:
		alternatives = append(alternatives, rule{"type": "null"})
	}
	out := rule{"anyOf": alternatives}
	if f.fallback != "" {
		out["default"] = fallbackValue(t, f)
	}
	return out
}

func isScalar(t reflect.Type) bool {
	return t.Kind() != reflect.Struct && t.Kind() != reflect.Pointer && t.Kind() != reflect.Slice
}

// alternatives describes the ways to write a value, the usual one first.
func (b schemaBuilder) alternatives(t reflect.Type, f field) []rule {
	switch {
	case t.Kind() == reflect.Pointer:
		return []rule{b.ref(t.Elem())}
	case t.Kind() == reflect.Struct:
		return []rule{b.ref(t)}
	case t.Kind() == reflect.Slice:
		items := rule{"anyOf": b.alternatives(t.Elem(), f)}
		list := rule{"type": "array", "items": items}
		if f.required {
			list["minItems"] = 1
		}
		return []rule{list}
	}
	return append(scalarAlternatives(t, f), rule{"type": "string", "pattern": variablePattern})
}

func scalarAlternatives(t reflect.Type, f field) []rule {
	switch {
	case t == durationType:
		return []rule{{"type": "string", "pattern": durationPattern}, {"const": 0}}
	case t == sizeType:
		return []rule{
			{"type": "string", "pattern": sizePattern},
			{"type": "integer", "minimum": f.low, "maximum": f.high},
		}
	case t.Kind() == reflect.Bool:
		return []rule{{"type": "boolean"}}
	case t.Kind() == reflect.Int, t.Kind() == reflect.Float64:
		kind := "integer"
		if t.Kind() == reflect.Float64 {
			kind = "number"
		}
		return []rule{{"type": kind, "minimum": f.low, "maximum": f.high}}
	case len(f.enum) > 0:
		return []rule{{"enum": enumValues(f.enum)}}
	}
	return stringAlternatives(f)
}

// enumValues lists the words, and beside those that YAML reads as numbers
// when they aren't quoted, the numbers.
func enumValues(words []string) []any {
	var values []any
	for _, w := range words {
		values = append(values, w)
		if decimal.MatchString(w) {
			values = append(values, json.Number(w))
		}
	}
	return values
}

func stringAlternatives(f field) []rule {
	s := rule{"type": "string"}
	if f.format == nil || f.format.numbers {
		// Written without quotes, digits are a number to YAML.
		s["type"] = []string{"string", "number"}
	}
	if f.format == nil {
		s["minLength"] = 1
	} else {
		s["pattern"] = f.format.pattern.String()
	}
	return []rule{s}
}

// fallbackValue is a default as JSON has it.
func fallbackValue(t reflect.Type, f field) any {
	switch {
	case t == durationType, t == sizeType, t.Kind() == reflect.String:
		return f.fallback
	case t.Kind() == reflect.Bool:
		return f.fallback == "true"
	}
	return f.start
}
