package proxy

import (
	"encoding/binary"
	"errors"
	"net/http"
	"time"

	"github.com/levee-proxy/levee/cache/storage"
)

// recordSchema names how a snapshot's records are laid out. It changes whenever
// they do; a file with another one is not read.
const recordSchema = "levee cached answers 1"

// What a record in a snapshot is.
const (
	recordAnswer = 1 // cost url groups policy header
	recordIndex  = 2 // url keys
	recordMark   = 3 // url, which is empty, and the number of the last change before the snapshot
)

// record is a cached answer, or the index of a key's variants, as a snapshot has
// it beside its key and its body.
type record struct {
	kind     byte
	url      string
	variants []storage.Key // of an index
	seq      uint64        // of a mark
	groups   []string      // the rest is an answer's
	cost     time.Duration // of fetching it
	policy   stored
	header   storage.Header
}

var errRecord = errors.New("not a record of this version")

// append writes a record. Lists begin with their number, texts with their
// length.
func (r *record) append(b []byte) ([]byte, error) {
	b = appendString(append(b, r.kind), r.url)
	switch r.kind {
	case recordMark:
		return binary.AppendUvarint(b, r.seq), nil
	case recordIndex:
		b = binary.AppendUvarint(b, uint64(len(r.variants)))
		for _, v := range r.variants {
			b = append(b, v[:]...)
		}
		return b, nil
	}
	b = binary.AppendUvarint(b, uint64(max(r.cost, 0)))
	b = appendStrings(b, r.groups)
	policy, err := r.policy.AppendBinary(nil)
	if err != nil {
		return nil, err
	}
	b = appendString(b, string(policy))
	b = binary.AppendUvarint(b, uint64(len(r.header)))
	for _, f := range r.header {
		b = appendStrings(appendString(b, f.Name), f.Values)
	}
	return b, nil
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendStrings(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = appendString(b, s)
	}
	return b
}

// readRecord reads what append wrote, all of it. The bytes are not kept.
func readRecord(b []byte) (r record, err error) {
	in := recordReader{b: b}
	r.kind, r.url = in.byte(), in.string()
	switch r.kind {
	case recordMark:
		r.seq = in.number()
	case recordIndex:
		for n := in.count(len(storage.Key{})); n > 0; n-- {
			r.variants = append(r.variants, storage.Key(in.take(len(storage.Key{}))))
		}
	case recordAnswer:
		r.cost = max(time.Duration(in.number()), 0)
		r.groups = in.strings()
		in.bad = in.bad || r.policy.UnmarshalBinary([]byte(in.string())) != nil
		h := http.Header{}
		for n := in.count(2); n > 0 && !in.bad; n-- {
			name, values := in.string(), in.strings()
			in.bad = in.bad || name == "" || name != http.CanonicalHeaderKey(name) || len(values) == 0
			h[name] = values
		}
		r.header = storage.Pack(h)
	default:
		in.bad = true
	}
	if in.bad || len(in.b) != 0 {
		return record{}, errRecord
	}
	return r, nil
}

// recordReader reads from what may be anything: never beyond the end, and no
// memory is taken for what isn't there.
type recordReader struct {
	b   []byte
	bad bool
}

// take is the next n bytes; zeros, if there are fewer.
func (r *recordReader) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return make([]byte, min(n, len(storage.Key{})))
	}
	part := r.b[:n]
	r.b = r.b[n:]
	return part
}

func (r *recordReader) byte() byte { return r.take(1)[0] }

func (r *recordReader) number() uint64 {
	n, size := binary.Uvarint(r.b)
	if r.bad || size <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[size:]
	return n
}

// count is the number of things to come, of which each takes least bytes.
func (r *recordReader) count(least int) int {
	n := r.number()
	if r.bad || n > uint64(len(r.b)/least) {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *recordReader) string() string {
	if n := r.count(1); n > 0 {
		return string(r.take(n))
	}
	return ""
}

func (r *recordReader) strings() []string {
	var list []string
	for n := r.count(1); n > 0; n-- {
		list = append(list, r.string())
	}
	return list
}
