package storage

import (
	"iter"
	"net/http"
	"slices"
	"strings"
)

// Header is a response's fields, packed into two or three allocations however many
// fields there are, and in the order of their names. It is shared and must not
// be changed; appending to a field's Values copies them.
type Header []Field

// Field is the values of one name, in the order in which they came.
type Field struct {
	Name   string // canonical, as in [http.Header]
	Values []string

	one [1]string // of Values, where there is one
}

// Pack copies h. The original's strings often pin a larger buffer, such as the
// block that they were parsed from; the copy holds its own bytes only.
func Pack(h http.Header) Header {
	if len(h) == 0 {
		return nil
	}
	fields := make(Header, 0, len(h))
	for name, v := range h {
		fields = append(fields, Field{Name: name, Values: v})
	}
	slices.SortFunc(fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	size, values := fields.size()
	text := make(block, 0, size)
	return fields.copyTo(fields, &text, make([]string, 0, values))
}

// size is how many bytes of text the fields have, and how many values that don't
// stand in the fields themselves.
func (h Header) size() (text, values int) {
	for i := range h {
		f := &h[i]
		if len(f.Values) != 1 {
			values += len(f.Values)
		}
		text += len(f.Name)
		for _, s := range f.Values {
			text += len(s)
		}
	}
	return text, values
}

// copyTo copies the fields into others, which may be the same, with their text
// and their values in room that is enough for both.
func (h Header) copyTo(fields []Field, text *block, values []string) Header {
	for i := range h {
		from, f := h[i], &fields[i] // a copy: they may be the same
		f.Name = text.add(from.Name)
		if len(from.Values) == 1 {
			f.one[0] = text.add(from.Values[0])
			f.Values = f.one[:]
			continue
		}
		first := len(values)
		for _, s := range from.Values {
			values = append(values, text.add(s))
		}
		f.Values = values[first:len(values):len(values)]
	}
	return fields
}

// Get is the first value of the field with this canonical name, or "".
func (h Header) Get(name string) string {
	if v := h.Values(name); len(v) > 0 {
		return v[0]
	}
	return ""
}

// Values are all values of the field with this canonical name.
func (h Header) Values(name string) []string {
	i, ok := slices.BinarySearchFunc(h, name, func(f Field, name string) int { return strings.Compare(f.Name, name) })
	if !ok {
		return nil
	}
	return h[i].Values
}

// Has tells whether there is a field with this canonical name.
func (h Header) Has(name string) bool { return h.Values(name) != nil }

// CopyTo sets the fields in to, sharing the values.
func (h Header) CopyTo(to http.Header) {
	for _, f := range h {
		to[f.Name] = f.Values
	}
}

// All lists names and values, one line at a time.
func (h Header) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, f := range h {
			for _, v := range f.Values {
				if !yield(f.Name, v) {
					return
				}
			}
		}
	}
}
