// Package fields has what header fields need wherever messages are passed on: which
// of them end at a hop, and where the texts stand that Levee makes for them.
package fields

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
)

// Values is where the texts stand that Levee makes for a request, most of
// them values of header fields, to spare an allocation for each.
//
// Room and text are filled from the front, and replaced when they are full: what
// was given out is never written to again. So it may be kept for as long as
// anybody likes, by a server that writes the header once the handler has
// returned, by a handler around Levee's that logs it, or by a transport that
// reads it although the exchange is over; while the rest serves the next
// exchange. Whoever keeps one value keeps up to valuesRoom and valuesText more.
//
// A nil one allocates each. It is not safe for concurrent use.
type Values struct {
	room []string // free
	text strings.Builder
}

// How much is allocated at a time: for a hundred hits, or a dozen requests that
// go on to an upstream.
const (
	valuesRoom = 128     // values: 2 KiB
	valuesText = 4 << 10 // bytes
)

var fieldValuesPool = sync.Pool{New: func() any { return &Values{} }}

// TakeValues returns one that nobody uses, perhaps with what another exchange left.
func TakeValues() *Values { return fieldValuesPool.Get().(*Values) }

// Release gives the rest to the next exchange. What was given out stays.
func (v *Values) Release() {
	if v != nil {
		fieldValuesPool.Put(v)
	}
}

// Set gives a header a field with one value.
func (v *Values) Set(h http.Header, name, value string) { h[name] = v.List(value) }

// List is the values of a field that has one. Appending to it copies it.
func (v *Values) List(value string) []string {
	if v == nil {
		return []string{value}
	}
	if len(v.room) == 0 {
		v.room = make([]string, valuesRoom)
	}
	one := v.room[:1:1]
	v.room = v.room[1:]
	one[0] = value
	return one
}

// Join is its parts in one text.
func (v *Values) Join(parts ...string) string {
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	if v == nil || size > valuesText/4 {
		return strings.Join(parts, "")
	}
	from := v.grow(size)
	for _, part := range parts {
		v.text.WriteString(part)
	}
	return v.text.String()[from:]
}

// Bytes is a text of the bytes, which are copied.
func (v *Values) Bytes(b []byte) string {
	if v == nil || len(b) > valuesText/4 {
		return string(b)
	}
	from := v.grow(len(b))
	v.text.Write(b)
	return v.text.String()[from:]
}

// grow makes room for so many bytes of text, and says where they begin. A
// builder's bytes are written once, so that strings of them may be shared.
func (v *Values) grow(size int) (from int) {
	if v.text.Cap()-v.text.Len() < size {
		v.text.Reset()
		v.text.Grow(valuesText)
	}
	return v.text.Len()
}

// Number is n in decimal digits.
func (v *Values) Number(n int64) string {
	if 0 <= n && n < 100 {
		return strconv.Itoa(int(n)) // of a table
	}
	var digits [20]byte
	return v.Bytes(strconv.AppendInt(digits[:0], n, 10))
}

// Address is a as [netip.Addr.String] has it.
func (v *Values) Address(a netip.Addr) string {
	var text [64]byte
	return v.Bytes(a.AppendTo(text[:0]))
}
