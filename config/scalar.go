package config

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// text is one scalar of the file: what was written, after variables were put
// in, and how YAML would read it.
type text struct {
	value string
	// tag is YAML's reading: !!str, !!int, !!float, !!bool. !!str for quoted.
	tag string
	// variables that the value was made from. The value may be a secret then,
	// and its type is whatever the key asks for: the environment has only text.
	variables []string
}

// shown returns the value for a message, or the variables in its place.
func (t text) shown() string {
	if len(t.variables) == 0 {
		return quote(maskUserinfo(t.value))
	}
	names := make([]string, len(t.variables))
	for i, name := range t.variables {
		names[i] = "${" + name + "}"
	}
	return "the value of " + strings.Join(names, " and ")
}

// isNumber reports whether YAML reads the scalar as a number.
func (t text) isNumber() bool {
	return len(t.variables) == 0 && (t.tag == "!!int" || t.tag == "!!float")
}

// decimal is a number that every version of YAML, and JSON, reads alike. 0777
// is 511 to some and 777 to others; 1_000 is a number to some.
var decimal = regexp.MustCompile(`^[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?$`)

// scalar decodes a string, bool, number, Duration or Size.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, f field, path string) {
	if n.Kind != yaml.ScalarNode {
		d.problem(path, KindType, "must be %s, and is %s", expected(v.Type(), f), describe(n))
		return
	}
	t, ok := d.interpolate(n, path)
	if !ok {
		return
	}
	if t.value == "" || t.tag == "!!null" {
		// The same as leaving the key out: the default stays, and where there
		// must be a value, its absence is reported once the mapping is read.
		switch {
		case len(t.variables) > 0 && f.required:
			d.problem(path, KindVariable, "must be %s, and %s is empty", expected(v.Type(), f), t.shown())
		case strings.HasSuffix(path, "]"):
			d.problem(path, KindType, "is empty; write %s, or remove it", expected(v.Type(), f))
		}
		return
	}
	if t.isNumber() && v.Kind() != reflect.String && !decimal.MatchString(t.value) {
		d.problem(path, KindSpelling, "%s is a number that not everybody reads alike; write it with decimal digits alone", quote(t.value))
		return
	}
	switch {
	case v.Type() == durationType:
		d.duration(t, v, f, path)
	case v.Type() == sizeType:
		d.size(t, v, f, path)
	case v.Kind() == reflect.Bool:
		d.bool(t, v, path)
	case v.Kind() == reflect.String:
		d.string(t, v, f, path)
	default:
		d.number(t, v, f, path)
	}
}

// interpolate puts variables into a scalar.
func (d *decoder) interpolate(n *yaml.Node, path string) (text, bool) {
	if !strings.Contains(n.Value, "${") {
		return text{value: n.Value, tag: n.Tag}, true
	}
	in := interpolate(n.Value, d.env)
	for _, problem := range in.problems {
		d.problem(path, KindVariable, "%s", problem)
	}
	if len(in.problems) > 0 {
		return text{}, false
	}
	if d.interpolated += len(in.text); d.interpolated > maxInterpolated {
		d.problem(path, KindLimit, "has variables that bring more than %s into the configuration, all together; set them to less", Size(maxInterpolated))
		return text{}, false
	}
	if len(in.names) > 0 {
		d.variables[path] = in.names
	}
	return text{value: in.text, tag: "!!str", variables: in.names}, true
}

func (d *decoder) duration(t text, v reflect.Value, f field, path string) {
	if t.isNumber() && number(t.value, reflect.TypeFor[float64]()) == 0 {
		t.value = "0"
	}
	parsed, err := ParseDuration(t.value)
	if err != nil {
		d.unreadable(t, v.Type(), f, path, err)
		return
	}
	d.setInRange(t, v, f, path, int64(parsed))
}

func (d *decoder) size(t text, v reflect.Value, f field, path string) {
	if t.isNumber() {
		d.number(t, v, f, path)
		return
	}
	parsed, err := ParseSize(t.value)
	if err != nil {
		d.unreadable(t, v.Type(), f, path, err)
		return
	}
	d.setInRange(t, v, f, path, int64(parsed))
}

// setInRange takes a duration or a size, if it is one that may be.
func (d *decoder) setInRange(t text, v reflect.Value, f field, path string, parsed int64) {
	if float64(parsed) < f.low || float64(parsed) > f.high {
		d.problem(path, KindUnitRange, "must be from %s to %s, and %s isn't", f.min, f.max, t.shown())
		return
	}
	v.SetInt(parsed)
}

