package h1

import (
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

// response is what was read of one: its head, and its body with how that ended.
type response struct {
	head ResponseHead
	body string
	tail http.Header
	err  error
}

// readResponse reads a whole response.
func readResponse(src io.Reader, toHead bool) (q response, r *Reader) {
	r = NewReader(src)
	if q.err = r.ReadResponse(&q.head, toHead, wide); q.err != nil {
		return q, r
	}
	var body Body
	body.Reset(r, q.head.Framing, wide)
	content, err := io.ReadAll(&body)
	q.body, q.tail, q.err = string(content), body.Trailer, err
	return q, r
}

var soundResponses = []struct {
	name, text string
	toHead     bool
	want       ResponseHead
	body       string
}{
	{"length", lines("HTTP/1.1 200 OK", "content-length: 5") + "hello", false, ResponseHead{
		Status: 200, Text: "200 OK", Minor: 1, Framing: Framing{Length, 5}, ContentLength: 5, Header: http.Header{"Content-Length": {"5"}},
	}, "hello"},
	{"chunks and trailers", lines("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Trailer: X") + lines("5", "hello", "0", "X: 1", "Y: 2"), false, ResponseHead{
		Status: 200, Text: "200 OK", Minor: 1, Framing: Framing{Kind: Chunked}, ContentLength: -1, Trailer: http.Header{"X": nil},
	}, "hello"},
	{"no reason", lines("HTTP/1.1 404 ", "Content-Length: 0"), false, ResponseHead{
		Status: 404, Text: "404 ", Minor: 1, Framing: Framing{Length, 0}, Header: http.Header{"Content-Length": {"0"}},
	}, ""},
	{"no space either", lines("HTTP/1.1 404", "Content-Length: 0"), false, ResponseHead{
		Status: 404, Text: "404", Minor: 1, Framing: Framing{Length, 0}, Header: http.Header{"Content-Length": {"0"}},
	}, ""},
	{"an odd reason", lines("HTTP/1.1 299 caf\xe9\t!", "Content-Length: 0"), false, ResponseHead{
		Status: 299, Text: "299 caf\xe9\t!", Minor: 1, Framing: Framing{Length, 0}, Header: http.Header{"Content-Length": {"0"}},
	}, ""},
	{"to HEAD", lines("HTTP/1.1 200 OK", "Content-Length: 5"), true, ResponseHead{
		Status: 200, Text: "200 OK", Minor: 1, ContentLength: 5, Header: http.Header{"Content-Length": {"5"}},
	}, ""},
	{"to HEAD, in chunks", lines("HTTP/1.1 200 OK", "Transfer-Encoding: chunked"), true, ResponseHead{
		Status: 200, Text: "200 OK", Minor: 1, ContentLength: -1,
	}, ""},
	{"304 with a length", lines("HTTP/1.1 304 Not Modified", "Content-Length: 5"), false, ResponseHead{
		Status: 304, Text: "304 Not Modified", Minor: 1, ContentLength: 5, Header: http.Header{"Content-Length": {"5"}},
	}, ""},
	{"204", lines("HTTP/1.1 204 No Content"), false, ResponseHead{Status: 204, Text: "204 No Content", Minor: 1, ContentLength: -1}, ""},
	{"204 with chunks", lines("HTTP/1.1 204 No Content", "Transfer-Encoding: chunked"), false, ResponseHead{
		Status: 204, Text: "204 No Content", Minor: 1, ContentLength: -1, Close: true,
	}, ""},
	{"204 with a length", lines("HTTP/1.1 204 No Content", "Content-Length: 3"), false, ResponseHead{
		Status: 204, Text: "204 No Content", Minor: 1, ContentLength: -1, Close: true,
	}, ""},
	{"interim", lines("HTTP/1.1 103 Early Hints", "Link: </a>"), false, ResponseHead{
		Status: 103, Text: "103 Early Hints", Minor: 1, ContentLength: -1, Header: http.Header{"Link": {"</a>"}},
	}, ""},
	{"switching", lines("HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket"), false, ResponseHead{
		Status: 101, Text: "101 Switching Protocols", Minor: 1, ContentLength: -1, Upgrade: true,
		Header: http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}},
	}, ""},
	{"HTTP/1.0 kept", lines("HTTP/1.0 200 OK", "Connection: keep-alive", "Content-Length: 2") + "ok", false, ResponseHead{
		Status: 200, Text: "200 OK", Framing: Framing{Length, 2}, ContentLength: 2, Header: http.Header{"Connection": {"keep-alive"}, "Content-Length": {"2"}},
	}, "ok"},
	{"HTTP/1.0", lines("HTTP/1.0 200 OK", "Content-Length: 2") + "ok", false, ResponseHead{
		Status: 200, Text: "200 OK", Framing: Framing{Length, 2}, ContentLength: 2, Close: true, Header: http.Header{"Content-Length": {"2"}},
	}, "ok"},
	{"Host is a field like any other", lines("HTTP/1.1 200 OK", "Host: h", "Content-Length: 0"), false, ResponseHead{
		Status: 200, Text: "200 OK", Minor: 1, Framing: Framing{Length, 0}, Header: http.Header{"Host": {"h"}, "Content-Length": {"0"}},
	}, ""},
}

