package cache

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestRFC9110Conditions walks RFC 9110 §13 and RFC 9111 §4.3.2: how a client's
// conditions are answered from a stored response.
func TestRFC9110Conditions(t *testing.T) {
	const (
		strong = "Date: {0}\nCache-Control: max-age=60\nETag: \"a\"\nLast-Modified: {-100}"
		weak   = "Date: {0}\nCache-Control: max-age=60\nETag: W/\"a\""
		dated  = "Date: {0}\nCache-Control: max-age=60\nLast-Modified: {-100}"
		plain  = "Date: {-50}\nCache-Control: max-age=60"
		origin = 0
	)
	for _, test := range []struct {
		name     string
		method   string
		response string
		request  string
		want     int
	}{
		{"no condition", "GET", strong, "", 200},
		{"13.1.2 If-None-Match", "GET", strong, `If-None-Match: "a"`, 304},
		{"13.1.2 another", "GET", strong, `If-None-Match: "b"`, 200},
		{"13.1.2 the first of three", "GET", strong, `If-None-Match: "a", "b", "c"`, 304},
		{"13.1.2 the second", "GET", strong, `If-None-Match: "b", "a", "c"`, 304},
		{"13.1.2 the last", "GET", strong, `If-None-Match: "b" ,"c", "a"`, 304},
		{"13.1.2 in two lines", "GET", strong, "If-None-Match: \"b\"\nIf-None-Match: \"a\"", 304},
		{"13.1.2 weakly", "GET", strong, `If-None-Match: W/"a"`, 304},
		{"13.1.2 weakly, the other way", "GET", weak, `If-None-Match: "a"`, 304},
		{"13.1.2 star", "GET", plain, `If-None-Match: *`, 304},
		{"13.1.2 star is no tag", "GET", strong, `If-None-Match: "*"`, 200},
		{"13.1.2 without quotes", "GET", strong, `If-None-Match: a`, 200},
		{"13.1.2 a comma in a tag", "GET", "Cache-Control: max-age=60\nETag: \"a,b\"", `If-None-Match: "x", "a,b"`, 304},
		{"13.1.2 what can't be read ends the list", "GET", strong, `If-None-Match: "b", x, "a"`, 200},
		{"8.8.3 a lower-case w", "GET", strong, `If-None-Match: w/"a"`, 200},
		{"13.1.2 no tag stored", "GET", dated, `If-None-Match: "a"`, 200},
		{"13.1.2 HEAD", "HEAD", strong, `If-None-Match: "a"`, 304},
		{"13.1.3 If-Modified-Since", "GET", dated, "If-Modified-Since: {-100}", 304},
		{"13.1.3 later", "GET", dated, "If-Modified-Since: {-99}", 304},
		{"13.1.3 earlier", "GET", dated, "If-Modified-Since: {-101}", 200},
		{"13.1.3 not a date", "GET", dated, "If-Modified-Since: x", 200},
		{"13.1.3 two dates", "GET", dated, "If-Modified-Since: {0}\nIf-Modified-Since: {0}", 200},
		{"9111 4.3.2 by Date", "GET", plain, "If-Modified-Since: {-50}", 304},
		{"9111 4.3.2 by Date, earlier", "GET", plain, "If-Modified-Since: {-51}", 200},
		{"13.2.2 If-None-Match goes first", "GET", strong, "If-None-Match: \"b\"\nIf-Modified-Since: {0}", 200},
		{"13.2.2 If-None-Match goes first, and matches", "GET", strong, "If-None-Match: \"a\"\nIf-Modified-Since: {-1000}", 304},
		{"13.1.1 If-Match", "GET", strong, `If-Match: "a"`, 200},
		{"13.1.1 If-Match, star", "GET", strong, `If-Match: *`, 200},
		{"13.1.1 another: the origin may have it", "GET", strong, `If-Match: "b"`, origin},
		{"13.1.1 If-Match is strong", "GET", weak, `If-Match: W/"a"`, origin},
		{"13.1.4 If-Unmodified-Since", "GET", strong, "If-Unmodified-Since: {-100}", 200},
		{"13.1.4 earlier", "GET", strong, "If-Unmodified-Since: {-101}", origin},
		{"13.1.4 not a date", "GET", strong, "If-Unmodified-Since: x", 200},
		{"13.1.4 no date stored", "GET", plain, "If-Unmodified-Since: {0}", origin},
		{"13.2.2 If-Match goes before If-Unmodified-Since", "GET", strong, "If-Match: \"a\"\nIf-Unmodified-Since: {-1000}", 200},
		{"13.2.2 If-Match, then If-None-Match", "GET", strong, "If-Match: \"a\"\nIf-None-Match: \"a\"", 304},
		{"13.2.2 If-Match fails first", "GET", strong, "If-Match: \"b\"\nIf-None-Match: \"a\"", origin},
		{"13.2.2 If-None-Match goes before Range", "GET", strong, "If-None-Match: \"a\"\nRange: bytes=0-1", 304},
	} {
		t.Run(test.name, func(t *testing.T) {
			var c Config
			p, _ := stored(t, &c, "", test.response)
			if got := p.Answer(request(&c, test.method, test.request), 10); got.Status != test.want || got.Size != 10 {
				t.Errorf("%+v; want status %d", got, test.want)
			}
		})
	}
	t.Run("13.2.1 only where it would be 200", func(t *testing.T) {
		var c Config
		s := c.Store(request(&c, "GET", ""), response(404, "Cache-Control: max-age=60\nETag: \"a\""))
		if got := s.Policy.Answer(request(&c, "GET", "If-None-Match: \"a\"\nRange: bytes=0-1\nIf-Match: \"b\""), 10); got.Status != 404 || got.Range.Length != 10 {
			t.Errorf("%+v", got)
		}
	})
}