// unreadable reports a duration or a size that can't be parsed.
func (d *decoder) unreadable(t text, typ reflect.Type, f field, path string, err error) {
	kind := KindType
	if errors.Is(err, errDurationTooLong) || errors.Is(err, errSizeTooBig) {
		kind = KindUnitRange
	}
	if len(t.variables) > 0 {
		d.problem(path, kind, "must be %s, and %s isn't", expected(typ, f), t.shown())
		return
	}
	d.problem(path, kind, "%s %s", t.shown(), err)
}

func (d *decoder) bool(t text, v reflect.Value, path string) {
	lower := strings.ToLower(t.value)
	isWord := lower == "true" || lower == "false"
	switch {
	case t.tag == "!!bool", len(t.variables) > 0 && isWord:
		v.SetBool(lower == "true")
	case len(t.variables) > 0:
		d.problem(path, KindType, "must be true or false, and %s isn't", t.shown())
	case isWord:
		d.problem(path, KindType, "must be true or false, and %q in quotes is text; write %s without quotes", t.value, lower)
	case lower == "yes" || lower == "on" || lower == "y":
		d.problem(path, KindType, "must be true or false, and %s is text; write true", quote(t.value))
	case lower == "no" || lower == "off" || lower == "n":
		d.problem(path, KindType, "must be true or false, and %s is text; write false", quote(t.value))
	default:
		d.problem(path, KindType, "must be true or false, and %s isn't", t.shown())
	}
}

func (d *decoder) number(t text, v reflect.Value, f field, path string) {
	readable := decimal.MatchString(t.value)
	if !t.isNumber() && len(t.variables) == 0 {
		right := ""
		if readable {
			right = "; write it without quotes"
		}
		d.problem(path, KindType, "must be %s, and %s is text%s", expected(v.Type(), f), t.shown(), right)
		return
	}
	// The largest bounds are far below 2^53, so nothing is lost in a float;
	// what is too large for one becomes infinite, and is out of range.
	n, err := strconv.ParseFloat(t.value, 64)
	if !readable || err != nil && !math.IsInf(n, 0) || v.Kind() != reflect.Float64 && n != math.Trunc(n) {
		d.problem(path, KindType, "must be %s, and %s isn't", expected(v.Type(), f), t.shown())
		return
	}
	if n < f.low || n > f.high {
		d.problem(path, KindRange, "must be from %s to %s, and %s isn't", f.min, f.max, t.shown())
		return
	}
	if v.Kind() == reflect.Float64 {
		v.SetFloat(n)
		return
	}
	v.SetInt(int64(n))
}

func (d *decoder) string(t text, v reflect.Value, f field, path string) {
	// A number's spelling is kept: minVersion: 1.2 means the text.
	if t.tag == "!!bool" {
		d.problem(path, KindType, "must be %s, and %s is not text to YAML; put it in quotes if it is meant", expected(v.Type(), f), t.value)
		return
	}
	if len(f.enum) > 0 && !slices.Contains(f.enum, t.value) {
		more := ""
		if len(t.variables) == 0 {
			more = didYouMean(t.value, f.enum)
		}
		d.problem(path, KindEnum, "must be %s, and %s isn't%s", expected(v.Type(), f), t.shown(), more)
		return
	}
	if f.format == nil {
		v.SetString(t.value)
		return
	}
	if !f.format.pattern.MatchString(t.value) {
		kind := KindFormat
		if t.isNumber() && f.format.numbers {
			kind = KindSpelling
		}
		d.problem(path, kind, "%s", f.format.refuse(t))
		return
	}
	if f.format.check == nil {
		v.SetString(t.value)
		return
	}
	kept, err := f.format.check(t.value)
	switch {
	case err == nil:
		v.SetString(kept)
	case len(t.variables) > 0:
		d.problem(path, KindValue, "must be %s, and %s isn't", f.format.what, t.shown())
	default:
		d.problem(path, KindValue, "%s %s", t.shown(), err)
	}
}

// refuse says why text doesn't match the pattern. What was made from variables
// is not repeated, nor looked at closely.
func (f *format) refuse(t text) string {
	if len(t.variables) == 0 && f.explain != nil {
		if more := f.explain(t.value); more != "" {
			return t.shown() + " " + more
		}
	}
	return fmt.Sprintf("must be %s, and %s isn't", f.what, t.shown())
}

// expected names what a scalar must be, for "must be …".
func expected(t reflect.Type, f field) string {
	switch {
	case t == durationType:
		return "a duration like 800ms, 1.5s or 24h"
	case t == sizeType:
		return "a size like 512B, 32KiB or 10MB"
	case len(f.enum) > 0:
		return listed(f.enum)
	case f.format != nil:
		return f.format.what
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Float64:
		return "a number from " + f.min + " to " + f.max
	case t.Kind() == reflect.Int:
		return "a whole number from " + f.min + " to " + f.max
	}
	return "text"
}
