package config

import (
	"cmp"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// field is what a struct field's tags say about a key. Decoder, encoder,
// schema and reference all go by it, and by nothing else.
type field struct {
	name     string // the key
	goName   string // the struct field's name
	index    int    // the struct field's index
	fallback string // the default as text; empty: the type's zero value
	required bool
	enum     []string
	format   *format
	min, max string // bounds as text; empty: none

	// low, high and start are min, max and fallback as numbers: nanoseconds
	// of a Duration, bytes of a Size.
	low, high, start float64
}

// A []string's enum and format are about its elements.

var (
	durationType = reflect.TypeFor[Duration]()
	sizeType     = reflect.TypeFor[Size]()

	fieldCache sync.Map // reflect.Type → []field
)

// fieldsOf returns the keys of a struct type, in order. A mistake in a tag is
// a mistake in the program, and panics.
func fieldsOf(t reflect.Type) []field {
	if cached, ok := fieldCache.Load(t); ok {
		return cached.([]field)
	}
	var fields []field
	for i := range t.NumField() {
		sf := t.Field(i)
		name := sf.Tag.Get("yaml")
		if !sf.IsExported() || name == "" {
			continue
		}
		f := field{
			name:     name,
			goName:   sf.Name,
			index:    i,
			fallback: sf.Tag.Get("default"),
			required: sf.Tag.Get("required") == "true",
			min:      sf.Tag.Get("min"),
			max:      sf.Tag.Get("max"),
		}
		if words := sf.Tag.Get("enum"); words != "" {
			f.enum = strings.Split(words, ",")
		}
		if name := sf.Tag.Get("format"); name != "" {
			f.format = formats[name]
			if f.format == nil {
				panic(fmt.Sprintf("config: %s.%s has the unknown format %q", t, sf.Name, name))
			}
		}
		if f.max != "" {
			f.low, f.high = number(f.min, sf.Type), number(f.max, sf.Type)
			f.start = number(cmp.Or(f.fallback, "0"), sf.Type)
		}
		fields = append(fields, f)
	}
	fieldCache.Store(t, fields)
	return fields
}

// names returns the keys of a struct type.
func names(fields []field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.name
	}
	return out
}

// number reads a bound or a default from a tag.
func number(text string, t reflect.Type) float64 {
	var n float64
	var err error
	switch t {
	case durationType:
		var d Duration
		d, err = ParseDuration(text)
		n = float64(d)
	case sizeType:
		var s Size
		s, err = ParseSize(text)
		n = float64(s)
	default:
		n, err = strconv.ParseFloat(text, 64)
	}
	if err != nil {
		panic(fmt.Sprintf("config: a tag has %q where a %s must be: %v", text, t, err))
	}
	return n
}

// setDefaults fills a struct with the defaults of its tags, nested structs
// too. Lists and optional structs stay empty.
func setDefaults(v reflect.Value) {
	for _, f := range fieldsOf(v.Type()) {
		target := v.Field(f.index)
		switch {
		case target.Kind() == reflect.Struct:
			setDefaults(target)
		case target.Kind() == reflect.String:
			target.SetString(f.fallback)
		case target.Kind() == reflect.Bool:
			target.SetBool(f.fallback == "true")
		case target.Kind() == reflect.Float64:
			target.SetFloat(f.start)
		case target.CanInt():
			target.SetInt(int64(f.start))
		}
	}
}
