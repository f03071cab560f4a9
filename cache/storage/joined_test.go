package storage

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"unsafe"
)

// TestJoin: whatever an entry has, its copy has the same, in memory of its own.
func TestJoin(t *testing.T) {
	for _, fields := range []int{0, 1, 4, 5, 7, 9, 16, 17, 40} {
		for name, body := range map[string]Body{
			"no body": {}, "short": NewBody([]byte("body")), "middling": NewBody(make([]byte, 1<<10)),
			"long": NewBody(make([]byte, joinedMost+1)), "chunks": NewBody(make([]byte, 300), []byte("b")),
		} {
			t.Run(fmt.Sprint(fields, " fields, ", name), func(t *testing.T) {
				h := http.Header{}
				for i := range fields {
					h[fmt.Sprint("Field-", i)] = strings.Split(strings.Repeat("value,", i%4)+"end", ",")[i%2:]
				}
				e := &Entry[int]{Policy: 3, Header: Pack(h), Body: body}
				j := join(e)
				var want, got strings.Builder
				for name, v := range e.Header.All() {
					fmt.Fprintln(&want, name, v)
				}
				for name, v := range j.Header.All() {
					fmt.Fprintln(&got, name, v)
				}
				if got.String() != want.String() || j.Policy != 3 || j.Body.Len() != body.Len() || len(j.Header) != fields {
					t.Errorf("it has %s, not %s", got.String(), want.String())
				}
				var bytes [2]strings.Builder
				_, _ = j.Body.WriteTo(&bytes[0])
				_, _ = body.WriteTo(&bytes[1])
				if bytes[0].String() != bytes[1].String() {
					t.Error("the body is another one")
				}
				if fields > 0 && unsafe.StringData(j.Header[0].Name) == unsafe.StringData(e.Header[0].Name) {
					t.Error("the header's text is shared")
				}
				if shared := len(body.chunks) > 0 && &body.chunks[0][0] == &j.Body.chunks[0][0]; shared != (name == "long" || name == "chunks") {
					t.Errorf("the body is shared: %v", shared)
				}
				if len(j.block) != cap(j.block) {
					t.Errorf("%d bytes of %d are used", len(j.block), cap(j.block))
				}
				if lead, has := j.lead(), name != "no body" && name != "short" || len(j.block) >= 256; (lead != nil) != has || j.fetch() < 0 || lead.fetch() < 0 {
					t.Errorf("a lead: %v", lead != nil)
				}
			})
		}
	}
}

// TestSizeWith: what an entry is charged is what it takes.
func TestSizeWith(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector's memory would be measured")
	}
	for _, n := range []int{0, 3, 6, 8, 10, 13, 20} {
		kept := make([]*Entry[policy], 4000)
		before := heapSize()
		for i := range kept {
			e, fields := entryWith[policy](n)
			e.Header, kept[i] = fields, e
		}
		got, want := int(heapSize()-before)/len(kept), sizeWith[policy](n)
		if got < want-2 || got > want*21/20+2 {
			t.Errorf("with %d fields it takes %d bytes, and is charged %d", n, got, want)
		}
		runtime.KeepAlive(kept)
	}
}
