package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/levee-proxy/levee/internal/telemetry"
)

// do asks h, as localhost unless edit changes that.
func do(t testing.TB, h http.Handler, method, target string, edit func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	r.Host = "localhost:4481"
	if edit != nil {
		edit(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func accept(types string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Accept", types) }
}

const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

func TestHandlerRepresentations(t *testing.T) {
	o, _, _ := newOptions(t)
	h := Handler(o)
	for _, tt := range []struct {
		target, accept, contentType, body string
	}{
		{"/", "*/*", "text/plain; charset=utf-8", "POST  /reload"},
		{"/", browser, "text/html; charset=utf-8", `<a href="/upstreams">`},
		{"/status", "", "text/plain; charset=utf-8", "levee 1.2.3: All is well.\n"},
		{"/status", "*/*", "text/plain; charset=utf-8", "levee 1.2.3: All is well.\n"},
		{"/status", browser, "text/html; charset=utf-8", `<p class="summary good">All is well.</p>`},
		{"/status", browser, "text/html; charset=utf-8", `<td class="n" data-label="Limit"><b>20</b></td>`},
		{"/status?format=json", "", "application/json", `"baselineSeconds": 0.012`},
		{"/upstreams", "", "text/plain; charset=utf-8", "without queueing: other 40.0 ms, /v1 12.0 ms"},
		{"/status", "application/json", "application/json", `"summary": "All is well."`},
		{"/status?format=json", browser, "application/json", `"problems": []`},
		{"/status?format=text", browser, "text/plain; charset=utf-8", "All is well."},
		{"/status?format=html", "", "text/html; charset=utf-8", "All is well."},
		{"/upstreams", browser, "text/plain; charset=utf-8", "10.0.0.7:8080  ready"},
		{"/upstreams", "application/json", "application/json", `"address": "10.0.0.7:8080"`},
		{"/config", browser, "text/plain; charset=utf-8", "\n# hash: 0123456789abcdef\n# Secrets are not shown.\napiVersion: levee/v1\n"},
		{"/debug/pprof/", browser, "text/html; charset=utf-8", "goroutine"},
		{"/debug/pprof/goroutine?debug=1", "", "text/plain; charset=utf-8", "goroutine profile"},
		{"/debug/pprof/cmdline", "", "text/plain; charset=utf-8", "admin.test"},
	} {
		w := do(t, h, "GET", tt.target, accept(tt.accept))
		if w.Code != 200 || w.Header().Get("Content-Type") != tt.contentType || !strings.Contains(w.Body.String(), tt.body) {
			t.Errorf("GET %s (%s): %d %s, %q not found in\n%s", tt.target, tt.accept, w.Code, w.Header().Get("Content-Type"), tt.body, w.Body)
		}
	}
}

// A status is the same after JSON.
func TestStatusAsJSON(t *testing.T) {
	want := sickStatus()
	encoded, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got := new(Status)
	if err := json.Unmarshal(encoded, got); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if string(encoded) != string(again) {
		t.Errorf("got\n%s\nwant\n%s", again, encoded)
	}
	for _, name := range []string{`"summary"`, `"problems"`, `"severity":"critical"`, `"what"`, `"do"`, `"since"`, `"proxy"`, `"upstreams"`, `"telemetry"`, `"config"`, `"hash"`} {
		if !strings.Contains(string(encoded), name) {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestConfigThatCannotBeShown(t *testing.T) {
	o, _, c := newOptions(t)
	c.info.Hash = ""
	if w := do(t, Handler(o), "GET", "/config", nil); w.Code != 500 || !strings.Contains(w.Body.String(), "no configuration") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestReload(t *testing.T) {
	o, _, c := newOptions(t)
	h := Handler(o)
	if w := do(t, h, "POST", "/reload", nil); w.Code != 200 || !strings.Contains(w.Body.String(), c.info.Hash) || c.reloads != 1 {
		t.Errorf("%d %s (%d reloads)", w.Code, w.Body, c.reloads)
	}
	c.refuse = errors.New("levee.yaml:1:1: one mistake\nlevee.yaml:2:1: another")
	if w := do(t, h, "POST", "/reload", nil); w.Code != 422 || w.Body.String() != c.refuse.Error()+"\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestDrain(t *testing.T) {
	o, _, _ := newOptions(t)
	drained := 0
	o.Drain = func() { drained++ }
	if w := do(t, Handler(o), "POST", "/drain", nil); w.Code != 202 || drained != 1 {
		t.Errorf("%d, %d drains", w.Code, drained)
	}
}

func TestForgetKey(t *testing.T) {
	o, _, _ := newOptions(t)
	var log strings.Builder
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	if w := do(t, Handler(o), "POST", "/forgetkey?reference=ab", nil); w.Code != 404 {
		t.Errorf("without a store: %d", w.Code)
	}
	o.ForgetKey = func(_ context.Context, reference string) error {
		if reference != "ab" {
			return errors.New("no such key is in doubt")
		}
		return nil
	}
	h := Handler(o)
	if w := do(t, h, "POST", "/forgetkey?reference=ab", nil); w.Code != 200 || !strings.Contains(log.String(), "reference=ab") {
		t.Errorf("%d %s; log: %s", w.Code, w.Body, &log)
	}
	if w := do(t, h, "POST", "/forgetkey", nil); w.Code != 409 || !strings.Contains(w.Body.String(), "no such key") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestLogLevelAndAccessLog(t *testing.T) {
	o, _, _ := newOptions(t)
	o.Level = new(slog.LevelVar)
	o.Access = telemetry.NewAccessLog(io.Discard, telemetry.FormatJSON, telemetry.ModeAll)
	t.Cleanup(func() { o.Access.Close(0) })
	var log strings.Builder
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	h := Handler(o)
	for _, tt := range []struct {
		method, target string
		status         int
		body           string
	}{
		{"GET", "/loglevel", 200, "info\n"},
		{"POST", "/loglevel?level=debug", 200, "debug\n"},
		{"GET", "/loglevel", 200, "debug\n"},
		{"POST", "/loglevel?level=loud", 400, "Say /loglevel?level=debug, info, warn or error.\n"},
		{"POST", "/loglevel", 400, "Say /loglevel?level=debug, info, warn or error.\n"},
		{"GET", "/loglevel", 200, "debug\n"},
		{"GET", "/accesslog", 200, "all\n"},
		{"POST", "/accesslog?mode=none", 200, "none\n"},
		{"GET", "/accesslog", 200, "none\n"},
		{"POST", "/accesslog?mode=some", 400, "Say /accesslog?mode=all, errors or none.\n"},
	} {
		w := do(t, h, tt.method, tt.target, nil)
		if w.Code != tt.status || w.Body.String() != tt.body {
			t.Errorf("%s %s: %d %q, want %d %q", tt.method, tt.target, w.Code, w.Body, tt.status, tt.body)
		}
	}
	if o.Level.Level() != slog.LevelDebug || o.Access.Mode() != telemetry.ModeNone {
		t.Errorf("level %v, mode %v", o.Level.Level(), o.Access.Mode())
	}
	for _, want := range []string{`msg="log level changed on request" to=debug from=192.0.2.1:1234`, `msg="access log changed on request" to=none`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, log.String())
		}
	}
	o.Level.Set(slog.LevelWarn + 1)
	if w := do(t, h, "GET", "/loglevel", nil); w.Body.String() != "warn+1\n" {
		t.Errorf("a level of one's own is %q", w.Body)
	}
}

// Nothing changes by a GET, nor by anything that isn't there.
func TestHandlerMethods(t *testing.T) {
	o, _, c := newOptions(t)
	o.Drain = func() { t.Error("drained") }
	o.Level = new(slog.LevelVar)
	h := Handler(o)
	for _, tt := range []struct {
		method, target string
		status         int
		allow          string
	}{
		{"GET", "/reload", 405, "POST"},
		{"GET", "/drain", 405, "POST"},
		{"HEAD", "/drain", 405, "POST"},
		{"PUT", "/loglevel?level=debug", 405, "GET, HEAD, POST"},
		{"POST", "/status", 405, "GET, HEAD"},
		{"DELETE", "/config", 405, "GET, HEAD"},
		{"GET", "/nothing", 404, ""},
		{"POST", "/accesslog?mode=none", 404, ""}, // no access log
		{"HEAD", "/status", 200, ""},
	} {
		w := do(t, h, tt.method, tt.target, nil)
		if w.Code != tt.status || w.Header().Get("Allow") != tt.allow {
			t.Errorf("%s %s: %d, Allow %q; want %d, %q", tt.method, tt.target, w.Code, w.Header().Get("Allow"), tt.status, tt.allow)
		}
	}
	if c.reloads != 0 {
		t.Errorf("%d reloads", c.reloads)
	}
}

// No web page may use the browser of somebody who can reach the admin port:
// neither by a form of its own (cross-site request forgery) nor under its own
// name (DNS rebinding).
func TestGuard(t *testing.T) {
	o, _, c := newOptions(t)
	h := Handler(o)
	unix := func(r *http.Request) {
		r.Host = ""
		*r = *r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.UnixAddr{Name: "/run/levee.sock", Net: "unix"}))
	}
	header := func(kv ...string) func(*http.Request) {
		return func(r *http.Request) {
			for i := 0; i < len(kv); i += 2 {
				r.Header.Set(kv[i], kv[i+1])
			}
		}
	}
	host := func(h string) func(*http.Request) { return func(r *http.Request) { r.Host = h } }
	for _, tt := range []struct {
		name   string
		method string
		edit   func(*http.Request)
		want   int
	}{
		{"curl", "POST", nil, 200},
		{"its own page", "POST", header("Sec-Fetch-Site", "same-origin"), 200},
		{"another page", "POST", header("Sec-Fetch-Site", "cross-site"), 403},
		{"another page on the same machine", "POST", header("Sec-Fetch-Site", "same-site"), 403},
		{"an older browser", "POST", header("Origin", "https://evil.example"), 403},
		{"an older browser's own page", "POST", header("Origin", "http://localhost:4481"), 200},
		{"a sandboxed frame", "POST", header("Origin", "null"), 403},
		{"localhost", "POST", host("localhost"), 200},
		{"LocalHost", "POST", host("LocalHost:4481"), 200},
		{"IPv4", "POST", host("127.0.0.1:4481"), 200},
		{"IPv6", "POST", host("[::1]:4481"), 200},
		{"IPv6 without a port", "POST", host("[::1]"), 200},
		{"a pod's address", "POST", host("10.1.2.3"), 200},
		{"rebound name", "POST", host("evil.example:4481"), 403},
		{"rebound name that looks local", "POST", host("localhost.evil.example"), 403},
		{"rebound name of digits", "POST", host("127.0.0.1.evil.example"), 403},
		{"half a bracket", "POST", host("[::1"), 403},
		{"no host", "POST", host(""), 403},
		{"unix socket", "POST", unix, 200},
		{"reading under a rebound name", "GET", host("evil.example:4481"), 403},
	} {
		before := c.reloads
		target := "/reload"
		if tt.method == "GET" {
			target = "/config"
		}
		w := do(t, h, tt.method, target, tt.edit)
		if w.Code != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, w.Code, tt.want)
		}
		if tt.want == 403 && (c.reloads != before || !strings.HasPrefix(w.Body.String(), "Refused: ")) {
			t.Errorf("%s: %d reloads, says %q", tt.name, c.reloads-before, w.Body)
		}
	}
}

// Pages carry their style and nothing else, and a browser is told so.
func TestPageIsSelfContained(t *testing.T) {
	o, p, _ := newOptions(t)
	p.status = sickStatus().Proxy
	e := &p.status.Upstreams[0].Endpoints[0]
	e.Reason = `<script>alert("from an upstream")</script>`
	e.Admission.Baselines[0].Class = e.Reason
	for _, target := range []string{"/", "/status"} {
		w := do(t, Handler(o), "GET", target, accept(browser))
		body := w.Body.String()
		if !strings.Contains(body, "<style>"+pageCSS+"</style>") {
			t.Errorf("%s: the style isn't there to the byte: its hash won't fit", target)
		}
		for _, foreign := range []string{"<script", "http://", "https://", "@import", "url("} {
			if strings.Contains(body, foreign) {
				t.Errorf("%s: %s in the page", target, foreign)
			}
		}
		csp := w.Header().Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: Content-Security-Policy: %s", target, csp)
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s: %q, want %q", target, name, got, want)
			}
		}
	}
}
