package cache

import (
	"slices"
	"testing"
)

// TestRFC9111Invalidates walks §4.4 and RFC 9875 §3.
func TestRFC9111Invalidates(t *testing.T) {
	const self = "http://example.com/a?b=c"
	for _, test := range []struct {
		name     string
		method   string
		status   int
		response string
		urls     []string
		groups   []string
	}{
		{"4.4 POST", "POST", 200, "", []string{self}, nil},
		{"4.4 PUT", "PUT", 204, "", []string{self}, nil},
		{"4.4 DELETE", "DELETE", 200, "", []string{self}, nil},
		{"4.4 a method that isn't known", "M-SEARCH", 200, "", []string{self}, nil},
		{"4.4 a redirect is no error", "POST", 303, "", []string{self}, nil},
		{"4.4 an error", "POST", 500, "Location: /x", nil, nil},
		{"4.4 a refusal", "POST", 403, "Cache-Group-Invalidation: \"g\"", nil, nil},
		{"4.4 GET", "GET", 200, "Location: /x", nil, nil},
		{"4.4 OPTIONS", "OPTIONS", 200, "", nil, nil},
		{"RFC 10008 2: QUERY is safe", "QUERY", 200, "Location: /x", nil, nil},
		{"4.4 Location", "POST", 201, "Location: /x?y", []string{self, "http://example.com/x?y"}, nil},
		{"4.4 Location, relative", "POST", 201, "Location: x", []string{self, "http://example.com/x"}, nil},
		{"4.4 Location, absolute", "POST", 201, "Location: http://example.com/x", []string{self, "http://example.com/x"}, nil},
		{"4.4 Location, with its port", "POST", 201, "Location: http://EXAMPLE.com:80/x", []string{self, "http://example.com/x"}, nil},
		{"4.4 Location, escaped", "POST", 201, "Location: /x%2Fy", []string{self, "http://example.com/x%2Fy"}, nil},
		{"4.4 Location of another host", "POST", 201, "Location: http://example.org/x", []string{self}, nil},
		{"4.4 Location of another host, without scheme", "POST", 201, "Location: //example.org/x", []string{self}, nil},
		{"4.4 Location of another scheme", "POST", 201, "Location: https://example.com/x", []string{self}, nil},
		{"4.4 Location of another port", "POST", 201, "Location: http://example.com:81/x", []string{self}, nil},
		{"4.4 Location that is none", "POST", 201, "Location: http://[/x", []string{self}, nil},
		{"4.4 Content-Location", "POST", 200, "Content-Location: /x", []string{self, "http://example.com/x"}, nil},
		{"4.4 both", "POST", 200, "Location: /x\nContent-Location: /y", []string{self, "http://example.com/x", "http://example.com/y"}, nil},
		{"4.4 itself", "POST", 200, "Content-Location: /a?b=c", []string{self}, nil},
		{"9875 3 groups", "POST", 200, "Cache-Group-Invalidation: \"a\", \"b\";x=1", []string{self}, []string{"a", "b"}},
		{"9875 3 not after a safe method", "GET", 200, "Cache-Group-Invalidation: \"a\"", nil, nil},
		{"9875 3 invalid", "POST", 200, "Cache-Group-Invalidation: a", []string{self}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var c Config
			got := c.Invalidates(request(&c, test.method, ""), response(test.status, test.response))
			if !slices.Equal(got.URLs, test.urls) || !slices.Equal(got.Groups, test.groups) {
				t.Errorf("%+v; want %v, %v", got, test.urls, test.groups)
			}
			if len(test.urls) > 0 && got.Origin != "http://example.com:80" {
				t.Errorf("origin %s", got.Origin)
			}
		})
	}
}

// TestInvalidatesDropsParameters: URLs are spelled as the store knows them.
func TestInvalidatesDropsParameters(t *testing.T) {
	c := Config{DropQuery: []string{"utm_*"}}
	r := request(&c, "POST", "")
	r.Target = "/a?utm_x=1&b=c"
	got := c.Invalidates(r, response(200, "Location: /d?e=f&utm_y=2"))
	if want := []string{"http://example.com/a?b=c", "http://example.com/d?e=f"}; !slices.Equal(got.URLs, want) {
		t.Errorf("%v; want %v", got.URLs, want)
	}
}

// TestRFC9110Origin walks RFC 9110 §4.2.3 and §4.3.1.
func TestRFC9110Origin(t *testing.T) {
	for _, test := range []struct {
		scheme, host, want string
	}{
		{"http", "example.com", "http://example.com:80"},
		{"HTTPS", "EXAMPLE.com", "https://example.com:443"},
		{"http", "example.com:", "http://example.com:80"},
		{"http", "example.com:8080", "http://example.com:8080"},
		{"http", "[::1]", "http://[::1]:80"},
		{"http", "[::1]:8080", "http://[::1]:8080"},
	} {
		if got := (&Request{Scheme: test.scheme, Host: test.host}).Origin(); got != test.want {
			t.Errorf("%s, %s: %s; want %s", test.scheme, test.host, got, test.want)
		}
	}
}

// TestRFC9875Groups walks RFC 9875 §2.
func TestRFC9875Groups(t *testing.T) {
	var many, long string
	for i := range 32 {
		if i > 0 {
			many += ", "
		}
		many += `"group-of-thirty-two-characters-` + string(rune('a'+i%26)) + string(rune('a'+i/26)) + `"`
	}
	for range 300 {
		long += "x"
	}
	for _, test := range []struct {
		name, header string
		want         int
	}{
		{"2 one", `Cache-Groups: "scripts"`, 1},
		{"2 two lines", "Cache-Groups: \"a\"\nCache-Groups: \"b\"", 2},
		{"2 letters have a case", `Cache-Groups: "a", "A"`, 2},
		{"2 twice the same", `Cache-Groups: "a", "a"`, 1},
		{"2 parameters", `Cache-Groups: "a";x=1`, 1},
		{"2 32 of 32 characters", "Cache-Groups: " + many, 32},
		{"2 a token is none", "Cache-Groups: a", 0},
		{"2 a number is none", `Cache-Groups: "a", 1`, 0},
		{"2 an inner list is none", `Cache-Groups: ("a")`, 0},
		{"2 not a list", `Cache-Groups: "a`, 0},
		{"2 more than 64, be they the same", "Cache-Groups: " + many + ", " + many + `, "z"`, 0},
		{"2 too long", `Cache-Groups: "` + long + `"`, 0},
		{"2 none", "", 0},
	} {
		p, _ := stored(t, &Config{}, "", "Cache-Control: max-age=60\n"+test.header)
		if got := p.Groups(); len(got) != test.want {
			t.Errorf("%s: %q; want %d", test.name, got, test.want)
		}
	}
}
