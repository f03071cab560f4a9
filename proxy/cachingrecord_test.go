package proxy

import (
	"bytes"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/levee-proxy/levee/cache"
	"github.com/levee-proxy/levee/cache/storage"
)

// someRecords are one of each kind.
func someRecords(t testing.TB) []record {
	cfg := cache.Config{}
	req := cache.Request{Method: "GET", Scheme: "http", Host: "h", Target: "/", Header: http.Header{"Accept": {"a, b"}}}
	cfg.Prepare(&req)
	now := time.Unix(1_700_000_000, 0)
	s := cfg.Store(&req, &cache.Response{Status: 200, Requested: now, Received: now, Header: http.Header{
		"Cache-Control": {"max-age=60"}, "Vary": {"Accept"}, "Etag": {`W/"x"`}, "Cache-Groups": {`"g"`}, "X": {"", "1", "2"},
	}})
	if !s.Store {
		t.Fatal(s.Reason)
	}
	return []record{
		{kind: recordAnswer, url: "http://h/", cost: time.Second, groups: []string{"http://h g"}, policy: stored{Policy: s.Policy}, header: storage.Pack(s.Header)},
		{kind: recordIndex, url: "http://h/", variants: []storage.Key{{1}, {2}}},
		{kind: recordWriter, born: time.Unix(1700000000, 5)},
	}
}

func TestRecords(t *testing.T) {
	for _, want := range someRecords(t) {
		b, err := want.append(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readRecord(b)
		if err != nil {
			t.Fatal(err)
		}
		again, err := got.append(nil)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("%q became %q, %v", b, again, err)
		}
		if !reflect.DeepEqual(got.header, want.header) || !reflect.DeepEqual(got.variants, want.variants) || got.url != want.url || got.cost != want.cost || !got.born.Equal(want.born) || !reflect.DeepEqual(got.groups, want.groups) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		for n := range b {
			if _, err := readRecord(b[:n]); err != errRecord {
				t.Errorf("the first %d of %d bytes: %v", n, len(b), err)
			}
		}
		if _, err := readRecord(append(b, 0)); err != errRecord {
			t.Errorf("with a byte more: %v", err)
		}
	}
}

// FuzzRecord: whatever the bytes, reading ends, takes no more memory than they
// are worth, and what is read can be written again.
func FuzzRecord(f *testing.F) {
	for _, r := range someRecords(f) {
		b, err := r.append(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := readRecord(b)
		if err != nil {
			return
		}
		again, err := r.append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readRecord(again); err != nil {
			t.Errorf("%q was read, and written as %q, which is none", b, again)
		}
		for _, field := range r.header {
			if field.Name != http.CanonicalHeaderKey(field.Name) || len(field.Values) == 0 {
				t.Errorf("a field %q with %d values", field.Name, len(field.Values))
			}
		}
	})
}