func sameResponse(t *testing.T, got, want ResponseHead) {
	t.Helper()
	got.line, got.fields = 0, store{}
	if len(got.Header) == 0 {
		got.Header = nil
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read\n%+v, want\n%+v", got, want)
	}
}

func TestSoundResponses(t *testing.T) {
	for _, tc := range soundResponses {
		t.Run(tc.name, func(t *testing.T) {
			text := tc.text + "HTTP/1.1 next"
			q, r := readResponse(strings.NewReader(text), tc.toHead)
			if q.err != nil || q.body != tc.body {
				t.Fatalf("the body is %q, want %q; %v", q.body, tc.body, q.err)
			}
			sameResponse(t, q.head, tc.want)
			if rest := string(r.Peek()); rest != "HTTP/1.1 next" {
				t.Errorf("what is left is %q", rest)
			}
			again, _ := readResponse(iotest.OneByteReader(strings.NewReader(text)), tc.toHead)
			sameResponse(t, again.head, tc.want)
			if again.body != tc.body || !reflect.DeepEqual(again.tail, q.tail) {
				t.Errorf("byte by byte: %q %v, else %q %v", again.body, again.tail, q.body, q.tail)
			}
			for i := range len(tc.text) {
				if cut, _ := readResponse(strings.NewReader(tc.text[:i]), tc.toHead); cut.err != io.ErrUnexpectedEOF && (i > 0 || cut.err != io.EOF) {
					t.Errorf("%q ended with %v", tc.text[:i], cut.err)
				}
			}
		})
	}
}

// TestToClose: a body without framing fields goes on to the connection's end.
func TestToClose(t *testing.T) {
	q, _ := readResponse(strings.NewReader(lines("HTTP/1.1 200 OK", "X: y")+"all of\r\nit"), false)
	if q.err != nil || q.body != "all of\r\nit" || !q.head.Close || q.head.ContentLength != -1 || q.head.Framing.Kind != ToClose {
		t.Errorf("read %+v", q)
	}
}

func TestRefusedResponses(t *testing.T) {
	for _, tc := range []struct{ name, text, section string }{
		{"not HTTP", lines("220 smtp.example ESMTP"), "RFC 9112, section 4"},
		{"HTTP/2", lines("HTTP/2.0 200 OK"), "RFC 9110, section 15.6.6"},
		{"ICY", lines("ICY 200 OK"), "RFC 9112, section 4"},
		{"a letter in the code", lines("HTTP/1.1 2x0 OK"), "RFC 9112, section 4"},
		{"a long code", lines("HTTP/1.1 2000 OK"), "RFC 9112, section 4"},
		{"a short code", lines("HTTP/1.1 20 OK"), "RFC 9112, section 4"},
		{"a code below 100", lines("HTTP/1.1 099 OK"), "RFC 9112, section 4"},
		{"two spaces", lines("HTTP/1.1  200 OK"), "RFC 9112, section 4"},
		{"a CR in the reason", lines("HTTP/1.1 200 O\rK"), "RFC 9112, section 4"},
		{"bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "RFC 9112, section 2.2"},
		{"no colon", lines("HTTP/1.1 200 OK", "no colon"), "RFC 9112, section 5"},
		{"obs-fold", lines("HTTP/1.1 200 OK", "X: a", " b"), "RFC 9112, section 5.2"},
		{"CL and TE", lines("HTTP/1.1 200 OK", "Content-Length: 3", "Transfer-Encoding: chunked"), "RFC 9112, section 6.1"},
		{"two lengths", lines("HTTP/1.1 200 OK", "Content-Length: 3", "Content-Length: 3"), "RFC 9112, section 6.3"},
		{"two lengths without a body", lines("HTTP/1.1 304 Not Modified", "Content-Length: 3", "Content-Length: 4"), "RFC 9112, section 6.3"},
		{"unknown coding", lines("HTTP/1.1 200 OK", "Transfer-Encoding: gzip, chunked"), "RFC 9112, section 6.1"},
		{"coding on HTTP/1.0", lines("HTTP/1.0 200 OK", "Transfer-Encoding: chunked"), "RFC 9112, section 6.1"},
		{"bad chunk", lines("HTTP/1.1 200 OK", "Transfer-Encoding: chunked") + "zz\r\n", "RFC 9112, section 7.1"},
		{"too large", lines("HTTP/1.1 200 OK", "X: "+strings.Repeat("x", 33<<10)), "RFC 6585, section 5"},
	} {
		q, _ := readResponse(strings.NewReader(tc.text), false)
		if e, ok := errors.AsType[*Error](q.err); !ok || e.Section != tc.section {
			t.Errorf("%s: got %v, want one by %s", tc.name, q.err, tc.section)
		}
	}
}

const answer = "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sat, 21 Nov 2026 17:32:59 GMT\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 69\r\nLast-Modified: Sat, 21 Nov 2026 17:32:59 GMT\r\n" +
	"ETag: \"0123456789abcdef\"\r\nAccept-Ranges: bytes\r\n\r\n"

func BenchmarkReadResponse(b *testing.B) {
	src := strings.NewReader(answer)
	r := NewReader(src)
	var h ResponseHead
	b.ReportAllocs()
	for b.Loop() {
		src.Reset(answer)
		if err := r.ReadResponse(&h, false, wide); err != nil {
			b.Fatal(err)
		}
	}
}
