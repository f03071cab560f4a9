package h1

import (
	"bytes"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// TestWhatIsWrittenIsRead writes a request in pieces and reads it again.
func TestWhatIsWrittenIsRead(t *testing.T) {
	h := http.Header{"X": {"1", "2"}, "Content-Length": {"99"}, "Transfer-Encoding": {"gzip"}, "Host": {"evil"}, "Trailer": {"Host"}, "Y": {"a"}}
	b := AppendRequestLine(nil, "POST", "/a?b")
	b = AppendField(b, "Host", "h")
	b = AppendHeader(b, h)
	b = AppendFraming(b, Framing{Kind: Chunked})
	b = AppendAnnounced(b, http.Header{"T": nil, "Host": nil})
	b = append(b, "\r\n"...)
	var want strings.Builder
	for _, n := range []int{1, 15, 16, 255, 256, 4096, 70000} {
		data := strings.Repeat("x", n)
		want.WriteString(data)
		buf := make([]byte, ChunkRoom+n+ChunkTail)
		copy(buf[ChunkRoom:], data)
		b = append(b, SealChunk(buf, n)...)
		b = append(AppendChunkSize(b, n), data+"\r\n"...)
		want.WriteString(data)
	}
	b = AppendLastChunk(b, http.Header{"T": {"end"}, "Content-Length": {"1"}})
	q, r := readRequest(bytes.NewReader(b))
	if q.err != nil {
		t.Fatal(q.err)
	}
	same(t, q.head, RequestHead{
		Method: "POST", Target: "/a?b", Minor: 1, Host: "h", Framing: Framing{Kind: Chunked},
		Header: http.Header{"X": {"1", "2"}, "Y": {"a"}}, Trailer: http.Header{"T": nil},
	})
	if q.body != want.String() || !reflect.DeepEqual(q.tail, http.Header{"T": {"end"}}) || r.Buffered() > 0 {
		t.Errorf("the body has %d bytes, want %d; trailers %v; %d left", len(q.body), want.Len(), q.tail, r.Buffered())
	}
}

// FuzzField: whatever a field holds, the message that it is written into has
// just that field more, or not.
func FuzzField(f *testing.F) {
	for _, s := range [][2]string{{"X", "y"}, {"X: a\r\nY", "z"}, {"X", "a\r\nY: b"}, {"X", "a\r\n\r\nGET /"}, {"", ""}, {"X", "\x00\x7f\t"}, {"X Y", "a"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		b := AppendStatusLine(nil, 200)
		b = AppendField(b, name, value)
		b = append(AppendFraming(b, Framing{Length, 2}), "\r\nok"...)
		switch http.CanonicalHeaderKey(name) {
		case "Content-Length", "Transfer-Encoding", "Trailer", "Connection":
			return
		}
		r := NewReader(bytes.NewReader(b))
		var h ResponseHead
		if err := r.ReadResponse(&h, false, &Limits{HeadBytes: len(b)}); err != nil {
			t.Fatalf("%q doesn't parse: %v", b, err)
		}
		if len(h.Header) > 2 {
			t.Errorf("%q has %v", b, h.Header)
		}
		var body Body
		body.Reset(r, h.Framing, wide)
		if content, err := io.ReadAll(&body); err != nil || string(content) != "ok" {
			t.Errorf("the body is %q, %v", content, err)
		}
	})
}

func TestStatusLine(t *testing.T) {
	if got := string(AppendStatusLine(nil, 404)); got != "HTTP/1.1 404 Not Found\r\n" {
		t.Errorf("wrote %q", got)
	}
}
