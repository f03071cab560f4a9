package proxy

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counting is an upstream that answers 200 and counts, and remembers the last request.
type counting struct {
	n    atomic.Int64
	last atomic.Pointer[http.Request]
	url  string
}

func newCounting(t *testing.T) *counting {
	c := &counting{}
	c.url = service(t, func(w http.ResponseWriter, r *http.Request) {
		c.n.Add(1)
		c.last.Store(r)
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			panic(http.ErrAbortHandler)
		}
		io.WriteString(w, "ok")
	}).URL
	return c
}

// TestInputRefused sends what a handler or net/http's parser refuses: the
// status is as documented and not a byte goes upstream.
func TestInputRefused(t *testing.T) {
	many := strings.Repeat("X-A: b\r\n", 101)
	long := "X-Long: " + strings.Repeat("a", 33<<10) + "\r\n"
	for name, tc := range map[string]struct {
		request string
		status  int
		ours    bool // answered by a handler, with Proxy-Status
	}{
		"two different lengths":         {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, false},
		"length +5":                     {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\nabcde", 400, false},
		"length 0x5":                    {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x5\r\n\r\nabcde", 400, false},
		"empty length":                  {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \r\n\r\n", 400, false},
		"TE twice":                      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501, false},
		"TE unknown":                    {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501, false},
		"NUL in a field":                {"GET / HTTP/1.1\r\nHost: h\r\nX: a\x00b\r\n\r\n", 400, false},
		"bare CR in a field":            {"GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n", 400, false},
		"bare CR at a line's end":       {"GET / HTTP/1.1\r\nHost: h\rX: a\r\n\r\n", 400, false},
		"space before the colon":        {"GET / HTTP/1.1\r\nHost: h\r\nX : a\r\n\r\n", 400, false},
		"bad method":                    {"GE(T / HTTP/1.1\r\nHost: h\r\n\r\n", 400, false},
		"bad target":                    {"GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n", 400, false},
		"Host missing":                  {"GET / HTTP/1.1\r\n\r\n", 400, false},
		"Host twice":                    {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, false},
		"Host with userinfo":            {"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400, false},
		"absolute target with userinfo": {"GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n", 400, true},
		"absolute target without host":  {"GET http:/x HTTP/1.1\r\nHost: b\r\n\r\n", 400, true},
		"target without a slash":        {"GET x: HTTP/1.1\r\nHost: b\r\n\r\n", 400, true},
		"CONNECT":                       {"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", 405, true},
		"TRACE":                         {"TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", 405, true},
		"over 32 KiB of header":         {"GET / HTTP/1.1\r\nHost: h\r\n" + long + "\r\n", 431, false},
		"over 100 fields":               {"GET / HTTP/1.1\r\nHost: h\r\n" + many + "\r\n", 431, true},
	} {
		t.Run(name, func(t *testing.T) {
			up := newCounting(t)
			p := start(t, simple, up.url, Options{})
			c := dialRaw(t, p)
			c.send(tc.request)
			resp, _ := c.answer("GET")
			if onLean() && !tc.ours { // and says who refused it
				wantAnswer(t, resp, strict(tc.status), errRequest)
			} else if tc.ours {
				wantAnswer(t, resp, tc.status, errRequest)
			} else if resp.StatusCode != tc.status {
				t.Fatalf("answered %d, want %d", resp.StatusCode, tc.status)
			}
			if !tc.ours {
				c.closed() // framing is in doubt
			}
			if n := up.n.Load(); n != 0 {
				t.Errorf("%d requests reached the upstream", n)
			}
		})
	}
}

// strict is the status of the lean engine where net/http's parser has another.
func strict(status int) int {
	if status == http.StatusNotImplemented { // a coding that isn't known may hide where the body ends
		return http.StatusBadRequest
	}
	return status
}

// TestInputAbsoluteForm: the authority of an absolute target is the Host, and
// never decides where the request goes.
func TestInputAbsoluteForm(t *testing.T) {
	up := newCounting(t)
	p := start(t, simple, up.url, Options{})
	c := dialRaw(t, p)
	c.send("GET http://elsewhere.example/x HTTP/1.1\r\nHost: other.example\r\n\r\n")
	if resp, _ := c.answer("GET"); resp.StatusCode != 200 {
		t.Fatalf("answered %d", resp.StatusCode)
	}
	if r := up.last.Load(); r.Host != "elsewhere.example" || r.RequestURI != "/x" {
		t.Errorf("the upstream got %s with Host %s", r.RequestURI, r.Host)
	}
}

// TestInputConnectionNames: a client can take out by Connection what it sent
// itself, never what the proxy adds.
func TestInputConnectionNames(t *testing.T) {
	up := newCounting(t)
	p := start(t, simple, up.url, Options{})
	c := dialRaw(t, p)
	c.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close, X-Forwarded-For, X-Request-Id, Via, Forwarded, X-Own\r\nX-Own: gone\r\nKeep-Alive: 1\r\nProxy-Connection: x\r\nProxy-Authorization: y\r\nTE: gzip\r\n\r\n")
	c.answer("GET")
	h := up.last.Load().Header
	for _, name := range []string{"X-Forwarded-For", "X-Request-Id", "Via", "Forwarded"} {
		if h.Get(name) == "" {
			t.Errorf("%s was stripped", name)
		}
	}
	for _, name := range []string{"X-Own", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Te", "Connection"} {
		if h.Get(name) != "" {
			t.Errorf("%s was passed on: %q", name, h.Get(name))
		}
	}
}

// TestInputUnderscoredTwins: a service that turns dashes and underscores into
// the same variable must not be fooled.
func TestInputUnderscoredTwins(t *testing.T) {
	up := newCounting(t)
	p := start(t, simple, up.url, Options{})
	c := dialRaw(t, p)
	c.send("GET / HTTP/1.1\r\nHost: h\r\nX_Forwarded_For: 6.6.6.6\r\nx_forwarded-proto: https\r\nX_Request_ID: evil\r\nX_Envoy_Expected_Rq_Timeout_Ms: 1\r\nX_Harmless: kept\r\n\r\n")
	c.answer("GET")
	h := up.last.Load().Header
	for name := range h {
		if strings.Contains(name, "_") && name != "X_harmless" {
			t.Errorf("%s was passed on", name)
		}
	}
	if h.Get("X_harmless") != "kept" {
		t.Error("X_Harmless was dropped")
	}
}

// TestInputUntrustedForwarding: what an untrusted peer says about the client
// and about its deadline is replaced or ignored.
func TestInputUntrustedForwarding(t *testing.T) {
	up := newCounting(t)
	p := start(t, simple, up.url, Options{})
	c := dialRaw(t, p)
	c.send("GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 1\r\nForwarded: for=6.6.6.6\r\nX-Real-Ip: 6.6.6.6\r\nX-Envoy-Expected-Rq-Timeout-Ms: 0\r\n\r\n")
	if resp, _ := c.answer("GET"); resp.StatusCode != 200 {
		t.Fatalf("answered %d: the deadline was believed", resp.StatusCode)
	}
	h := up.last.Load().Header
	for name, want := range map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "h", "X-Forwarded-Proto": "http",
		"Forwarded": `for=127.0.0.1;host="h";proto=http`, "X-Real-Ip": "", "X-Envoy-Expected-Rq-Timeout-Ms": "",
	} {
		if got := strings.Join(h.Values(name), "|"); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestInputOnlyWebsocketUpgrades: h2c and anything else stays here.
func TestInputOnlyWebsocketUpgrades(t *testing.T) {
	up := newCounting(t)
	p := start(t, simple, up.url, Options{})
	for _, upgrade := range []string{"h2c", "TLS/1.0", "foo"} {
		c := dialRaw(t, p)
		c.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: " + upgrade + "\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n")
		if resp, _ := c.answer("GET"); resp.StatusCode != 200 {
			t.Fatalf("answered %d", resp.StatusCode)
		}
		for _, name := range []string{"Upgrade", "Http2-Settings", "Connection"} {
			if v := up.last.Load().Header.Get(name); v != "" {
				t.Errorf("%s: %s was passed on", name, v)
			}
		}
	}
}

// TestInputRequestUnchanged: target and header reach the upstream as they were
// written, with nothing added that wasn't asked for.
func TestInputRequestUnchanged(t *testing.T) {
	up := newCounting(t)
	p := start(t, simple, up.url, Options{})
	for _, target := range []string{
		"/?a=1;b=2&c=%zz", "/a%2fb/%2E%2e/c", "//double//slash", "/a|b^\"{}<>`", "/?", "/%E4%F6", "/a?x=/../y", "*",
	} {
		method := "GET"
		if target == "*" {
			method = "OPTIONS"
		}
		c := dialRaw(t, p)
		c.send(method + " " + target + " HTTP/1.1\r\nHost: h\r\n\r\n")
		resp, _ := c.answer(method)
		if resp.StatusCode != 200 {
			t.Errorf("%s answered %d", target, resp.StatusCode)
			continue
		}
		r := up.last.Load()
		if r.RequestURI != target {
			t.Errorf("%s reached the upstream as %s", target, r.RequestURI)
		}
		for _, name := range []string{"Accept-Encoding", "User-Agent", "Connection", "Content-Length", "Transfer-Encoding"} {
			if v, ok := r.Header[name]; ok {
				t.Errorf("%s: %v was added", name, v)
			}
		}
	}
}

// TestInputMalformedChunk: a client's bad chunk is the client's 400, and no
// mark against the upstream.
func TestInputMalformedChunk(t *testing.T) {
	up := newCounting(t)
	p := start(t, simple, up.url, Options{})
	c := dialRaw(t, p)
	c.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nZZ\r\n")
	resp, _ := c.answer("POST")
	wantAnswer(t, resp, 400, errRequest)
	c.closed()
	if e := p.Status().Upstreams[0].Endpoints[0]; e.Failures != 0 {
		t.Errorf("the upstream was blamed: %s", e.LastError)
	}
}

// TestInputBodyShorterThanDeclared: the client ends too early. Nothing may
// look to the upstream like a whole request, and its connection is dropped.
func TestInputBodyShorterThanDeclared(t *testing.T) {
	got := make(chan error, 1)
	up := service(t, func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		got <- err
	})
	p := start(t, simple, up.URL, Options{})
	c := dialRaw(t, p)
	c.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello")
	c.Conn.(interface{ CloseWrite() error }).CloseWrite()
	if err := <-got; err == nil {
		t.Error("the upstream saw a complete body")
	}
	resp, _ := c.answer("POST")
	wantAnswer(t, resp, 400, errRequest)
	eventually(t, "the upstream's connection is dropped", func() bool {
		return p.Status().Upstreams[0].Endpoints[0].Connections == 0
	})
}

// TestInputTrailersOverTheLimit: the connection ends, the upstream gets no end of body.
func TestInputTrailersOverTheLimit(t *testing.T) {
	up := newCounting(t)
	p := start(t, simple, up.url, Options{})
	c := dialRaw(t, p)
	c.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n0\r\nX: " + strings.Repeat("a", 40<<10) + "\r\n\r\n")
	resp, _ := c.answer("POST")
	wantAnswer(t, resp, 400, errRequest)
	c.closed()
}

// TestInputSlow: connections that stand still end when their time is over, in
// virtual time; those that are only slow live.
func TestInputSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newVirtual(t, simple, func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				panic(http.ErrAbortHandler)
			}
			if r.URL.Path == "/big" {
				w.Write(make([]byte, 1<<20))
			}
		})
		begin := time.Now()
		after := func(what string, want time.Duration) {
			t.Helper()
			if d := time.Since(begin); d < want || d > want+time.Second {
				t.Errorf("%s: ended after %v, want %v", what, d, want)
			}
			begin = time.Now()
		}

		c := n.connect()
		io.WriteString(c, "GET / HT")
		io.ReadAll(c)
		after("slow header", 5*time.Second)

		c = n.connect()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		br := bufio.NewReader(c)
		if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		io.ReadAll(br)
		after("idle connection", 60*time.Second)

		c = n.connect()
		io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nab")
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || resp.StatusCode != http.StatusRequestTimeout {
			t.Fatal(resp, err)
		}
		after("slow body", 30*time.Second)

		c = n.connect()
		io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n")
		for range 10 { // a byte every 20 s is slow, but it moves
			time.Sleep(20 * time.Second)
			io.WriteString(c, "x")
		}
		if resp, err = http.ReadResponse(bufio.NewReader(c), nil); err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		after("a body that moves", 200*time.Second)

		c = n.connect()
		io.WriteString(c, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n")
		synctest.Wait()
		time.Sleep(31 * time.Second) // reading nothing
		begin = begin.Add(time.Second)
		if _, err := io.ReadAll(c); err != nil && err != io.ErrUnexpectedEOF {
			t.Log(err)
		}
		after("slow reader", 30*time.Second)
	})
}
