package cache

import (
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// This file reads the rules a second time, naively and strictly, from the
// standards and not from the code: what must not be stored by a shared cache.
// It may forbid less than Store does, never more.

var (
	quotedString = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	// A client's Cache-Control as it ought to be, without strings; of another, what
	// can't be read is no wish.
	plainWishes = regexp.MustCompile(`^[ \t]*[A-Za-z0-9-]+(=[A-Za-z0-9-]*)?([ \t]*,[ \t]*[A-Za-z0-9-]+(=[A-Za-z0-9-]*)?)*[ \t]*$`)
	// A structured dictionary in its plainest form, which is enough to judge
	// what a test makes up; what doesn't look like it isn't judged.
	plainDictionary = regexp.MustCompile(`^ *[a-z*][a-z0-9_.*-]*(=([0-9]{1,15}|"[ !#-\[\]-~]*"))?( *, *[a-z*][a-z0-9_.*-]*(=([0-9]{1,15}|"[ !#-\[\]-~]*"))?)* *$`)
)

// naiveDirectives is the names and arguments in a Cache-Control value. Words
// that stand where no word may are taken for names too.
func naiveDirectives(value string) map[string][]string {
	all := map[string][]string{}
	var strs []string
	value = strings.ReplaceAll(value, "\x00", "?") // it stands for a string below
	value = quotedString.ReplaceAllStringFunc(value, func(s string) string {
		strs = append(strs, s[1:len(s)-1])
		return "\x00"
	})
	for element := range strings.SplitSeq(value, ",") {
		name, argument, _ := strings.Cut(element, "=")
		words := strings.Fields(argument)
		argument = strings.TrimSpace(argument)
		if strings.Contains(argument, "\x00") {
			argument = strs[0]
		}
		strs = strs[strings.Count(element, "\x00"):]
		for word := range strings.FieldsSeq(name) {
			all[strings.ToLower(word)] = append(all[strings.ToLower(word)], argument)
		}
		if len(words) > 1 {
			for _, word := range words[1:] {
				all[strings.ToLower(word)] = append(all[strings.ToLower(word)], "")
			}
		}
	}
	return all
}

// naiveControl is the directives that govern, and whether they stand in a
// targeted field. ok is false if it can't tell.
func naiveControl(h http.Header) (directives map[string][]string, targeted, ok bool) {
	for _, name := range []string{"Levee-Cache-Control", "Cdn-Cache-Control"} {
		value := strings.Join(h[name], ",")
		if strings.Trim(value, " ") == "" {
			if value != "" {
				return nil, false, false
			}
			continue
		}
		if !plainDictionary.MatchString(value) {
			return nil, false, false
		}
		directives = naiveDirectives(value)
		for _, arguments := range directives {
			if len(arguments) > 1 {
				return nil, false, false // which of them counts is the library's to know
			}
		}
		wrong := false
		for _, name := range []string{"max-age", "s-maxage", "stale-while-revalidate", "stale-if-error", "stale-on-overload"} {
			for _, argument := range directives[name] {
				wrong = wrong || argument == "" || strings.Trim(argument, "0123456789") != ""
			}
			wrong = wrong || regexp.MustCompile(regexp.QuoteMeta(name)+` *= *"`).MatchString(value)
		}
		if !wrong {
			return directives, true, true
		}
	}
	return naiveDirectives(strings.Join(h["Cache-Control"], ",")), false, true
}

// mustNotStore is the strict reading. The answer is why, or nothing.
func mustNotStore(r *Request, resp *Response, clientsCount bool) string {
	cc, targeted, ok := naiveControl(resp.Header)
	if !ok {
		return ""
	}
	has := func(name string) bool { return len(cc[name]) > 0 }
	bare := func(name string) bool { return slices.Contains(cc[name], "") }
	known := slices.Contains([]int{200, 201, 202, 203, 204, 300, 301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 406, 409, 410, 411, 413, 414, 415, 422, 500, 501, 502, 503, 504, 505}, resp.Status)
	byStatus := slices.Contains([]int{200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501}, resp.Status)
	_, authorization := r.Header["Authorization"]
	_, cookie := resp.Header["Set-Cookie"]
	_, expires := resp.Header["Expires"]
	wishes := strings.Join(r.Header["Cache-Control"], ",")
	spared := false // Set-Cookie isn't stored where a directive names it
	for _, argument := range slices.Concat(cc["no-cache"], cc["private"]) {
		spared = spared || strings.Contains(strings.ToLower(argument), "set-cookie")
	}
	switch {
	case r.Method != "GET" && r.Method != "QUERY":
		return "9111 3: method"
	case r.Method == "GET" && r.Content:
		return "9110 9.3.1: content of a GET"
	case r.Method == "QUERY" && r.ContentSum == [32]byte{}:
		return "10008 2.7: content isn't in the key"
	case resp.Status < 200 || resp.Status == 206 || resp.Status == 304:
		return "9111 3, 3.3: status"
	case slices.Contains([]int{428, 429, 431, 511}, resp.Status):
		return "6585: status"
	case has("must-understand") && !known:
		return "9111 5.2.2.3: must-understand"
	case has("no-store") && !(bare("must-understand") && known):
		return "9111 5.2.2.5: no-store"
	case clientsCount && plainWishes.MatchString(wishes) && len(naiveDirectives(wishes)["no-store"]) > 0:
		return "9111 5.2.1.5: request no-store"
	case bare("private"):
		return "9111 5.2.2.7: private"
	case authorization && !has("public") && !has("must-revalidate") && !has("s-maxage"):
		return "9111 3.5: Authorization"
	case cookie && !has("public") && !spared:
		return "Set-Cookie without leave"
	case !(has("public") || has("max-age") || has("s-maxage") || expires && !targeted || byStatus):
		return "9111 3: nothing allows it"
	}
	return ""
}

// judge checks one response against the strict reading, and what is stored of it.
func judge(t *testing.T, c *Config, r *Request, resp *Response) (stored bool) {
	t.Helper()
	got := c.Store(r, resp)
	if why := mustNotStore(r, resp, !c.IgnoreClients); why != "" && got.Store {
		t.Fatalf("stored against %s\n%s %v\n%d %v", why, r.Method, r.Header, resp.Status, resp.Header)
	}
	if got.Store == (got.Reason != ReasonNone) {
		t.Fatalf("store %v because of %v", got.Store, got.Reason)
	}
	if !got.Store {
		return false
	}
	for _, name := range []string{"Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade", "Proxy-Authenticate", "Te"} {
		if _, ok := got.Header[name]; ok {
			t.Fatalf("%s is stored", name)
		}
	}
	if !got.Policy.Matches(r) {
		t.Fatalf("the request that it was stored for doesn't match: %v, %v", r.Header, resp.Header)
	}
	cc, _, _ := naiveControl(resp.Header)
	for _, trouble := range []Trouble{Calm, Failed, Overloaded} {
		for _, after := range []time.Duration{0, time.Minute, 1 << 60} {
			v := got.Policy.Reuse(r, c, Moment{Now: resp.Received.Add(after), Trouble: trouble})
			if v.Age < 0 || v.TTL > longest || (v.TTL > 0) != (v.Use == UseFresh) && v.Use.Answers() {
				t.Fatalf("after %v: %+v", after, v)
			}
			if v.Use.Answers() && v.Use != UseFresh && (slices.Contains(cc["must-revalidate"], "") || slices.Contains(cc["proxy-revalidate"], "") || len(cc["s-maxage"]) > 0) {
				t.Fatalf("stale against the origin's word: %+v, %v", v, resp.Header)
			}
			if v.Use.Answers() && slices.Contains(cc["no-cache"], "") {
				t.Fatalf("used against no-cache: %+v, %v", v, resp.Header)
			}
		}
	}
	return true
}

// TestNeverStoresWhatIsForbidden plays random requests and responses.
func TestNeverStoresWhatIsForbidden(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	pick := func(from ...string) string { return from[rng.IntN(len(from))] }
	directives := func() string {
		var all []string
		for range rng.IntN(4) {
			all = append(all, pick("no-store", "NO-STORE", "no-cache", "private", "public", "must-revalidate", "proxy-revalidate",
				"must-understand", "max-age=60", "max-age=0", "max-age=x", "max-age=\"60\"", "s-maxage=10", "s-maxage=x", "immutable",
				"stale-while-revalidate=60", "stale-if-error=60", "stale-on-overload=60", "private=\"a\"", "no-cache=\"set-cookie\"",
				"x=\"no-store\"", "x=\"", "public=\"a\"", "no-store=1", "=", "max-age=60 private", "no-cache=set-cookie", "\"a, b\""))
		}
		return strings.Join(all, pick(",", ", ", " ,"))
	}
	count := map[bool]int{}
	for range 40_000 {
		c := Config{
			IgnoreClients: rng.IntN(4) == 0, DefaultTTL: time.Duration(rng.IntN(2)) * time.Second, LastKnownGood: time.Duration(rng.IntN(2)) * time.Hour,
			NegativeTTL: time.Second, NegativeStatuses: []int{404},
		}
		request, response := http.Header{}, http.Header{}
		set := func(h http.Header, one int, name, value string) {
			if rng.IntN(one) == 0 {
				h.Add(name, value)
			}
		}
		set(request, 8, "Authorization", "Basic x")
		set(request, 8, "Cache-Control", pick("no-store", "no-cache", "max-age=0"))
		set(response, 2, "Cache-Control", directives())
		set(response, 8, "Cache-Control", directives())
		set(response, 8, "Cdn-Cache-Control", directives())
		set(response, 8, "Levee-Cache-Control", directives())
		set(response, 4, "Etag", `"a"`)
		set(response, 4, "Last-Modified", "Fri, 02 Jan 2026 10:00:00 GMT")
		set(response, 4, "Expires", pick("0", "Fri, 02 Jan 2026 13:00:00 GMT", "Fri, 02 Jan 2026 10:00:00 GMT"))
		set(response, 8, "Set-Cookie", "a=b")
		set(response, 8, "Vary", pick("Accept", "*", "Cookie", "", ","))
		set(response, 8, "Age", pick("0", "30", "100", "x"))
		set(response, 8, "Connection", pick("close", "etag", "set-cookie"))
		r := Request{Method: pick("GET", "GET", "GET", "GET", "HEAD", "POST", "QUERY"), Header: request, Content: rng.IntN(8) == 0}
		if r.Method == "QUERY" && rng.IntN(2) == 0 {
			r.ContentSum = SumContent(request, nil)
		}
		c.Prepare(&r)
		statuses := []int{200, 200, 200, 201, 206, 299, 302, 304, 404, 429, 500, 503, 511, 101}
		resp := Response{Status: statuses[rng.IntN(len(statuses))], Header: response, Requested: t0, Received: t0}
		if _, ok := response["Connection"]; ok && response.Get("Connection") == "set-cookie" {
			response.Del("Set-Cookie") // it would not be stored
		}
		count[judge(t, &c, &r, &resp)]++
	}
	if count[true] < 2_000 || count[false] < 2_000 {
		t.Errorf("%d stored, %d not: the rule was hardly put to the test", count[true], count[false])
	}
	t.Logf("%d stored, %d not", count[true], count[false])
}

// FuzzStore holds any request and response against the strict reading.
func FuzzStore(f *testing.F) {
	f.Add("GET", 200, "Accept: x", "Cache-Control: max-age=60\nVary: Accept")
	f.Fuzz(func(t *testing.T, method string, status int, requestLines, responseLines string) {
		var c Config
		r := request(&c, method, requestLines)
		resp := response(status, responseLines)
		for _, line := range resp.Header["Connection"] {
			if strings.Contains(strings.ToLower(line), "set-cookie") {
				return // it would not be stored
			}
		}
		judge(t, &c, r, resp)
	})
}
