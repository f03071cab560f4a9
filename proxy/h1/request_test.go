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

// lines joins lines with CRLF, with an empty one behind them.
func lines(l ...string) string { return strings.Join(l, "\r\n") + "\r\n\r\n" }

var wide = &Limits{HeadBytes: 32 << 10, Fields: 100}

// request is what was read of one: its head, and its body with how that ended.
type request struct {
	head RequestHead
	body string
	tail http.Header
	err  error
}

// readRequest reads a whole request.
func readRequest(src io.Reader) (q request, r *Reader) {
	r = NewReader(src)
	if q.err = r.ReadRequest(&q.head, wide); q.err != nil {
		return q, r
	}
	var body Body
	body.Reset(r, q.head.Framing, wide)
	content, err := io.ReadAll(&body)
	q.body, q.tail, q.err = string(content), body.Trailer, err
	return q, r
}

// requests that are sound, and what they say.
var soundRequests = []struct {
	name, text string
	want       RequestHead
	body       string
}{
	{"least", lines("GET / HTTP/1.1", "Host: h"), RequestHead{Method: "GET", Target: "/", Minor: 1, Host: "h"}, ""},
	{"names in any case", lines("GET / HTTP/1.1", "hOST: h", "x-foo-BAR: v", "ETAG: e"), RequestHead{
		Method: "GET", Target: "/", Minor: 1, Host: "h", Header: http.Header{"X-Foo-Bar": {"v"}, "Etag": {"e"}},
	}, ""},
	{"white space around values", lines("GET / HTTP/1.1", "Host:\t h \t", "X:", "Y:  ", "Z: a  b\tc "), RequestHead{
		Method: "GET", Target: "/", Minor: 1, Host: "h", Header: http.Header{"X": {""}, "Y": {""}, "Z": {"a  b\tc"}},
	}, ""},
	{"a field twice", lines("GET / HTTP/1.1", "Host: h", "X: 1", "Y: 2", "X: 3"), RequestHead{
		Method: "GET", Target: "/", Minor: 1, Host: "h", Header: http.Header{"X": {"1", "3"}, "Y": {"2"}},
	}, ""},
	{"bytes above 0x7f in a value", lines("GET / HTTP/1.1", "Host: h", "X: caf\xc3\xa9 \xff"), RequestHead{
		Method: "GET", Target: "/", Minor: 1, Host: "h", Header: http.Header{"X": {"caf\xc3\xa9 \xff"}},
	}, ""},
	{"HTTP/1.0", lines("GET / HTTP/1.0"), RequestHead{Method: "GET", Target: "/", Close: true}, ""},
	{"HTTP/1.0, kept", lines("GET / HTTP/1.0", "Connection: Keep-Alive"), RequestHead{
		Method: "GET", Target: "/", Header: http.Header{"Connection": {"Keep-Alive"}},
	}, ""},
	{"close among options", lines("GET / HTTP/1.1", "Host: h", "Connection: x, ,CLOSE ,upgrade"), RequestHead{
		Method: "GET", Target: "/", Minor: 1, Host: "h", Close: true, Upgrade: true, Header: http.Header{"Connection": {"x, ,CLOSE ,upgrade"}},
	}, ""},
	{"odd target", lines("GET /a|b{c}?\"q\"=%zz HTTP/1.1", "Host: h"), RequestHead{Method: "GET", Target: "/a|b{c}?\"q\"=%zz", Minor: 1, Host: "h"}, ""},
	{"a method of its own", lines("M-SEARCH! / HTTP/1.1", "Host: h"), RequestHead{Method: "M-SEARCH!", Target: "/", Minor: 1, Host: "h"}, ""},
	{"length", lines("POST / HTTP/1.1", "Host: h", "Content-Length: 5") + "hello", RequestHead{
		Method: "POST", Target: "/", Minor: 1, Host: "h", Framing: Framing{Length, 5}, Header: http.Header{"Content-Length": {"5"}},
	}, "hello"},
	{"length 0", lines("POST / HTTP/1.1", "Host: h", "Content-Length: 0", "Expect: 100-continue"), RequestHead{
		Method: "POST", Target: "/", Minor: 1, Host: "h", Framing: Framing{Length, 0},
		Header: http.Header{"Content-Length": {"0"}, "Expect": {"100-continue"}},
	}, ""},
	{"chunks", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: Chunked") + "5\r\nhello\r\n00b;a;b=c ; d=\"e\\\"\"\r\n beautiful \r\n5\r\nworld\r\n0\r\n\r\n", RequestHead{
		Method: "POST", Target: "/", Minor: 1, Host: "h", Framing: Framing{Kind: Chunked},
	}, "hello beautiful world"},
	{"expectation", lines("POST / HTTP/1.1", "Host: h", "Content-Length: 1", "Expect: 100-Continue") + "x", RequestHead{
		Method: "POST", Target: "/", Minor: 1, Host: "h", Framing: Framing{Length, 1}, Expect: true,
		Header: http.Header{"Content-Length": {"1"}, "Expect": {"100-Continue"}},
	}, "x"},
	{"trailers", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked", "Trailer: x-a, X-B") + lines("1", "a", "0", "X-A: 1", "X-C: 2"), RequestHead{
		Method: "POST", Target: "/", Minor: 1, Host: "h", Framing: Framing{Kind: Chunked}, Trailer: http.Header{"X-A": nil, "X-B": nil},
	}, "a"},
}

