package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestPurgeIsClear: what isn't clear never reaches a running Levee, and no
// variable can make it so.
func TestPurgeIsClear(t *testing.T) {
	asked := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		asked = r.Method + " " + r.Form.Encode()
		switch {
		case r.Form.Get("route") == "x":
			http.Error(w, "Nothing was purged: no route has the name \"x\"", http.StatusNotFound)
		case r.Form.Get("url") == "bad":
			http.Error(w, "Nothing was purged: bad", http.StatusBadRequest)
		default:
			_, _ = w.Write([]byte(`{"answers": 3, "soft": false}`))
		}
	}))
	defer server.Close()
	t.Setenv("LEVEE_ADMIN", strings.TrimPrefix(server.URL, "http://"))
	t.Setenv("LEVEE_ALL", "true")
	t.Setenv("LEVEE_UPSTREAM", "http://127.0.0.1:8080")
	t.Setenv("LEVEE_SOFT", "true")
	for _, test := range []struct {
		arguments string
		code      int
		says      string
		asked     string
	}{
		{"http://a/", 0, "3 answers purged.\n", "POST format=json&url=http%3A%2F%2Fa%2F"},
		{"--soft --prefix http://a/", 0, "3 answers purged.\n", "POST format=json&prefix=http%3A%2F%2Fa%2F&soft=true"},
		{"--group g --origin http://a", 0, "3 answers purged.\n", "POST format=json&group=g&origin=http%3A%2F%2Fa"},
		{"--upstream u", 0, "3 answers purged.\n", "POST format=json&upstream=u"},
		{"--all --json", 0, "{\"answers\":3,\"soft\":false}\n", "POST all=true&format=json"},
		{"", 2, "--all for everything", ""},
		{"--soft", 2, "--all for everything", ""},
		{"--all=false", 2, "--all for everything", ""},
		{"--all http://a/", 2, "one thing is purged at a time", ""},
		{"--route a --prefix b", 2, "one thing is purged at a time", ""},
		{"--group g", 2, "--group and --origin go together", ""},
		{"--all --origin http://a", 2, "--group and --origin go together", ""},
		{"--route=", 2, "--route is empty", ""},
		{"a b", 2, "levee purge --help", ""},
		{"--route x", 1, `no route has the name "x"`, "POST format=json&route=x"},
		{"bad", 2, "Nothing was purged: bad", "POST format=json&url=bad"},
		{"--all --admin off", 2, "off", ""},
		{"--all --admin 127.0.0.1:1", 1, "LEVEE_ADMIN", ""},
	} {
		asked = ""
		code, stdout, stderr := levee(append([]string{"purge"}, strings.Fields(test.arguments)...)...)
		if code != test.code || asked != test.asked || !strings.Contains(stdout+stderr, test.says) || (stderr == "") != (code == 0) {
			t.Errorf("%s: %d %q %q, asked %q", test.arguments, code, stdout, stderr, asked)
		}
	}
}
