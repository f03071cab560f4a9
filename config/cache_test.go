package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCache(t *testing.T) {
	const head = "apiVersion: levee/v1\nupstreams: [{name: a, endpoints: [\"http://127.0.0.1:1\"]}]\n"
	route := func(more string) string { return "routes: [{upstream: a, " + more + "}]\n" }
	for _, c := range []struct{ name, text, problem, warning string }{
		{"off", route("cache: {mode: off}"), "", ""},
		{"on", route("cache: {mode: on, defaultTTL: 5s, negative: {statuses: [404, 410], ttl: 2s}, key: {headers: [X-Tenant], cookies: [lang], ignoreQuery: [utm_*]}, requestHeaders: [X-Api-Key]}"), "", ""},
		{"not on", route("cache: {defaultTTL: 5s}"), "", "write mode: on"},
		{"lets all through", route("cache: {mode: on, unlistedHeaders: pass}"), "", "can choose"},
		{"too large an answer", route("cache: {mode: on, objectBytes: 2MiB}"), "is more than the cache's own objectBytes (1MiB)", ""},
		{"too large an answer for the cache", route("cache: {mode: on}") + "cache: {bytes: 2MiB}", "more than a quarter of cache.bytes (2MiB)", ""},
		{"a status that isn't negative", route("cache: {mode: on, negative: {statuses: [200]}}"), `"200" isn't`, ""},
		{"a status twice", route("cache: {mode: on, negative: {statuses: [404, 404]}}"), "is listed twice", ""},
		{"a field in key and list", route("cache: {mode: on, key: {headers: [X-A]}, requestHeaders: [x-a]}"), "is in key.headers too", ""},
		{"a star in the middle", route("cache: {mode: on, key: {ignoreQuery: [\"a*b\"]}}"), "and a star", ""},
		{"a snapshot for nobody", route("cache: {mode: off}") + "cache: {snapshot: {file: /x}}", "", "has no effect: no route has cache"},
		{"one file for two things", route("cache: {mode: on}") + "cache: {snapshot: {file: /x}}\nstate: {file: /x}", "is state.file already", ""},
		{"a fallback", route("fallback: {status: 200, headers: [{name: content-type, value: application/json}], body: '{}'}"), "", ""},
		{"a fallback's body where none can be", route("fallback: {status: 204, body: x}"), "has no body", ""},
		{"a fallback with a field of Levee's", route("fallback: {headers: [{name: cache-status, value: x}]}"), "is written by Levee itself", ""},
		{"a fallback with a broken value", route("fallback: {headers: [{name: x, value: \"a\\nb\"}]}"), "a header field's value", ""},
		{"a fallback for a method twice", route("fallback: {methods: [GET, GET]}"), "is listed twice", ""},
	} {
		cfg, err := Parse("levee.yaml", []byte(head+c.text+"\n"), nil)
		if c.problem != "" {
			if err == nil || !strings.Contains(err.Error(), c.problem) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		warns := slices.ContainsFunc(cfg.Warnings(), func(p Problem) bool { return strings.Contains(p.String(), c.warning) })
		if warns != (len(cfg.Warnings()) > 0) || (c.warning != "") != warns {
			t.Errorf("%s: warnings %v", c.name, cfg.Warnings())
		}
	}
}

// TestEgress: beside a caller, caching is the default; what is written wins.
func TestEgress(t *testing.T) {
	cfg, err := FromFlags(Overrides{Upstream: "http://127.0.0.1:8080", Mode: ModeEgress})
	if err != nil {
		t.Fatal(err)
	}
	if c := cfg.Routes[0].Cache; !c.On() || c.StaleIfError.D() != 10*time.Minute || c.StaleOnOverload.D() != 10*time.Minute || !cfg.Caches() {
		t.Errorf("%+v", c)
	}
	file := strings.Replace(minimal, "upstream: features", "upstream: features\n  cache: {mode: off, staleIfError: 5s}", 1)
	if !strings.Contains(file, "staleIfError") {
		t.Fatalf("no route in %s", file)
	}
	cfg, err = ParseWith("levee.yaml", []byte(file), Overrides{Mode: ModeEgress}, nil)
	if err != nil || cfg.Caches() || cfg.Routes[0].Cache.StaleIfError.D() != 5*time.Second {
		t.Errorf("%+v, %v", cfg, err)
	}
	if cfg, err = FromFlags(Overrides{Upstream: "http://127.0.0.1:8080", Mode: ModeIngress}); err != nil || cfg.Caches() {
		t.Errorf("ingress: %v, %v", cfg, err)
	}
	_, err = FromFlags(Overrides{Upstream: "http://127.0.0.1:8080", Mode: "egres"})
	if got, want := lines(err), `--mode: must be ingress or egress, and "egres" isn't; did you mean "egress"? [enum]`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestFallbackMethods(t *testing.T) {
	standard, own := Fallback{}, Fallback{Methods: []string{"POST"}}
	if !standard.Serves("GET") || !standard.Serves("HEAD") || standard.Serves("POST") || own.Serves("GET") || !own.Serves("POST") {
		t.Error("a fallback serves other methods than it should")
	}
}
