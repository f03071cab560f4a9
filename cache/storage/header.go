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
	fields, values, size := make(Header, 0, len(h)), 0, 0
	for name, v := range h {
		fields = append(fields, Field{Name: name, Values: v})
		if len(v) != 1 {
			values += len(v)
		}
		size += len(name)
		for _, s := range v {
			size += len(s)
		}
	}
	slices.SortFunc(fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	var text strings.Builder
	text.Grow(size)
	for _, f := range fields {
		text.WriteString(f.Name)
		for _, s := range f.Values {
			text.WriteString(s)
		}
	}
	rest, all := text.String(), make([]string, 0, values)
	cut := func(n int) (s string) {
		s, rest = rest[:n], rest[n:]
		return s
	}
	for i := range fields {
		f := &fields[i]
		f.Name = cut(len(f.Name))
		if len(f.Values) == 1 {
			f.one[0] = cut(len(f.Values[0]))
			f.Values = f.one[:]
			continue
		}
		first := len(all)
		for _, s := range f.Values {
			all = append(all, cut(len(s)))
		}
		f.Values = all[first:len(all):len(all)]
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
