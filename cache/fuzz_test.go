package cache

import (
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/dunglas/httpsfv"
)

// FuzzCacheControl: whatever is made of a line, a no-store outside of quotes is
// seen or the line counts as malformed, and numbers stay in their bounds.
func FuzzCacheControl(f *testing.F) {
	f.Add(`max-age=60, private="a, b"`)
	f.Fuzz(func(t *testing.T, line string) {
		rc := parseResponseControl([]string{line})
		for _, s := range []seconds{rc.maxAge, rc.sMaxAge, rc.staleWhileRevalidate, rc.staleIfError} {
			if s.value < 0 || s.value > longest || s.bad && s.value != 0 || !s.said && s != (seconds{}) {
				t.Fatalf("%q: %+v", line, s)
			}
		}
		if !strings.Contains(line, `"`) {
			for element := range strings.SplitSeq(line, ",") {
				if strings.EqualFold(trim(element), "no-store") && !rc.has(noStore) {
					t.Fatalf("%q: no-store is not seen", line)
				}
			}
		}
		for _, name := range slices.Concat(rc.noCacheFields, rc.privateFields) {
			if name == "" || tokenLength(name) != len(name) || essential(name) {
				t.Fatalf("%q: field %q", line, name)
			}
		}
		// Adding a restriction in front never permits more.
		if got := parseResponseControl([]string{"no-store," + line}); !got.has(noStore) {
			t.Fatalf("%q hides a no-store before it", line)
		}
		// Nor can what came before hide one in a line of its own.
		if got := parseResponseControl([]string{line, "no-store"}); !got.has(noStore) {
			t.Fatalf("%q hides a no-store after it", line)
		}
	})
}

// FuzzRequestControl: a client's words are read without harm, and without
// Cache-Control and Pragma there are none.
func FuzzRequestControl(f *testing.F) {
	f.Add("max-age=1, max-stale, no-cache", "no-cache")
	f.Fuzz(func(t *testing.T, line, pragma string) {
		w := readWishes(http.Header{"Cache-Control": {line}, "Pragma": {pragma}})
		for _, s := range []seconds{w.maxAge, w.minFresh, w.maxStale, w.staleIfError} {
			if s.value < 0 || s.value > longest || s.bad && s.value != 0 {
				t.Fatalf("%q: %+v", line, s)
			}
		}
		if strings.EqualFold(trim(line), "no-cache") && !w.noCache {
			t.Fatalf("%q isn't no-cache", line)
		}
		if only := readWishes(http.Header{"Pragma": {pragma}}); only != (wishes{noCache: only.noCache}) {
			t.Fatalf("Pragma: %q says %+v", pragma, only)
		}
	})
}

// FuzzTargeted: a field governs if and only if it is a dictionary with members
// whose numbers are numbers.
func FuzzTargeted(f *testing.F) {
	f.Add(`max-age=60, private="a"`)
	f.Fuzz(func(t *testing.T, line string) {
		rc, ok := readTargeted([]string{line})
		d, err := httpsfv.UnmarshalDictionary([]string{line})
		want := err == nil && len(d.Names()) > 0
		if want {
			for _, name := range []string{"max-age", "s-maxage", "stale-while-revalidate", "stale-if-error", "stale-on-overload"} {
				if member, there := d.Get(name); there {
					item, _ := member.(httpsfv.Item)
					_, isInt := item.Value.(int64)
					want = want && isInt
				}
			}
		}
		if ok != want {
			t.Fatalf("%q governs: %v; want %v", line, ok, want)
		}
		if !ok {
			return
		}
		if _, there := d.Get("no-store"); there != rc.has(noStore) {
			t.Fatalf("%q: no-store %v", line, rc.has(noStore))
		}
		if rc.maxAge.value < 0 || rc.maxAge.value > longest {
			t.Fatalf("%q: %v", line, rc.maxAge.value)
		}
	})
}

// FuzzDate: what is taken for a date is one for net/http too, and the same one.
func FuzzDate(f *testing.F) {
	f.Add("Sun, 06 Nov 1994 08:49:37 GMT")
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := ParseDate(s, t0)
		if !ok || strings.Contains(s, ":60") {
			return // net/http knows no leap seconds
		}
		want, err := http.ParseTime(capitals(s))
		if err != nil {
			t.Fatalf("%q: %v; net/http: %v", s, got, err)
		}
		if !got.Equal(want) && got.Sub(want).Abs() < 90*365*24*time.Hour { // two-digit years differ by centuries
			t.Fatalf("%q: %v; net/http: %v", s, got, want)
		}
		if got.Location() != time.UTC {
			t.Fatalf("%q: %v", s, got.Location())
		}
	})
}

