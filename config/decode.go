package config

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"
)

// decoder walks YAML's node tree and the configuration's types together, once,
// led by the types' tags. It never stops at a problem: what is wrong is left
// at its default, so that everything else is still looked at.
type decoder struct {
	*report
	env Env

	// at holds where each value was written, by path (routes[0].upstream).
	at map[string]position
	// variables holds the variables that a value was made from, by path.
	variables map[string][]string
	// bad holds the paths of values that were refused, so that later checks
	// don't complain about what is in their place.
	bad map[string]bool
	// interpolated counts the bytes of text that variables were put into.
	interpolated int
}

func newDecoder(r *report, env Env) *decoder {
	return &decoder{report: r, env: env, at: map[string]position{}, variables: map[string][]string{}, bad: map[string]bool{}}
}

// problem notes that the value at path is wrong.
func (d *decoder) problem(path string, kind Kind, format string, args ...any) {
	d.bad[path] = true
	if len(d.variables[path]) > 0 {
		// Whatever is wrong, it is the variable's value that must change.
		kind = KindVariable
	}
	d.add(d.position(path), kind, format, args...)
}

// position returns where the value at path was written, or else where what
// holds it was.
func (d *decoder) position(path string) position {
	for ; path != ""; path = parent(path) {
		if at, ok := d.at[path]; ok {
			return at
		}
	}
	return d.at[""]
}

// value decodes n into v.
func (d *decoder) value(n *yaml.Node, v reflect.Value, f field, path string) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Style&yaml.TaggedStyle != 0 || !strings.HasPrefix(n.Tag, "!!") {
		d.problem(path, KindYAMLFeature, "has the tag %.40q; write the value without a tag", n.Tag)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if isNull(n) {
			return
		}
		target := reflect.New(v.Type().Elem())
		setDefaults(target.Elem())
		d.mapping(n, target.Elem(), path)
		v.Set(target)
	case reflect.Struct:
		if !isNull(n) {
			d.mapping(n, v, path)
		}
	case reflect.Slice:
		d.list(n, v, f, path)
	default:
		d.scalar(n, v, f, path)
	}
}

// isNull reports whether a key was written without a value, which means the
// same as leaving it out.
func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// mapping decodes a mapping's keys into a struct.
func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	fields := fieldsOf(v.Type())
	if n.Kind != yaml.MappingNode {
		d.problem(path, KindType, "must be a mapping, and is %s (keys: %s)", describe(n), strings.Join(names(fields), ", "))
		return
	}
	seen := map[string]position{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := position{line: key.Line, column: key.Column}
		f, ok := d.key(key, fields, seen)
		if !ok {
			continue
		}
		seen[f.name] = at
		below := join(path, f.name)
		d.at[below] = at
		if !isNull(value) {
			d.at[below] = position{line: value.Line, column: value.Column}
		}
		d.value(value, v.Field(f.index), f, below)
	}
	for _, f := range fields {
		// What is wrong was reported already. Routes and upstreams may still
		// come from a flag, and are asked for after that.
		if below := join(path, f.name); f.required && v.Field(f.index).IsZero() && !d.bad[below] && !(path == "" && v.Field(f.index).Kind() == reflect.Slice) {
			d.problem(below, KindRequired, "%s", missing(f, v.Field(f.index).Type(), seen))
		}
	}
}

// missing says that a required key has no value.
func missing(f field, t reflect.Type, seen map[string]position) string {
	right := "write " + f.name + ": …"
	switch {
	case t.Kind() == reflect.Slice:
		right = "list at least one"
	case len(f.enum) == 1:
		right = "write " + f.name + ": " + f.enum[0]
	case f.format != nil:
		right = "write " + f.format.what
	}
	if _, given := seen[f.name]; given {
		return fmt.Sprintf("%s is empty; %s", f.name, right)
	}
	return fmt.Sprintf("%s is missing; %s", f.name, right)
}

// key finds the field that a mapping's key names.
func (d *decoder) key(key *yaml.Node, fields []field, seen map[string]position) (field, bool) {
	at := position{line: key.Line, column: key.Column}
	name := key.Value
	switch {
	case key.Kind != yaml.ScalarNode:
		d.add(at, KindType, "a key must be a plain word, and is %s", describe(key))
		return field{}, false
	case key.Tag == "!!merge":
		d.add(at, KindYAMLFeature, "merge keys (<<) are not taken; write the keys out, or let an alias stand for a whole value")
		return field{}, false
	case key.Style&yaml.TaggedStyle != 0 || !strings.HasPrefix(key.Tag, "!!"):
		d.add(at, KindYAMLFeature, "a key can't have a tag; write the key alone")
		return field{}, false
	}
	for _, f := range fields {
		if f.name != name {
			continue
		}
		if first, twice := seen[name]; twice {
			d.add(at, KindDuplicateKey, "the key %q was given in line %d already; remove one of the two", name, first.line)
			return field{}, false
		}
		return f, true
	}
	if strings.Contains(name, "${") {
		d.add(at, KindUnknownKey, "variables stand for values, not for keys; write the key's name")
		return field{}, false
	}
	known := names(fields)
	d.add(at, KindUnknownKey, "there is no key %s here%s (keys: %s)", quote(name), didYouMean(name, known), strings.Join(known, ", "))
	return field{}, false
}

// list decodes a list's elements.
func (d *decoder) list(n *yaml.Node, v reflect.Value, f field, path string) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		right := "begin each element with a dash"
		if n.Kind == yaml.ScalarNode && v.Type().Elem().Kind() == reflect.String {
			right = "write it in brackets"
		}
		d.problem(path, KindType, "%s must be a list, and is %s; %s", f.name, describe(n), right)
		return
	}
	if len(n.Content) == 0 {
		return
	}
	element := f
	element.required = true
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, child := range n.Content {
		below := index(path, i)
		d.at[below] = position{line: child.Line, column: child.Column}
		target := out.Index(i)
		if target.Kind() == reflect.Struct {
			setDefaults(target)
		}
		if isNull(child) {
			d.problem(below, KindType, "is an empty element; write a value after the dash, or remove it")
			continue
		}
		d.value(child, target, element, below)
	}
	v.Set(out)
}

// describe names what a node is, for "must be …, and is …".
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch n.Tag {
	case "!!null":
		return "empty"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	}
	return "text"
}

// quote shows a word from the file in a message, cut when it is long.
func quote(text string) string {
	const most = 60
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return fmt.Sprintf("%q", text)
}
