package h1

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// FuzzRequest: whatever is accepted here, net/http must accept, and take for the
// same message. Where the two differ on purpose, the test says so by name.
func FuzzRequest(f *testing.F) {
	for _, tc := range soundRequests {
		f.Add([]byte(tc.text))
	}
	for _, tc := range refusedRequests {
		if len(tc.text) < 4<<10 {
			f.Add([]byte(tc.text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		q, r := readRequest(bytes.NewReader(text))
		if q.err != nil {
			return
		}
		var u url.URL
		if ParseTarget(&u, q.head.Method, q.head.Target) != nil {
			return
		}
		br := bufio.NewReader(bytes.NewReader(text))
		std, err := http.ReadRequest(br)
		if err != nil {
			t.Fatalf("accepted %q, which net/http refuses: %v", text, err)
		}
		stdBody, err := io.ReadAll(std.Body)
		if err != nil {
			t.Fatalf("took the body of %q for %q; net/http refuses it: %v", text, q.body, err)
		}
		header := maps.Clone(q.head.Header)
		if slices.Equal(header["Pragma"], []string{"no-cache"}) && header["Cache-Control"] == nil {
			header["Cache-Control"] = []string{"no-cache"} // net/http adds it; a proxy adds nothing
		}
		host := q.head.Host
		if u.Host != "" {
			host = u.Host
		}
		length := q.head.Framing.ContentLength()
		switch {
		case std.Method != q.head.Method, std.RequestURI != q.head.Target, std.ProtoMinor != q.head.Minor:
			t.Errorf("request lines differ: %q %q %d", q.head.Method, q.head.Target, q.head.Minor)
		case std.Host != host:
			t.Errorf("hosts differ: %q, net/http has %q", host, std.Host)
		case !maps.EqualFunc(std.Header, header, slices.Equal):
			t.Errorf("headers differ: %v, net/http has %v", header, std.Header)
		case std.ContentLength != length:
			t.Errorf("lengths differ: %d, net/http has %d", length, std.ContentLength)
		case (len(std.TransferEncoding) > 0) != (q.head.Framing.Kind == Chunked):
			t.Errorf("framing differs: %v, net/http has %v", q.head.Framing, std.TransferEncoding)
		case std.Close != q.head.Close:
			t.Errorf("closing differs: %v", q.head.Close)
		case string(stdBody) != q.body:
			t.Errorf("bodies differ: %q, net/http has %q", q.body, stdBody)
		}
		sameTrailer(t, q.head.Trailer, q.tail, std.Trailer)
		rest, _ := io.ReadAll(io.MultiReader(bytes.NewReader(r.Peek()), r.src))
		stdRest, _ := io.ReadAll(br)
		if !bytes.Equal(rest, stdRest) {
			t.Errorf("what follows differs: %q, net/http has %q", rest, stdRest)
		}
		if got, want := u.String(), std.URL.String(); got != want || u.Path != std.URL.Path || u.RawPath != std.URL.RawPath || u.ForceQuery != std.URL.ForceQuery {
			t.Errorf("targets differ: %#v, net/http has %#v", u, *std.URL)
		}
	})
}

// sameTrailer compares trailers with net/http's, which keeps announced ones that
// didn't come as names without values.
func sameTrailer(t *testing.T, announced, came, std http.Header) {
	t.Helper()
	all := http.Header{}
	maps.Copy(all, announced)
	maps.Copy(all, came)
	if !maps.EqualFunc(all, std, slices.Equal) {
		t.Errorf("trailers differ: %v, net/http has %v", all, std)
	}
}

// FuzzResponse is the same for responses.
func FuzzResponse(f *testing.F) {
	for _, tc := range soundResponses {
		f.Add([]byte(tc.text), tc.toHead)
	}
	f.Fuzz(func(t *testing.T, text []byte, toHead bool) {
		q, r := readResponse(bytes.NewReader(text), toHead)
		if q.err != nil {
			return
		}
		method := http.MethodGet
		if toHead {
			method = http.MethodHead
		}
		br := bufio.NewReader(bytes.NewReader(text))
		std, err := http.ReadResponse(br, &http.Request{Method: method})
		if err != nil {
			t.Fatalf("accepted %q, which net/http refuses: %v", text, err)
		}
		stdBody, err := io.ReadAll(std.Body)
		if err != nil {
			t.Fatalf("took the body of %q for %q; net/http refuses it: %v", text, q.body, err)
		}
		header, stdHeader := maps.Clone(q.head.Header), std.Header
		bodyless := q.head.Status < 200 || q.head.Status == 204
		if bodyless {
			delete(stdHeader, "Content-Length") // which these may not have
		}
		if slices.Equal(header["Pragma"], []string{"no-cache"}) && header["Cache-Control"] == nil {
			header["Cache-Control"] = []string{"no-cache"}
		}
		length := q.head.ContentLength
		if bodyless || q.head.Status == 304 {
			length = std.ContentLength // net/http has 0, or what is said; nobody asks
		}
		switch {
		case std.StatusCode != q.head.Status, std.Status != strings.TrimLeft(q.head.Text, " "), std.ProtoMinor != q.head.Minor:
			t.Errorf("status lines differ: %d %q %d, net/http has %d %q %d", q.head.Status, q.head.Text, q.head.Minor, std.StatusCode, std.Status, std.ProtoMinor)
		case !maps.EqualFunc(stdHeader, header, slices.Equal):
			t.Errorf("headers differ: %v, net/http has %v", header, stdHeader)
		case std.ContentLength != length:
			t.Errorf("lengths differ: %d, net/http has %d", length, std.ContentLength)
		case std.Close && !q.head.Close:
			t.Error("kept where net/http closes")
		case q.head.Close && !std.Close && !(q.head.Status == 204 || q.head.Status < 200) && q.head.Framing.Kind != ToClose:
			t.Error("closed where net/http keeps")
		case string(stdBody) != q.body:
			t.Errorf("bodies differ: %q, net/http has %q", q.body, stdBody)
		}
		sameTrailer(t, q.head.Trailer, q.tail, std.Trailer)
		rest, _ := io.ReadAll(io.MultiReader(bytes.NewReader(r.Peek()), r.src))
		stdRest, _ := io.ReadAll(br)
		if !bytes.Equal(rest, stdRest) {
			t.Errorf("what follows differs: %q, net/http has %q", rest, stdRest)
		}
	})
}

// FuzzTarget: targets mean what net/http takes them for.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{
		"/", "*", "/a/b?c=d", "/a%2fb", "/a?", "/a??", "/?#", "//a/b", "/a;b=c@d", "http://h/a?b", "http://h", "http://u@h/", "h:443", "/a b", "/a'(b)", "/%zz", "/a:b", "a:b", "http:///x", "http://[::1]:80/",
	} {
		f.Add("GET", s)
		f.Add("OPTIONS", s)
	}
	f.Fuzz(func(t *testing.T, method, target string) {
		var u url.URL
		if !ValidTarget(target) || !ValidMethod(method) || ParseTarget(&u, method, target) != nil {
			return
		}
		if method == http.MethodConnect && target[0] != '/' {
			target = "http://" + target
			u.Scheme = "http"
		}
		std, err := url.ParseRequestURI(target)
		if err != nil {
			t.Fatalf("accepted %q, which net/url refuses: %v", target, err)
		}
		if u != *std {
			t.Errorf("%q is %#v, net/url has %#v", target, u, *std)
		}
	})
}
