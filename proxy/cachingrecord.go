package proxy

import (
	"encoding/binary"
	"errors"
	"net/http"
	"time"

	"github.com/levee-proxy/levee/cache/packed"
	"github.com/levee-proxy/levee/cache/storage"
)

// recordSchema names how a snapshot's records are laid out. It changes whenever
// they do; a file with another one is not read.
const recordSchema = "levee cached answers 1"

// What a record in a snapshot is.
const (
	recordAnswer = 1 // cost url groups policy header
	recordIndex  = 2 // url keys
	recordWriter = 3 // url, which is empty, and when the process began that wrote the file
)

// record is a cached answer, or the index of a key's variants, as a snapshot has
// it beside its key and its body.
type record struct {
	kind     byte
	url      string
	variants []storage.Key // of an index
	born     time.Time     // of a writer
	groups   []string      // the rest is an answer's
	cost     time.Duration // of fetching it
	policy   stored
	header   storage.Header
}

var errRecord = errors.New("not a record of this version")

// append writes a record. Lists begin with their number, texts with their
// length.
func (r *record) append(b []byte) ([]byte, error) {
	b = packed.AppendText(append(b, r.kind), r.url)
	switch r.kind {
	case recordWriter:
		return binary.AppendVarint(b, r.born.UnixNano()), nil
	case recordIndex:
		b = binary.AppendUvarint(b, uint64(len(r.variants)))
		for _, v := range r.variants {
			b = append(b, v[:]...)
		}
		return b, nil
	}
	b = binary.AppendUvarint(b, uint64(max(r.cost, 0)))
	b = packed.AppendTexts(b, r.groups)
	policy, err := r.policy.AppendBinary(nil)
	if err != nil {
		return nil, err
	}
	b = packed.AppendText(b, policy)
	b = binary.AppendUvarint(b, uint64(len(r.header)))
	for _, f := range r.header {
		b = packed.AppendTexts(packed.AppendText(b, f.Name), f.Values)
	}
	return b, nil
}

// readRecord reads what append wrote, all of it. The bytes are not kept.
func readRecord(b []byte) (r record, err error) {
	in := packed.Reader{Rest: b}
	r.kind, r.url = in.Byte(), in.Text()
	switch r.kind {
	case recordWriter:
		r.born = time.Unix(0, in.Int())
	case recordIndex:
		for n := in.Count(len(storage.Key{})); n > 0; n-- {
			r.variants = append(r.variants, storage.Key(in.Take(len(storage.Key{}))))
		}
	case recordAnswer:
		r.cost = max(time.Duration(in.Uint()), 0)
		r.groups = in.Texts()
		in.Bad = in.Bad || r.policy.UnmarshalBinary(in.Bytes()) != nil
		h := http.Header{}
		for n := in.Count(2); n > 0 && !in.Bad; n-- {
			name, values := in.Text(), in.Texts()
			in.Bad = in.Bad || name == "" || name != http.CanonicalHeaderKey(name) || len(values) == 0
			h[name] = values
		}
		r.header = storage.Pack(h)
	default:
		in.Bad = true
	}
	if !in.Whole() {
		return record{}, errRecord
	}
	return r, nil
}
