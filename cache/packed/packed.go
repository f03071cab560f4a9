// Package packed reads and writes what snapshots keep: numbers of
// variable length, and texts behind their length.
package packed

import "encoding/binary"

// AppendText writes a text behind its length.
func AppendText[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// AppendTexts writes texts behind their number.
func AppendTexts(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = AppendText(b, s)
	}
	return b
}

// Reader reads from what may be anything: never beyond the end, and no memory is
// taken for what isn't there. Behind the first thing that can't be read all are
// zero, and Bad is set: so it is enough to look at the end.
type Reader struct {
	Rest []byte // what hasn't been read
	Bad  bool
}

// Whole says whether all was read, and could be.
func (r *Reader) Whole() bool { return !r.Bad && len(r.Rest) == 0 }

// Take is the next n bytes, which are shared; nil, if there are fewer.
func (r *Reader) Take(n int) []byte {
	if r.Bad || n < 0 || n > len(r.Rest) {
		r.Bad = true
		return nil
	}
	part := r.Rest[:n:n]
	r.Rest = r.Rest[n:]
	return part
}

// Byte reads one.
func (r *Reader) Byte() byte {
	if b := r.Take(1); b != nil {
		return b[0]
	}
	return 0
}

// Uint reads what [binary.AppendUvarint] wrote.
func (r *Reader) Uint() uint64 {
	n, size := binary.Uvarint(r.Rest)
	if size <= 0 || r.Take(size) == nil {
		r.Bad = true
		return 0
	}
	return n
}

// Int reads what [binary.AppendVarint] wrote.
func (r *Reader) Int() int64 {
	n, size := binary.Varint(r.Rest)
	if size <= 0 || r.Take(size) == nil {
		r.Bad = true
		return 0
	}
	return n
}

// Count reads the number of things to come, of which each takes least bytes.
func (r *Reader) Count(least int) int {
	n := r.Uint()
	if n > uint64(len(r.Rest)/least) {
		r.Bad = true
		return 0
	}
	return int(n)
}

// Bytes reads what AppendText wrote. They are shared.
func (r *Reader) Bytes() []byte { return r.Take(r.Count(1)) }

// Text is a copy of Bytes.
func (r *Reader) Text() string { return string(r.Bytes()) }

// Texts reads what AppendTexts wrote.
func (r *Reader) Texts() []string {
	var list []string
	for n := r.Count(1); n > 0 && !r.Bad; n-- {
		list = append(list, r.Text())
	}
	return list
}