// TestRFC9110Ranges walks RFC 9110 §14: ranges of a stored response of 10 bytes.
func TestRFC9110Ranges(t *testing.T) {
	const (
		strong = "Date: {0}\nCache-Control: max-age=60\nETag: \"a\"\nLast-Modified: {-100}"
		weak   = "Date: {0}\nCache-Control: max-age=60\nETag: W/\"a\"\nLast-Modified: {0}"
	)
	for _, test := range []struct {
		name     string
		response string
		request  string
		want     string // 200, 416, or the parts
	}{
		{"14.1.2 first and last", strong, "Range: bytes=0-1", "0+2"},
		{"14.1.2 one byte", strong, "Range: bytes=3-3", "3+1"},
		{"14.1.2 open", strong, "Range: bytes=1-", "1+9"},
		{"14.1.2 all", strong, "Range: bytes=0-", "0+10"},
		{"14.1.2 the last", strong, "Range: bytes=-1", "9+1"},
		{"14.1.2 more than there is, from the end", strong, "Range: bytes=-20", "0+10"},
		{"14.1.2 more than there is", strong, "Range: bytes=8-100", "8+2"},
		{"14.1.2 beyond the end", strong, "Range: bytes=10-", "416"},
		{"14.1.2 beyond the end, closed", strong, "Range: bytes=10-11", "416"},
		{"14.1.2 the last none", strong, "Range: bytes=-0", "416"},
		{"14.1.2 numbers without end", strong, "Range: bytes=0-99999999999999999999999999", "0+10"},
		{"14.1.2 a start without end", strong, "Range: bytes=99999999999999999999999999-", "416"},
		{"14.1.1 backwards", strong, "Range: bytes=5-4", "200"},
		{"14.1.1 not a number", strong, "Range: bytes=a-b", "200"},
		{"14.1.1 a sign", strong, "Range: bytes=+1-2", "200"},
		{"14.1.1 no dash", strong, "Range: bytes=5", "200"},
		{"14.1.1 a dash alone", strong, "Range: bytes=-", "200"},
		{"14.1.1 nothing", strong, "Range: bytes=", "200"},
		{"14.1.1 no unit", strong, "Range: 0-1", "200"},
		{"14.2 another unit", strong, "Range: lines=0-1", "200"},
		{"14.1 units have no case", strong, "Range: Bytes=0-1", "0+2"},
		{"14.2 two fields", strong, "Range: bytes=0-1\nRange: bytes=2-3", "200"},
		{"14.2 two", strong, "Range: bytes=0-1,4-5", "0+2 4+2"},
		{"14.2 white space", strong, "Range: bytes=0-1 , 4-5, ", "0+2 4+2"},
		{"14.2 in the order asked for", strong, "Range: bytes=-2,0-1", "8+2 0+2"},
		{"14.2 one of two is beyond", strong, "Range: bytes=0-1,20-", "0+2"},
		{"14.2 one of two can't be read", strong, "Range: bytes=0-1,x", "200"},
		{"14.2 overlapping, and longer than the whole", strong, "Range: bytes=0-,0-", "200"},
		{"14.2 seventeen", strong, "Range: bytes=0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0", "200"},
		{"13.1.5 If-Range", strong, "Range: bytes=0-1\nIf-Range: \"a\"", "0+2"},
		{"13.1.5 another", strong, "Range: bytes=0-1\nIf-Range: \"b\"", "200"},
		{"13.1.5 a weak one", weak, "Range: bytes=0-1\nIf-Range: W/\"a\"", "200"},
		{"13.1.5 a date", strong, "Range: bytes=0-1\nIf-Range: {-100}", "0+2"},
		{"13.1.5 another date", strong, "Range: bytes=0-1\nIf-Range: {-99}", "200"},
		{"13.1.5 a date that isn't strong", weak, "Range: bytes=0-1\nIf-Range: {0}", "200"},
		{"13.1.5 neither tag nor date", strong, "Range: bytes=0-1\nIf-Range: a", "200"},
		{"13.1.5 two", strong, "Range: bytes=0-1\nIf-Range: \"a\"\nIf-Range: \"a\"", "200"},
		{"13.1.5 for a range that isn't there", strong, "Range: bytes=20-\nIf-Range: \"b\"", "200"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var c Config
			p, _ := stored(t, &c, "", test.response)
			a := p.Answer(request(&c, "GET", test.request), 10)
			got := strconv.Itoa(a.Status)
			if a.Status == 206 {
				parts := a.Parts
				if parts == nil {
					parts = []ByteRange{a.Range}
				}
				var s []string
				for _, part := range parts {
					s = append(s, fmt.Sprintf("%d+%d", part.Start, part.Length))
				}
				got = strings.Join(s, " ")
			}
			if got != test.want {
				t.Errorf("%s (%+v); want %s", got, a, test.want)
			}
		})
	}
	t.Run("14.2 HEAD has no range", func(t *testing.T) {
		var c Config
		p, _ := stored(t, &c, "", strong)
		if a := p.Answer(request(&c, "HEAD", "Range: bytes=0-1"), 10); a.Status != 200 || a.Range.Length != 0 {
			t.Errorf("%+v", a)
		}
	})
	t.Run("14.2 nothing of an empty body", func(t *testing.T) {
		var c Config
		p, _ := stored(t, &c, "", strong)
		if a := p.Answer(request(&c, "GET", "Range: bytes=0-"), 0); a.Status != 416 {
			t.Errorf("%+v", a)
		}
	})
}