// capitals writes a date's words as they should be.
func capitals(s string) string {
	s = strings.ReplaceAll(strings.ToLower(s), "gmt", "GMT")
	first := true
	return strings.Map(func(r rune) rune {
		up := first && unicode.IsLetter(r) && r != 'G'
		first = !unicode.IsLetter(r)
		if up {
			return unicode.ToUpper(r)
		}
		return r
	}, s)
}

// FuzzAge: an age is between nothing and 68 years.
func FuzzAge(f *testing.F) {
	f.Add("30, 0")
	f.Fuzz(func(t *testing.T, s string) {
		if age := readAge([]string{s}); age < 0 || age > longest || age > 0 && !strings.ContainsAny(s, "123456789") {
			t.Fatalf("%q: %v", s, age)
		}
	})
}

// FuzzExpires: a lifetime is between nothing and 68 years, and nothing if the
// date can't be read.
func FuzzExpires(f *testing.F) {
	f.Add("Fri, 02 Jan 2026 13:00:00 GMT", "Fri, 02 Jan 2026 12:00:00 GMT")
	f.Fuzz(func(t *testing.T, expires, date string) {
		var c Config
		r := response(200, "")
		r.Header["Expires"], r.Header["Date"], r.Header["Etag"] = []string{expires}, []string{date}, []string{`"a"`}
		s := c.Store(request(&c, "GET", ""), r)
		if !s.Store || s.Policy.lifetime < 0 || s.Policy.lifetime > longest {
			t.Fatalf("%q, %q: %+v", expires, date, s)
		}
		if _, ok := ParseDate(trim(expires), t0); !ok && s.Policy.lifetime != 0 {
			t.Fatalf("%q: fresh for %v", expires, s.Policy.lifetime)
		}
	})
}

// FuzzVary: names are canonical, sorted and different, a star is always seen,
// and a request matches the response to itself.
func FuzzVary(f *testing.F) {
	f.Add("Accept-Encoding, foo", "Accept-Encoding", "gzip, br;q=0.5")
	f.Fuzz(func(t *testing.T, vary, name, value string) {
		names, any := parseVary([]string{vary})
		for element := range strings.SplitSeq(vary, ",") {
			if trim(element) == "*" && !any {
				t.Fatalf("%q: no star", vary)
			}
		}
		for i, name := range names {
			if any || name != textproto.CanonicalMIMEHeaderKey(name) || i > 0 && names[i-1] >= name {
				t.Fatalf("%q: %q", vary, names)
			}
		}
		h := http.Header{http.CanonicalHeaderKey(name): {value}}
		s, reason := selectors(names, h)
		if reason == ReasonNone && !matches(s, h) {
			t.Fatalf("%q: %q doesn't match itself", vary, value)
		}
		if strings.Contains(value, `"`) {
			return
		}
		once := appendNormal(nil, name, []string{value})
		if twice := appendNormal(nil, name, []string{string(once)}); string(twice) != string(once) {
			t.Fatalf("%s: %q becomes %q, then %q", name, value, once, twice)
		}
		if before, after, ok := strings.Cut(value, ","); ok {
			if split := appendNormal(nil, name, []string{before, after}); string(split) != string(once) {
				t.Fatalf("%s: %q in one line, %q in two", name, once, split)
			}
		}
	})
}

// FuzzETag: what is taken for a tag is written as it was read, and a list that
// begins with it contains it.
func FuzzETag(f *testing.F) {
	f.Add(`W/"a"`, `"b", W/"a"`)
	f.Fuzz(func(t *testing.T, s, list string) {
		tag, ok := parseETag(s)
		if ok != !tag.none() || ok && tag.String() != trim(s) {
			t.Fatalf("%q: %+v", s, tag)
		}
		found := anyETag([]string{list}, tag.weakly)
		if !ok && found && trim(list) != "*" {
			t.Fatalf("%q finds none", list)
		}
		if ok && !anyETag([]string{tag.String() + "," + list}, tag.weakly) {
			t.Fatalf("%q isn't found before %q", tag, list)
		}
	})
}