// refusedRequests by the section that they break, and the status that says so.
var refusedRequests = []struct {
	name, text string
	status     int
	section    string
}{
	{"bare LF at the request line", "GET / HTTP/1.1\nHost: h\r\n\r\n", 400, "RFC 9112, section 2.2"},
	{"bare LF at a field line", "GET / HTTP/1.1\r\nHost: h\n\r\n", 400, "RFC 9112, section 2.2"},
	{"bare LF at the end", "GET / HTTP/1.1\r\nHost: h\r\n\n", 400, "RFC 9112, section 2.2"},
	{"bare CR in the request line", lines("GET /\r HTTP/1.1", "Host: h"), 400, "RFC 9112, section 3.2"},
	{"bare CR in a value", lines("GET / HTTP/1.1", "Host: h", "X: a\rb"), 400, "RFC 9110, section 5.5"},
	{"two CRs", "GET / HTTP/1.1\r\nHost: h\r\r\n\r\n", 400, "RFC 9110, section 5.5"},
	{"an empty line first", "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400, "RFC 9112, section 3"},
	{"NUL in a value", lines("GET / HTTP/1.1", "Host: h", "X: a\x00b"), 400, "RFC 9110, section 5.5"},
	{"DEL in a long value", lines("GET / HTTP/1.1", "Host: h", "X: 1234567890abc\x7fdefghi"), 400, "RFC 9110, section 5.5"},
	{"HTTP/0.9", lines("GET /"), 400, "RFC 9112, section 3"},
	{"two spaces", lines("GET  / HTTP/1.1", "Host: h"), 400, "RFC 9112, section 3.2"},
	{"a space in the target", lines("GET /a b HTTP/1.1", "Host: h"), 400, "RFC 9112, section 3"},
	{"a space behind the version", lines("GET / HTTP/1.1 ", "Host: h"), 400, "RFC 9112, section 3"},
	{"a tab", lines("GET\t/ HTTP/1.1", "Host: h"), 400, "RFC 9110, section 9.1"},
	{"bad method", lines("GE(T / HTTP/1.1", "Host: h"), 400, "RFC 9110, section 9.1"},
	{"no method", lines(" / HTTP/1.1", "Host: h"), 400, "RFC 9110, section 9.1"},
	{"a fragment", lines("GET /a#b HTTP/1.1", "Host: h"), 400, "RFC 9112, section 3.2"},
	{"a raw byte in the target", lines("GET /\xc3\xa9 HTTP/1.1", "Host: h"), 400, "RFC 9112, section 3.2"},
	{"version in lower case", lines("GET / http/1.1", "Host: h"), 400, "RFC 9112, section 3"},
	{"long version", lines("GET / HTTP/1.10", "Host: h"), 400, "RFC 9112, section 3"},
	{"signed version", lines("GET / HTTP/1.+1", "Host: h"), 400, "RFC 9112, section 3"},
	{"HTTP/1.2", lines("GET / HTTP/1.2", "Host: h"), 505, "RFC 9110, section 15.6.6"},
	{"HTTP/2.0", lines("GET / HTTP/2.0", "Host: h"), 505, "RFC 9110, section 15.6.6"},
	{"HTTP/0.9 with words", lines("GET / HTTP/0.9", "Host: h"), 505, "RFC 9110, section 15.6.6"},

	{"no Host", lines("GET / HTTP/1.1", "X: y"), 400, "RFC 9112, section 3.2"},
	{"two Hosts", lines("GET / HTTP/1.1", "Host: h", "Host: h"), 400, "RFC 9112, section 3.2"},
	{"two Hosts on HTTP/1.0", lines("GET / HTTP/1.0", "Host: h", "Host: h"), 400, "RFC 9112, section 3.2"},
	{"userinfo", lines("GET / HTTP/1.1", "Host: u@h"), 400, "RFC 9110, section 7.2"},
	{"path in Host", lines("GET / HTTP/1.1", "Host: h/x"), 400, "RFC 9110, section 7.2"},
	{"bad port", lines("GET / HTTP/1.1", "Host: h:8a"), 400, "RFC 9110, section 7.2"},
	{"two ports", lines("GET / HTTP/1.1", "Host: h:1:2"), 400, "RFC 9110, section 7.2"},
	{"open bracket", lines("GET / HTTP/1.1", "Host: [::1"), 400, "RFC 9110, section 7.2"},

	{"no colon", lines("GET / HTTP/1.1", "Host: h", "nonsense"), 400, "RFC 9112, section 5"},
	{"a space before the colon", lines("GET / HTTP/1.1", "Host : h"), 400, "RFC 9112, section 5.1"},
	{"a tab before the colon", lines("GET / HTTP/1.1", "Host: h", "Content-Length\t: 1"), 400, "RFC 9112, section 5.1"},
	{"a space in a name", lines("GET / HTTP/1.1", "Host: h", "a b: c"), 400, "RFC 9110, section 5.1"},
	{"no name", lines("GET / HTTP/1.1", "Host: h", ": c"), 400, "RFC 9110, section 5.1"},
	{"a raw byte in a name", lines("GET / HTTP/1.1", "Host: h", "\xc3\xa9: c"), 400, "RFC 9110, section 5.1"},
	{"obs-fold", lines("GET / HTTP/1.1", "Host: h", "X: a", " b"), 400, "RFC 9112, section 5.2"},
	{"obs-fold by a tab", lines("GET / HTTP/1.1", "Host: h", "X: a", "\tb"), 400, "RFC 9112, section 5.2"},
	{"obs-fold first", lines("GET / HTTP/1.1", " Host: h"), 400, "RFC 9112, section 5.2"},

	{"CL and TE", lines("POST / HTTP/1.1", "Host: h", "Content-Length: 3", "Transfer-Encoding: chunked"), 400, "RFC 9112, section 6.1"},
	{"TE twice", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 400, "RFC 9112, section 6.1"},
	{"TE list", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: gzip, chunked"), 400, "RFC 9112, section 6.1"},
	{"TE list of one", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked,"), 400, "RFC 9112, section 6.1"},
	{"TE unknown", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: identity"), 400, "RFC 9112, section 6.1"},
	{"TE with a vertical tab", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: \x0bchunked"), 400, "RFC 9110, section 5.5"},
	{"TE empty", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding:"), 400, "RFC 9112, section 6.1"},
	{"TE on HTTP/1.0", lines("POST / HTTP/1.0", "Transfer-Encoding: chunked"), 400, "RFC 9112, section 6.1"},
	{"two lengths", lines("POST / HTTP/1.1", "Host: h", "Content-Length: 3", "Content-Length: 4"), 400, "RFC 9112, section 6.3"},
	{"the same length twice", lines("POST / HTTP/1.1", "Host: h", "Content-Length: 3", "Content-Length: 3"), 400, "RFC 9112, section 6.3"},
	{"a list of lengths", lines("POST / HTTP/1.1", "Host: h", "Content-Length: 3, 3"), 400, "RFC 9110, section 8.6"},
	{"+5", lines("POST / HTTP/1.1", "Host: h", "Content-Length: +5"), 400, "RFC 9110, section 8.6"},
	{"-5", lines("POST / HTTP/1.1", "Host: h", "Content-Length: -5"), 400, "RFC 9110, section 8.6"},
	{"0x5", lines("POST / HTTP/1.1", "Host: h", "Content-Length: 0x5"), 400, "RFC 9110, section 8.6"},
	{"no length", lines("POST / HTTP/1.1", "Host: h", "Content-Length:"), 400, "RFC 9110, section 8.6"},
	{"endless length", lines("POST / HTTP/1.1", "Host: h", "Content-Length: 99999999999999999999"), 400, "RFC 9110, section 8.6"},
	{"unknown expectation", lines("POST / HTTP/1.1", "Host: h", "Content-Length: 1", "Expect: wonders"), 417, "RFC 9110, section 10.1.1"},
	{"a framing field as a trailer", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked", "Trailer: Content-Length"), 400, "RFC 9110, section 6.6.2"},

	{"a chunk size with a sign", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked") + "+1\r\na\r\n0\r\n\r\n", 400, "RFC 9112, section 7.1"},
	{"a chunk size with 0x", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked") + "0x1\r\na\r\n0\r\n\r\n", 400, "RFC 9112, section 7.1"},
	{"no chunk size", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked") + "\r\na\r\n0\r\n\r\n", 400, "RFC 9112, section 7.1"},
	{"a space behind a chunk size", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked") + "1 \r\na\r\n0\r\n\r\n", 400, "RFC 9112, section 7.1"},
	{"a space before a chunk size", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked") + " 1\r\na\r\n0\r\n\r\n", 400, "RFC 9112, section 7.1"},
	{"an endless chunk size", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked") + "ffffffffffffffff\r\na\r\n0\r\n\r\n", 400, "RFC 9112, section 7.1"},
	{"a chunk longer than said", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked") + "1\r\nab\r\n0\r\n\r\n", 400, "RFC 9112, section 7.1"},
	{"a chunk that ends in LF", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked") + "1\r\na\n0\r\n\r\n", 400, "RFC 9112, section 7.1"},
	{"a chunk size that ends in LF", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked") + "1\na\r\n0\r\n\r\n", 400, "RFC 9112, section 2.2"},
	{"an open quote", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked") + "2;x=\"y\r\nok\r\n0\r\n\r\n", 400, "RFC 9112, section 7.1.1"},
	{"no extension", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked") + "2;\r\nok\r\n0\r\n\r\n", 400, "RFC 9112, section 7.1.1"},
	{"a CR in an extension", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked") + "2;a=\r\r\nok\r\n0\r\n\r\n", 400, "RFC 9112, section 7.1.1"},
	{"no colon in a trailer", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked") + "0\r\nnonsense\r\n\r\n", 400, "RFC 9112, section 5"},
	{"a length as a trailer", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked") + "0\r\nContent-Length: 1\r\n\r\n", 400, "RFC 9110, section 6.5.1"},
	{"a line feed before trailers", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked") + "0\r\n\n", 400, "RFC 9112, section 2.2"},

	{"too large", lines("GET / HTTP/1.1", "Host: h", "X: "+strings.Repeat("x", 33<<10)), 431, "RFC 6585, section 5"},
	{"too long a target", lines("GET /"+strings.Repeat("x", 33<<10)+" HTTP/1.1", "Host: h"), 431, "RFC 6585, section 5"},
	{"too many fields", lines("GET / HTTP/1.1", "Host: h"+strings.Repeat("\r\nX: y", 100)), 431, "RFC 6585, section 5"},
	{"too many trailers", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked") + lines("0"+strings.Repeat("\r\nX: y", 101)), 400, "RFC 9112, section 7.1.2"},
	{"too large trailers", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked") + lines("0", "X: "+strings.Repeat("x", 33<<10)), 400, "RFC 9112, section 7.1.2"},
	{"too long extensions", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked") + strings.Repeat("1;x="+strings.Repeat("y", 1000)+"\r\na\r\n", 17), 400, "RFC 9112, section 7.1.1"},
	{"too long a chunk line", lines("POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked") + "1;x=" + strings.Repeat("y", 2000) + "\r\na\r\n", 400, "RFC 9112, section 7.1"},
}

// same compares what was read with what was meant; an empty header is none.
func same(t *testing.T, got, want RequestHead) {
	t.Helper()
	got.method, got.target, got.fields = 0, 0, store{}
	if len(got.Header) == 0 {
		got.Header = nil
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read\n%+v, want\n%+v", got, want)
	}
}

func TestSoundRequests(t *testing.T) {
	for _, tc := range soundRequests {
		t.Run(tc.name, func(t *testing.T) {
			q, r := readRequest(strings.NewReader(tc.text + "GET /next"))
			if q.err != nil || q.body != tc.body {
				t.Fatalf("the body is %q, want %q; %v", q.body, tc.body, q.err)
			}
			same(t, q.head, tc.want)
			if rest := string(r.Peek()); rest != "GET /next" {
				t.Errorf("what is left is %q", rest)
			}
		})
	}
}

func TestRefusedRequests(t *testing.T) {
	for _, tc := range refusedRequests {
		t.Run(tc.name, func(t *testing.T) {
			q, _ := readRequest(strings.NewReader(tc.text))
			e, ok := errors.AsType[*Error](q.err)
			if !ok || e.Status != tc.status || e.Section != tc.section {
				t.Errorf("got %v %+v, want %d by %s", q.err, e, tc.status, tc.section)
			}
		})
	}
}

// TestFaultsAreNotWaitedFor: what makes a message unsound is told with its line,
// also where that isn't the last.
func TestFaultsAreNotWaitedFor(t *testing.T) {
	for _, begun := range []string{
		"\r\n", "GET /\r\n", "GET / HTTP/1.1\n", "GET / HTTP/2.0\r\n",
		"GET / HTTP/1.1\r\n folded\r\n", "GET / HTTP/1.1\r\nX\r\n", "GET / HTTP/1.1\r\nX : y\r\n", "GET / HTTP/1.1\r\nX: \x00\r\n", "GET / HTTP/1.1\r\nX: y\n",
		"GET / HTTP/1.1\r\n" + strings.Repeat("X: y\r\n", wide.Fields+1),
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX : y\r\n",
	} {
		waited := errors.New("waited for more")
		q, _ := readRequest(io.MultiReader(strings.NewReader(begun), iotest.ErrReader(waited)))
		if _, told := errors.AsType[*Error](q.err); !told {
			t.Errorf("%q: %v", begun, q.err)
		}
	}
}

// TestSplitRequests sends each message byte by byte, and in two parts split
// anywhere: what it means must not depend on how it comes.
func TestSplitRequests(t *testing.T) {
	var texts []string
	for _, tc := range soundRequests {
		texts = append(texts, tc.text)
	}
	for _, tc := range refusedRequests {
		if len(tc.text) < 4<<10 {
			texts = append(texts, tc.text)
		}
	}
	for _, text := range texts {
		whole, _ := readRequest(strings.NewReader(text))
		check := func(how string, src io.Reader) {
			got, r := readRequest(src)
			got.head.fields, whole.head.fields = store{}, store{}
			if !reflect.DeepEqual(got.head, whole.head) && whole.err == nil || got.body != whole.body && whole.err == nil || got.err != whole.err || !reflect.DeepEqual(got.tail, whole.tail) {
				t.Errorf("%q read %s:\n%+v, else\n%+v", text, how, got, whole)
			}
			if whole.err == nil && r.Buffered() > 0 {
				t.Errorf("%q read %s: %d bytes are left", text, how, r.Buffered())
			}
		}
		check("byte by byte", iotest.OneByteReader(strings.NewReader(text)))
		for i := 1; i < len(text); i++ {
			check("in two parts", io.MultiReader(strings.NewReader(text[:i]), strings.NewReader(text[i:])))
		}
	}
}

// TestCutRequests ends each sound message early, everywhere: it is never taken
// for a whole one.
func TestCutRequests(t *testing.T) {
	for _, tc := range soundRequests {
		for i := range len(tc.text) {
			q, _ := readRequest(strings.NewReader(tc.text[:i]))
			want := io.ErrUnexpectedEOF
			if i == 0 {
				want = io.EOF
			}
			if q.err != want {
				t.Errorf("%q ended with %v, want %v", tc.text[:i], q.err, want)
			}
		}
	}
}

// TestFirstLineIsLookedAtAlone: what is no HTTP is refused before its peer,
// which may wait for an answer, ends a header that it knows nothing of.
func TestFirstLineIsLookedAtAlone(t *testing.T) {
	src, peer := io.Pipe()
	defer src.Close()
	go io.WriteString(peer, "EHLO example\r\n")
	r := NewReader(src)
	if err := r.ReadRequest(new(RequestHead), wide); err != errRequestLine {
		t.Errorf("got %v, want %v", err, errRequestLine)
	}
}

// TestHeadIsReused reads one request after the other into the same head.
func TestHeadIsReused(t *testing.T) {
	var all strings.Builder
	for _, tc := range soundRequests {
		all.WriteString(tc.text)
	}
	r := NewReader(strings.NewReader(all.String()))
	var h RequestHead
	for _, tc := range soundRequests {
		if err := r.ReadRequest(&h, wide); err != nil {
			t.Fatal(err)
		}
		same(t, h, tc.want)
		var b Body
		b.Reset(r, h.Framing, wide)
		if body, err := io.ReadAll(&b); err != nil || string(body) != tc.body {
			t.Fatalf("%s: %q, %v", tc.name, body, err)
		}
	}
	if !r.Release() || r.buf != nil {
		t.Error("a buffer is kept between messages")
	}
}

const browser = "GET /index.html?q=1 HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n" +
	"Connection: keep-alive\r\nCookie: a=b; session=0123456789abcdef\r\nx-request-id: 0b6c2d1e\r\n\r\n"

// TestRequestAllocations: one copy of the head, whatever it holds.
func TestRequestAllocations(t *testing.T) {
	src := strings.NewReader(browser)
	r := NewReader(src)
	var h RequestHead
	allocs := testing.AllocsPerRun(100, func() {
		src.Reset(browser)
		if err := r.ReadRequest(&h, wide); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 1 {
		t.Errorf("%v allocations, want 1", allocs)
	}
}

func BenchmarkReadRequest(b *testing.B) {
	src := strings.NewReader(browser)
	r := NewReader(src)
	var h RequestHead
	b.ReportAllocs()
	for b.Loop() {
		src.Reset(browser)
		if err := r.ReadRequest(&h, wide); err != nil {
			b.Fatal(err)
		}
	}
}