// TestRFC9110AnswerHeader: the header of a whole answer, of a part (§15.3.7), of
// 304 (§15.4.5) and of 416 (§15.5.17); RFC 9111 §5.1 for Age.
func TestRFC9110AnswerHeader(t *testing.T) {
	var c Config
	p, h := stored(t, &c, "", `
		Date: {0}
		Cache-Control: max-age=60
		Expires: {60}
		ETag: "a"
		Last-Modified: {-100}
		Vary: Accept
		Content-Location: /x
		Content-Type: text/plain
		Content-Length: 10
		Set-Cookie2: x
		X-A: 1`)
	for _, test := range []struct {
		name, request, want string
	}{
		{"15.3.1 whole", "", `
			Date: {0}
			Cache-Control: max-age=60
			Expires: {60}
			ETag: "a"
			Last-Modified: {-100}
			Vary: Accept
			Content-Location: /x
			Content-Type: text/plain
			Content-Length: 10
			Set-Cookie2: x
			X-A: 1
			Age: 5`},
		{"15.4.5 304", "If-None-Match: \"a\"", `
			Date: {0}
			Cache-Control: max-age=60
			Expires: {60}
			ETag: "a"
			Vary: Accept
			Content-Location: /x
			Age: 5`},
		{"15.3.7 206", "Range: bytes=2-3", `
			Date: {0}
			Cache-Control: max-age=60
			Expires: {60}
			ETag: "a"
			Last-Modified: {-100}
			Vary: Accept
			Content-Location: /x
			Content-Type: text/plain
			Content-Range: bytes 2-3/10
			Content-Length: 2
			Set-Cookie2: x
			X-A: 1
			Age: 5`},
		{"15.5.17 416", "Range: bytes=20-", `
			Date: {0}
			Vary: Accept
			Content-Range: bytes */10
			Content-Length: 0
			Age: 5`},
	} {
		a := p.Answer(request(&c, "GET", test.request), 10)
		got := h.Clone()
		a.SetHeader(got, 5900*time.Millisecond, "")
		if !equal(got, header(test.want)) {
			t.Errorf("%s: %v", test.name, got)
		}
	}
	t.Run("15.4.5 a date where there is no tag", func(t *testing.T) {
		p, h := stored(t, &c, "", "Cache-Control: max-age=60\nLast-Modified: {-100}")
		a := p.Answer(request(&c, "GET", "If-Modified-Since: {0}"), 10)
		got := h.Clone()
		a.SetHeader(got, 0, "")
		if a.Status != 304 || got.Get("Last-Modified") == "" {
			t.Errorf("%+v %v", a, got)
		}
	})
}