// FuzzRange: parts lie within the body, and are no more than are allowed.
func FuzzRange(f *testing.F) {
	f.Add("bytes=0-1,-5", int64(10))
	f.Fuzz(func(t *testing.T, s string, size int64) {
		if size < 0 {
			return
		}
		parts, what := parseRange([]string{s}, size, nil)
		if what == rangeParts != (len(parts) > 0) && what != rangeWhole || len(parts) > maxRanges {
			t.Fatalf("%q of %d: %v, %v", s, size, what, parts)
		}
		total := int64(0)
		for _, part := range parts {
			if part.Start < 0 || part.Length < 1 || part.Start > size-part.Length {
				t.Fatalf("%q of %d: %v", s, size, parts)
			}
			total += min(part.Length, size)
		}
		if what == rangeParts && total > size {
			t.Fatalf("%q of %d: %v", s, size, parts)
		}
	})
}

// FuzzConditions: conditions and ranges of any kind get an answer that makes sense.
func FuzzConditions(f *testing.F) {
	f.Add(`"a"`, "Fri, 02 Jan 2026 12:00:00 GMT", `"b"`, "", "bytes=0-1", `"a"`)
	f.Fuzz(func(t *testing.T, noneMatch, modifiedSince, match, unmodifiedSince, ranges, ifRange string) {
		var c Config
		h := http.Header{}
		for name, value := range map[string]string{
			"If-None-Match": noneMatch, "If-Modified-Since": modifiedSince, "If-Match": match,
			"If-Unmodified-Since": unmodifiedSince, "Range": ranges, "If-Range": ifRange,
		} {
			if value != "" {
				h[name] = []string{value}
			}
		}
		r := &Request{Method: "GET", Header: h}
		c.Prepare(r)
		p, stored := stored(t, &c, "", "Date: {0}\nCache-Control: max-age=60\nETag: \"a\"\nLast-Modified: {-100}")
		a := p.Answer(r, 10)
		switch {
		case a.Status == 0 && match == "" && unmodifiedSince == "",
			a.Status == 304 && noneMatch == "" && modifiedSince == "",
			(a.Status == 206 || a.Status == 416) && ranges == "",
			a.Status == 206 && (a.Range.Length > 0) == (len(a.Parts) > 0),
			!slices.Contains([]int{0, 200, 206, 304, 416}, a.Status):
			t.Fatalf("%v: %+v", h, a)
		}
		got := stored.Clone()
		a.SetHeader(got, time.Second, "B")
		if got.Get("Age") != "1" {
			t.Fatalf("%v", got)
		}
	})
}

// FuzzFreshen: no 304 changes what describes the stored bytes, brings in what
// isn't stored, widens whom the response is for, or keeps what must not be kept.
func FuzzFreshen(f *testing.F) {
	f.Add("ETag: \"a\"\nCache-Control: max-age=5\nX-A: 2", "")
	f.Fuzz(func(t *testing.T, answerLines, requestLines string) {
		var c Config
		p, h := stored(t, &c, "Accept: x", "Cache-Control: max-age=60\nETag: \"a\"\nVary: Accept\nContent-Length: 5\nContent-Encoding: br")
		before := h.Clone()
		r := request(&c, "GET", requestLines)
		r.Header["Accept"] = []string{"x"}
		answer := response(304, answerLines)
		got := c.Freshen(r, p, h, answer)
		if !equal(h, before) {
			t.Fatalf("the stored header became %v", h)
		}
		if got.Store && !got.Holds || got.Drop && (got.Store || !got.Holds) {
			t.Fatalf("%+v", got)
		}
		if !got.Store {
			return
		}
		if got.Header.Get("Content-Length") != "5" || got.Header.Get("Content-Encoding") != "br" || got.Header["Set-Cookie"] != nil || got.Header["Content-Range"] != nil || got.Header["Transfer-Encoding"] != nil || got.Header["Age"] != nil {
			t.Fatalf("%v", got.Header)
		}
		if other := request(&c, "GET", "Accept: y"); answer.Header["Vary"] == nil && got.Policy.Matches(other) {
			t.Fatalf("it is for everybody now: %v", got.Header)
		}
		if why := mustNotStore(r, &Response{Status: 200, Header: got.Header}, true); why != "" {
			t.Fatalf("kept against %s: %v", why, got.Header)
		}
	})
}

