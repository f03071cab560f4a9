package config

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRetry(t *testing.T) {
	up := func(retry string) string {
		return "apiVersion: levee/v1\nroutes: [{upstream: one}]\nupstreams:\n- name: one\n  endpoints: [\"http://a\"]\n  retry: " + retry + "\n"
	}
	for _, test := range []struct{ name, text, want string }{
		{"all keys", up(`{attempts: 3, on: [connect-failure, 503, "504"], methods: [GET, PROPFIND], bodyLimit: 0, perTryTimeout: 1s, backoff: {base: 1ms, max: 1s}, budget: {percent: 20, minPerSecond: 0.5}, retryRetries: true, hedge: {after: p95}}`), ""},
		{"auto", up("{attempts: auto}"), ""},
		{"none", up("{attempts: 0}"), ""},
		{"too many", up("{attempts: 11}"), `6:21: must be auto or a whole number from 0 to 10, and "11" isn't [spelling]`},
		{"a fraction", up("{attempts: 1.5}"), `6:21: must be auto or a whole number from 0 to 10, and "1.5" isn't [spelling]`},
		{"on what isn't known", up("{on: [conect-failure]}"), `6:16: must be connect-failure, reset-before-headers, refused-stream, 429, 500, 502, 503 or 504, and "conect-failure" isn't; did you mean "connect-failure"? [enum]`},
		{"on a status that isn't retried", up("{on: [404]}"), `6:16: must be connect-failure, reset-before-headers, refused-stream, 429, 500, 502, 503 or 504, and "404" isn't; did you mean "504"? [enum]`},
		{"on the same twice", up("{on: [503, 503]}"), `6:21: "503" is listed twice; remove one of the two [conflict]`},
		{"a method twice", up("{methods: [GET, GET]}"), `6:26: "GET" is listed twice; remove one of the two [conflict]`},
		{"a method in small letters", up("{methods: [get]}"), `6:21: "get" has small letters, and methods are told apart by case; write GET [value]`},
		{"a method that isn't passed on", up("{methods: [TRACE]}"), `6:21: "TRACE" is never passed on, so there is nothing to retry; remove it [value]`},
		{"no method", up("{methods: [\"GET POST\"]}"), `6:21: must be a method, like GET, and "GET POST" isn't [format]`},
		{"backoff the wrong way round", up("{backoff: {base: 2s, max: 1s}}"), `6:27: base is 2s and max is 1s; base can't be above max [conflict]`},
		{"a base above the default max", up("{backoff: {base: 2s}}"), `6:27: base is 2s and max is 250ms; base can't be above max [conflict]`},
		{"more than all", up("{budget: {percent: 101}}"), `6:29: must be from 0 to 100, and "101" isn't [range]`},
		{"hedge at once", up("{hedge: {after: 0ms}}"), `6:26: "0ms" would send everything twice; write off for none, p95, or a duration above 0 [value]`},
		{"hedge after something else", up("{hedge: {after: p99}}"), `6:26: must be off, p95 or a duration like 50ms, and "p99" isn't [format]`},
		{"hedge after too long", up("{hedge: {after: 25h}}"), `6:26: "25h" is longer than an hour; write off for none [value]`},
	} {
		t.Run(test.name, func(t *testing.T) { wantProblems(t, test.text, test.want) })
	}
}

func TestRetryAttempts(t *testing.T) {
	for _, test := range []struct {
		attempts  string
		endpoints string
		want      int
	}{
		{"auto", "http://127.0.0.1:8080", 0},
		{"auto", "http://127.0.0.1:8080 http://[::1]:8080 http://localhost unix:/run/app.sock", 0},
		{"auto", "unix+h2c:/run/app.sock", 0},
		{"auto", "https://api.example.com", 2},
		{"auto", "http://[2001:db8::7]:80", 2},
		{"auto", "http://127.0.0.1:8080 http://10.0.0.7:8080", 2},
		{"0", "https://api.example.com", 0},
		{"10", "unix:/run/app.sock", 10},
	} {
		u := &Upstream{Endpoints: strings.Fields(test.endpoints), Retry: Retry{Attempts: test.attempts}}
		if got := u.RetryAttempts(); got != test.want {
			t.Errorf("%s of %s: %d, want %d", test.attempts, test.endpoints, got, test.want)
		}
	}
}

func TestRetryDefaults(t *testing.T) {
	cfg, err := Parse("levee.yaml", []byte("apiVersion: levee/v1\nroutes: [{upstream: one}]\nupstreams: [{name: one, endpoints: [\"http://a\"]}]\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &cfg.Upstreams[0].Retry
	if got := cfg.Upstreams[0].RetryAttempts(); got != 2 {
		t.Errorf("%d attempts, want 2", got)
	}
	if c := r.Conditions(); slices.Contains(c, "429") || slices.Contains(c, "500") || len(c) != 6 {
		t.Errorf("retries follow %v", c)
	}
	if m := r.SafeMethods(); slices.Contains(m, "POST") || slices.Contains(m, "PATCH") || len(m) != 6 {
		t.Errorf("methods %v", m)
	}
	if r.Budget != (RetryBudget{Percent: 10, MinPerSecond: 1}) || r.Backoff.Base.D() != 25*time.Millisecond || r.BodyLimit != 64<<10 {
		t.Errorf("defaults are %+v", r)
	}
	if _, _, on := r.Hedge.Delay(); on {
		t.Error("there are hedges by default")
	}
}

func TestHedgeDelay(t *testing.T) {
	for after, want := range map[string]struct {
		d       time.Duration
		p95, on bool
	}{"off": {}, "p95": {0, true, true}, "1.5s": {1500 * time.Millisecond, false, true}} {
		d, p95, on := (&Hedge{After: after}).Delay()
		if d != want.d || p95 != want.p95 || on != want.on {
			t.Errorf("%s: %v, %v, %v", after, d, p95, on)
		}
	}
}

func TestHedgeWarning(t *testing.T) {
	for endpoints, warns := range map[string]bool{
		`["http://10.0.0.7"]`: true, `["unix:/run/app.sock"]`: true, `["http://localhost:8080"]`: true,
		`["http://app"]`: false, `["http://10.0.0.7", "http://10.0.0.8"]`: false,
	} {
		cfg, err := Parse("levee.yaml", []byte("apiVersion: levee/v1\nroutes: [{upstream: one}]\nupstreams: [{name: one, endpoints: "+endpoints+", retry: {hedge: {after: 50ms}}}]\n"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(cfg.Warnings()) > 0; got != warns {
			t.Errorf("%s: warns: %v", endpoints, got)
		}
	}
}