// TestRFC9110Multipart: §14.6, as mime/multipart reads it.
func TestRFC9110Multipart(t *testing.T) {
	const content = "0123456789"
	var c Config
	p, h := stored(t, &c, "", "Cache-Control: max-age=60\nContent-Type: text/plain")
	a := p.Answer(request(&c, "GET", "Range: bytes=0-1,-3,5-5"), 10)
	got := h.Clone()
	a.SetHeader(got, 0, "BOUNDARY")
	m := Multipart{Answer: a, Boundary: "BOUNDARY", ContentType: h.Get("Content-Type")}
	var b strings.Builder
	for i, part := range a.Parts {
		b.WriteString(m.Head(i) + content[part.Start:part.Start+part.Length])
	}
	b.WriteString(m.End())
	if n := strconv.Itoa(b.Len()); got.Get("Content-Length") != n || got["Content-Range"] != nil {
		t.Errorf("%v for %s bytes", got, n)
	}
	_, parameters, err := mime.ParseMediaType(got.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	r := multipart.NewReader(strings.NewReader(b.String()), parameters["boundary"])
	for _, want := range []struct{ content, where string }{{"01", "bytes 0-1/10"}, {"789", "bytes 7-9/10"}, {"5", "bytes 5-5/10"}} {
		part, err := r.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(part)
		if string(body) != want.content || part.Header.Get("Content-Range") != want.where || part.Header.Get("Content-Type") != "text/plain" {
			t.Errorf("%q %v; want %v", body, part.Header, want)
		}
	}
	if _, err := r.NextPart(); err != io.EOF {
		t.Error(err)
	}
}

// TestRFC9110Dates walks RFC 9110 §5.6.7 and RFC 9111 §4.2.
func TestRFC9110Dates(t *testing.T) {
	want := time.Date(1994, 11, 6, 8, 49, 37, 0, time.UTC)
	for _, test := range []struct {
		s  string
		ok bool
	}{
		{"Sun, 06 Nov 1994 08:49:37 GMT", true},
		{"Sunday, 06-Nov-94 08:49:37 GMT", true},
		{"Sun Nov  6 08:49:37 1994", true},
		{"Sun Nov 06 08:49:37 1994", true},
		{"SUN, 06 nOV 1994 08:49:37 gmt", true},
		{"Sun, 06 Nov 1994 08:49:37 UTC", false},
		{"Sun, 06 Nov 1994 08:49:37 +0000", false},
		{"Sun, 06 Nov 1994 08:49:37", false},
		{"Sun, 06 Nov 94 08:49:37 GMT", false},
		{"Sun 06 Nov 1994 08:49:37 GMT", false},
		{"Sun, 06  Nov  1994 08:49:37 GMT", false},
		{"Sun, 06-Nov-1994 08:49:37 GMT", false},
		{"Sun, 06 Nov 1994 08.49.37 GMT", false},
		{"Sun, 06 Nov 1994 8:49:37 GMT", false},
		{"Sun, 31 Nov 1994 08:49:37 GMT", false},
		{"Sun, 06 Nov 1994 24:49:37 GMT", false},
		{"Sun, 06 Nov 1994 08:60:37 GMT", false},
		{"Sun, 06 Nov 1994 08:49:61 GMT", false},
		{"Sun, 00 Nov 1994 08:49:37 GMT", false},
		{"Xxx, 06 Nov 1994 08:49:37 GMT", false},
		{"Sun, 06 Xxx 1994 08:49:37 GMT", false},
		{"Sund, 06-Nov-94 08:49:37 GMT", false},
		{"0", false},
		{"-1", false},
		{"", false},
	} {
		got, ok := ParseDate(test.s, t0)
		if ok != test.ok || ok && !got.Equal(want) {
			t.Errorf("%q: %v, %v", test.s, got, ok)
		}
	}
	// A year of two digits is the one that is at most fifty years ahead.
	for _, test := range []struct {
		s    string
		year int
	}{{"Sunday, 06-Nov-26 08:49:37 GMT", 2026}, {"Sunday, 06-Nov-75 08:49:37 GMT", 2075}, {"Sunday, 06-Nov-76 08:49:37 GMT", 1976}, {"Sunday, 01-Jan-76 08:49:37 GMT", 2076}} {
		if got, ok := ParseDate(test.s, t0); !ok || got.Year() != test.year {
			t.Errorf("%q: %v, %v; want %d", test.s, got, ok, test.year)
		}
	}
	if got, ok := ParseDate("Sun, 31 Dec 1994 23:59:60 GMT", t0); !ok || !got.Equal(time.Date(1995, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("a leap second: %v, %v", got, ok)
	}
}