// FuzzGroups: groups are different strings within bounds, from a valid list.
func FuzzGroups(f *testing.F) {
	f.Add(`"a", "b";x`)
	f.Fuzz(func(t *testing.T, line string) {
		groups := parseGroups([]string{line})
		if len(groups) == 0 {
			return
		}
		if _, err := httpsfv.UnmarshalList([]string{line}); err != nil || len(groups) > maxGroups {
			t.Fatalf("%q: %q, %v", line, groups, err)
		}
		for i, group := range groups {
			if len(group) > maxGroupLength || slices.Contains(groups[:i], group) {
				t.Fatalf("%q: %q", line, groups)
			}
		}
	})
}

// FuzzInvalidates: no response touches what belongs to another origin.
func FuzzInvalidates(f *testing.F) {
	f.Add("/x", "http://example.com/y")
	f.Fuzz(func(t *testing.T, location, contentLocation string) {
		var c Config
		resp := response(201, "")
		resp.Header["Location"], resp.Header["Content-Location"] = []string{location}, []string{contentLocation}
		got := c.Invalidates(request(&c, "POST", ""), resp)
		if len(got.URLs) < 1 || len(got.URLs) > 3 || got.URLs[0] != "http://example.com/a?b=c" {
			t.Fatalf("%q", got.URLs)
		}
		for _, u := range got.URLs {
			if !strings.HasPrefix(u, "http://example.com/") {
				t.Fatalf("%q", u)
			}
			if parsed, err := url.Parse(u); err != nil || parsed.Host != "example.com" {
				t.Fatalf("%q: %v", u, err)
			}
		}
	})
}

// FuzzCacheStatus: any key makes a valid field.
func FuzzCacheStatus(f *testing.F) {
	f.Add(`http://example.com/"\`, int64(5))
	f.Fuzz(func(t *testing.T, key string, ttl int64) {
		s := Status{Cache: "levee", Hit: true, Key: key, TTL: time.Duration(ttl), HasTTL: true, Detail: ReasonLastKnownGood}
		field := string(s.Append(nil))
		list, err := httpsfv.UnmarshalList([]string{field})
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %v", field, err)
		}
	})
}

// FuzzPolicy: bytes that are no policy are refused, and those that are one are
// written again as they were.
func FuzzPolicy(f *testing.F) {
	p := policyExample(f)
	b, _ := p.AppendBinary(nil)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var p Policy
		if p.UnmarshalBinary(b) != nil {
			return
		}
		again, err := p.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		var q Policy
		if err := q.UnmarshalBinary(again); err != nil || !q.SameVariant(&p) || q.lifetime != p.lifetime {
			t.Fatalf("% x: %v", b, err)
		}
		if v := p.Reuse(&Request{Method: "GET"}, &Config{}, at(0)); v.Age < 0 || v.Age > longest {
			t.Fatalf("%+v", v)
		}
	})
}

// FuzzKey: dropping parameters never changes the path, and never adds anything.
func FuzzKey(f *testing.F) {
	f.Add("/a?utm_x=1&b=c", "a=1; b=2")
	f.Fuzz(func(t *testing.T, target, cookie string) {
		c := Config{DropQuery: []string{"utm_*", "x"}, KeyCookies: []string{"a"}}
		r := Request{Method: "GET", Scheme: "http", Host: "h", Target: target, Header: http.Header{"Cookie": {cookie}}}
		got := strings.TrimPrefix(c.URL(&r), "http://h")
		path, _, _ := strings.Cut(target, "?")
		if len(got) > len(target) || !strings.HasPrefix(got, path) {
			t.Fatalf("%q becomes %q", target, got)
		}
		s := r
		s.Target = got
		if c.Key(&r) != c.Key(&s) {
			t.Fatalf("%q and %q have different keys", target, got)
		}
	})
}

// FuzzForwarded: an address more or less makes no other key, and all else does.
func FuzzForwarded(f *testing.F) {
	for _, line := range []string{"for=192.0.2.1;host=a;proto=https", `for="[2001:db8::1]:80", host="a,b"`, `host="`, `for="x\";host=a`, ";,=", ""} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		key := string(appendForwarded(nil, []string{line}))
		if with := string(appendForwarded(nil, []string{"for=192.0.2.1, " + line})); with != key {
			t.Errorf("%q: an address makes another key", line)
		}
		if with := string(appendForwarded(nil, []string{"host=evil.example;" + line})); with == key {
			t.Errorf("%q: another host makes the same key", line)
		}
	})
}
