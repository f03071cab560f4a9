package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// takes is how long a service or a step of it takes.
func takes(d time.Duration) { <-time.After(d) }

// h2cClient speaks HTTP/2 by prior knowledge.
func h2cClient(t *testing.T) *http.Client {
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// h2cRaw answers each request's HEADERS on an HTTP/2 connection with the given header lists; the last ends the stream.
func h2cRaw(t *testing.T, answers ...[]hpack.HeaderField) string {
	return strings.Replace(rawUpstream(t, func(c net.Conn, _ int) {
		io.ReadFull(c, make([]byte, len(http2.ClientPreface)))
		fr := http2.NewFramer(c, c)
		fr.WriteSettings()
		var b strings.Builder
		enc := hpack.NewEncoder(&b)
		for {
			f, err := fr.ReadFrame()
			if err != nil {
				return
			}
			if h, ok := f.(*http2.HeadersFrame); ok {
				for i, fields := range answers {
					b.Reset()
					for _, f := range fields {
						enc.WriteField(f)
					}
					fr.WriteHeaders(http2.HeadersFrameParam{StreamID: h.StreamID, BlockFragment: []byte(b.String()), EndHeaders: true, EndStream: i == len(answers)-1})
				}
			}
		}
	}), "http://", "h2c://", 1)
}

type gateReader chan struct{}

func (g gateReader) Read([]byte) (int, error) { <-g; return 0, io.EOF }

// TestLateBodyEnd: Clients end their bodies just as early answers end their exchanges, over
// HTTP/2. Touching the response writer by then once ended the process.
func TestLateBodyEnd(t *testing.T) {
	up, _ := h2cService(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) }) // before the body ends
	p := start(t, simple, up, Options{})
	c := h2cClient(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				g := make(gateReader)
				req, _ := http.NewRequestWithContext(ctx, "POST", p.url, g)
				time.AfterFunc(time.Duration((n*37+i*13)%1500)*time.Microsecond, func() { close(g) })
				if resp, err := c.Do(req); err == nil {
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			}
		})
	}
	wg.Wait()
}

// TestSharedConnectionUnderLoad: Many at once over one HTTP/2 connection: its state hook runs within calls that
// the pool makes with its lock held, and once waited for that lock itself.
func TestSharedConnectionUnderLoad(t *testing.T) {
	up, _ := h2cService(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x") })
	p := start(t, simple, up, Options{})
	c := &http.Client{Timeout: testDeadline, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 50 {
				resp, err := c.Get(p.url)
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
	wg.Wait()
}

// TestSilentAnswerLives: An answer may be silent for longer than a write may take.
func TestSilentAnswerLives(t *testing.T) {
	yaml := strings.Replace(simple, `{address: "127.0.0.1:0"}`, `{address: "127.0.0.1:0", timeouts: {write: 200ms}}`, 1)
	up := service(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		select {
		case <-time.After(600 * time.Millisecond):
		case <-r.Context().Done():
		}
		io.WriteString(w, "data: 2\n\n")
	})
	p := start(t, yaml, up.URL, Options{})
	for name, c := range map[string]*http.Client{"h1": http.DefaultClient, "h2": h2cClient(t)} {
		resp, err := c.Get(p.url)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(body) != "data: 1\n\ndata: 2\n\n" {
			t.Errorf("%s: %q, %v", name, body, err)
		}
	}
}

// TestListeningClientLives: A client that only listens, while the service talks, is no slow client.
func TestListeningClientLives(t *testing.T) {
	yaml := strings.Replace(simple, `{address: "127.0.0.1:0"}`, `{address: "127.0.0.1:0", timeouts: {read: 200ms}}`, 1)
	up, _ := h2cService(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.(http.Flusher).Flush()
		for i := range 10 {
			takes(50 * time.Millisecond)
			fmt.Fprintf(w, "%d", i)
			w.(http.Flusher).Flush()
		}
		io.Copy(io.Discard, r.Body)
	})
	p := start(t, yaml, up, Options{})
	pr, pw := io.Pipe()
	req, _ := http.NewRequest("POST", p.url, pr)
	req.Header.Set("Content-Type", "application/grpc")
	go pw.Write([]byte("subscribe"))
	resp, err := h2cClient(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buf := make([]byte, 10)
	n, err := io.ReadFull(resp.Body, buf)
	pw.Close()
	if err != nil {
		t.Errorf("after %q: %v", buf[:n], err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// TestSlowUpstreamIsNotASlowBody: A body that waits for the upstream to take it doesn't stand still by the client's fault.
func TestSlowUpstreamIsNotASlowBody(t *testing.T) {
	yaml := strings.Replace(simple, `{address: "127.0.0.1:0"}`, `{address: "127.0.0.1:0", timeouts: {read: 200ms}}`, 1)
	for name, h2 := range map[string]bool{"h1": false, "h2": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newVirtual(t, yaml, func(_ http.ResponseWriter, r *http.Request) {
					io.ReadFull(r.Body, make([]byte, 1000))
					takes(700 * time.Millisecond)
					io.Copy(io.Discard, r.Body)
				})
				tr := &http.Transport{
					Protocols:   new(http.Protocols),
					DialContext: func(context.Context, string, string) (net.Conn, error) { return n.connect(), nil },
				}
				defer tr.CloseIdleConnections()
				tr.Protocols.SetHTTP1(!h2)
				tr.Protocols.SetUnencryptedHTTP2(h2)
				resp, err := (&http.Client{Transport: tr}).Post("http://h/", "x/y", io.LimitReader(zeros{}, 3<<20))
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if resp.StatusCode != 200 {
					t.Error(resp.Status)
				}
			})
		})
	}
}

// TestDeadEndpointsDrawNoTraffic: Refusals are quick, and must not make an endpoint look fast.
func TestDeadEndpointsDrawNoTraffic(t *testing.T) {
	good := service(t, func(http.ResponseWriter, *http.Request) {})
	yaml := strings.Replace(simple, `["$UPSTREAM"]`, `["`+good.URL+`", "http://127.0.0.1:1", "http://127.0.0.2:1"]`, 1)
	p := start(t, yaml, "", Options{})
	bad := 0
	for range 300 {
		if resp, _ := get(t, p.url); resp.StatusCode != 200 {
			bad++
		}
	}
	if bad > 170 {
		t.Errorf("%d of 300 requests went to dead endpoints", bad)
	}
}

// TestBrokenAnswersEject: An answer that breaks off is no success, although it began.
func TestBrokenAnswersEject(t *testing.T) {
	bad := rawUpstream(t, func(c net.Conn, _ int) {
		if _, err := readRequest(bufio.NewReader(c)); err == nil {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
		}
	})
	good := service(t, func(http.ResponseWriter, *http.Request) { takes(20 * time.Millisecond) })
	p := start(t, strings.Replace(simple, `["$UPSTREAM"]`, `["`+bad+`", "`+good.URL+`"]`, 1), "", Options{})
	broken := 0
	for range 100 {
		resp, err := http.Get(p.url)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		if err != nil {
			broken++
		}
	}
	if broken > 20 {
		t.Errorf("%d of 100 answers broke off and the endpoint is still in use", broken)
	}
}

// TestClientDeadlinesEjectNobody: A client may give itself a deadline that nobody can keep.
func TestClientDeadlinesEjectNobody(t *testing.T) {
	h := func(http.ResponseWriter, *http.Request) { takes(30 * time.Millisecond) }
	a, b := service(t, h), service(t, h)
	yaml := strings.Replace(strings.Replace(simple, `["$UPSTREAM"]`, `["`+a.URL+`", "`+b.URL+`"]`, 1), "upstream: service}", "upstream: service, timeout: 30s}", 1)
	p := start(t, yaml, "", Options{})
	for range 30 {
		req, _ := http.NewRequest("GET", p.url, nil)
		req.Header.Set("Grpc-Timeout", "5m") // 5 ms, from anybody
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
		}
	}
	for _, e := range p.Status().Upstreams[0].Endpoints {
		if e.State != StateReady {
			t.Errorf("%s is %s: %s", e.Address, e.State, e.Reason)
		}
	}
}

// TestClientFaultsBlameNobody: A bad chunk after the answer has begun is still the client's.
func TestClientFaultsBlameNobody(t *testing.T) {
	up := service(t, func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		w.(http.Flusher).Flush()
		io.Copy(w, r.Body)
	})
	p := start(t, simple, up.URL, Options{})
	for range 5 {
		c := dialRaw(t, p)
		c.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
		c.br.ReadString('\n')
		c.send("garbage\r\n")
		io.Copy(io.Discard, c.br)
	}
	if e := p.Status().Upstreams[0].Endpoints[0]; e.Failures > 0 {
		t.Errorf("%d failures counted against the endpoint: %s", e.Failures, e.LastError)
	}
}

// TestNotModifiedWithLength: 304 may say the length of what it doesn't send (RFC 9110, section 8.6).
func TestNotModifiedWithLength(t *testing.T) {
	up := h2cRaw(t, []hpack.HeaderField{{Name: ":status", Value: "304"}, {Name: "content-length", Value: "100"}})
	p := start(t, simple, up, Options{})
	if resp, err := http.Get(p.url); err != nil || resp.StatusCode != 304 {
		t.Error(err)
	}
}

// TestUpstreamSwitchesInHTTP2: There is no 101 in HTTP/2 (RFC 9113, section 8.6).
func TestUpstreamSwitchesInHTTP2(t *testing.T) {
	up := h2cRaw(t, []hpack.HeaderField{{Name: ":status", Value: "101"}}, []hpack.HeaderField{{Name: ":status", Value: "200"}})
	p := start(t, simple, up, Options{})
	c := dialRaw(t, p)
	c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if line, _ := c.br.ReadString('\n'); strings.Contains(line, "101") {
		t.Errorf("a plain GET was answered %q", line)
	}
}

type gateResolver struct{ gate atomic.Pointer[chan struct{}] }

func (g *gateResolver) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	if c := g.gate.Load(); c != nil {
		select {
		case <-*c:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
}

// TestReloadWhileResolvingHangs: A changed upstream begins with the addresses that are known.
func TestReloadWhileResolvingHangs(t *testing.T) {
	up := service(t, func(http.ResponseWriter, *http.Request) {})
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(up.URL, "http://"))
	g := &gateResolver{}
	p := start(t, simple, "http://svc.example:"+port, Options{Resolver: g})
	get(t, p.url)
	c := make(chan struct{})
	g.gate.Store(&c)
	cfg := parse(t, strings.Replace(simple, `["$UPSTREAM"]`, `["$UPSTREAM"], maxConnections: 99`, 1), "http://svc.example:"+port)
	cfg.Listeners = p.gen.Load().cfg.Listeners
	if err := p.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	resp, _ := get(t, p.url)
	if d := time.Since(begin); d > time.Second {
		t.Errorf("%s after %v, though the address was known", resp.Status, d)
	}
}

// TestFewStreams: A server that allows few streams gets no more than it allows: every request is served.
func TestFewStreams(t *testing.T) {
	s := &http.Server{Protocols: new(http.Protocols), HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 2}, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		takes(5 * time.Millisecond)
	})}
	s.Protocols.SetUnencryptedHTTP2(true)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(l)
	defer s.Close()
	p := start(t, unlimited(strings.Replace(simple, "upstream: service}", "upstream: service, responseTimeout: 3s}", 1)), "h2c://"+l.Addr().String(), Options{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := map[string]int{}
	for range 100 {
		wg.Go(func() {
			if r, err := http.Get(p.url); err == nil {
				r.Body.Close()
				mu.Lock()
				got[r.Status+" "+r.Header.Get("Proxy-Status")]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(got) != 1 {
		t.Errorf("%v", got)
	}
}

func waiting(p *running, n int) func() bool {
	e := p.gen.Load().upstreams["service"].endpoints[0]
	return func() bool { return e.pool.Waits() == n }
}

// TestUpgradeSwallowsNoTurn: An upgrade can't use a stream; the turn that one brings is for those who can.
func TestUpgradeSwallowsNoTurn(t *testing.T) {
	gate := make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hold" {
			<-gate
		}
	}))
	s.EnableHTTP2 = true
	s.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 1}
	s.StartTLS()
	defer s.Close()
	yaml := strings.Replace(simple, `["$UPSTREAM"]`, `["$UPSTREAM"], maxConnections: 1, tls: {insecureSkipVerify: true}, timeouts: {idle: 1h}`, 1)
	p := start(t, strings.Replace(yaml, "upstream: service}", "upstream: service, responseTimeout: 3s}", 1), s.URL, Options{})
	get(t, p.url+"/warm")
	var wg sync.WaitGroup
	wg.Go(func() { http.Get(p.url + "/hold") })
	eventually(t, "held", func() bool { return p.Status().Upstreams[0].Endpoints[0].Inflight == 1 })
	wg.Go(func() {
		req, _ := http.NewRequest("GET", p.url+"/ws", nil)
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "websocket")
		http.DefaultClient.Do(req)
	})
	eventually(t, "upgrade waits", waiting(p, 1))
	wg.Go(func() {
		begin := time.Now()
		if r, err := http.Get(p.url + "/next"); err == nil && r.StatusCode != 200 {
			t.Errorf("%s after %v although the stream was free", r.Status, time.Since(begin))
		}
	})
	eventually(t, "next waits", waiting(p, 2))
	close(gate)
	wg.Wait()
}

// TestAllWaitersAreServed: A new HTTP/2 connection serves all who wait, not one at a time.
func TestAllWaitersAreServed(t *testing.T) {
	var inside, together atomic.Int64
	all := make(chan struct{}) // closed when 60 are there at once
	var first atomic.Pointer[net.Conn]
	u, _ := h2cService(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/first" {
			inside.Add(1)
			<-r.Context().Done()
			return
		}
		if together.Add(1) == 60 {
			close(all)
		}
		select {
		case <-all:
		case <-r.Context().Done():
		}
	})
	p := start(t, strings.Replace(unlimited(simple), `["$UPSTREAM"]`, `["$UPSTREAM"], maxConnections: 1`, 1), u, Options{Dial: func(ctx context.Context, n, a string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, n, a)
		first.CompareAndSwap(nil, &c)
		return c, err
	}})
	ask := func(path string, n int) {
		for range n {
			go func() {
				if r, err := http.Get(p.url + path); err == nil {
					r.Body.Close()
				}
			}()
		}
	}
	ask("/first", 250)
	eventually(t, "full", func() bool { return inside.Load() == 250 })
	ask("/second", 60)
	eventually(t, "waiting", waiting(p, 60))
	(*first.Load()).Close()
	eventually(t, "all are served at once", func() bool { return together.Load() == 60 })
}

// TestRenewedAuthorities: Files may change although the configuration that names them doesn't.
func TestRenewedAuthorities(t *testing.T) {
	a, b := newAuthority(t), newAuthority(t)
	ca := t.TempDir() + "/ca.pem"
	pem := func(x *authority) []byte { d, _ := os.ReadFile(x.file); return d }
	os.WriteFile(ca, pem(a), 0o600)
	up := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	up.TLS = &tls.Config{Certificates: []tls.Certificate{b.issue(t, "svc.test", time.Now().Add(time.Hour))}}
	up.StartTLS()
	defer up.Close()
	yaml := strings.Replace(simple, `["$UPSTREAM"]`, `["$UPSTREAM"], tls: {serverName: svc.test, caFile: `+ca+`}`, 1)
	p := start(t, yaml, up.URL, Options{})
	get(t, p.url) // 502
	os.WriteFile(ca, pem(b), 0o600)
	cfg := parse(t, yaml, up.URL)
	cfg.Listeners = p.gen.Load().cfg.Listeners
	if err := p.Reload(cfg); err != nil {
		t.Fatal(err)
	}
	if r, body := get(t, p.url); r.StatusCode != 200 {
		t.Error("after a reload with the right authority in the file:", r.Status, body)
	}
}

// TestInterimBesideContinue: The server writes its own 100 unguarded; other interim answers must not come between.
func TestInterimBesideContinue(t *testing.T) {
	up := rawUpstream(t, func(c net.Conn, _ int) {
		br := bufio.NewReader(c)
		for line := ""; line != "\r\n"; line, _ = br.ReadString('\n') {
		}
		io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n"+strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 5))
		io.ReadFull(br, make([]byte, 5))
		io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		io.Copy(io.Discard, c)
	})
	p := start(t, simple, up, Options{})
	for range 50 {
		c := dialRaw(t, p)
		c.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
		for sent, status := false, 0; status < 200; {
			resp, err := http.ReadResponse(c.br, nil)
			if err != nil {
				t.Fatal(err)
			}
			if status = resp.StatusCode; status == 100 && !sent {
				sent = true
				c.send("hello")
			}
		}
		c.Close()
	}
}

// TestSmallHeaderLimit: The smallest header limit that may be configured is kept.
func TestSmallHeaderLimit(t *testing.T) {
	up := service(t, func(http.ResponseWriter, *http.Request) {})
	p := start(t, simple+"limits: {headerBytes: 4KiB}\n", up.URL, Options{})
	req, _ := http.NewRequest("GET", p.url, nil)
	req.Header.Set("X-Big", strings.Repeat("x", 8200))
	if resp, err := http.DefaultClient.Do(req); err != nil || resp.StatusCode != 431 {
		t.Errorf("8200 bytes of header with a limit of 4KiB: %v %v", resp.Status, err)
	}
}

// TestFewStreamsOverTLS: nothing is sent beyond what HTTP/2's settings allow, over TLS
// too, where a handshake comes before them.
func TestFewStreamsOverTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { takes(5 * time.Millisecond) }))
	s.EnableHTTP2 = true
	s.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 2}
	s.StartTLS()
	defer s.Close()
	yaml := strings.Replace(simple, `["$UPSTREAM"]`, `["$UPSTREAM"], tls: {insecureSkipVerify: true}`, 1)
	p := start(t, unlimited(strings.Replace(yaml, "upstream: service}", "upstream: service, responseTimeout: 3s}", 1)), s.URL, Options{})
	get(t, p.url) // so that HTTP/2 is preferred
	got := map[string]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if r, err := http.Get(p.url); err == nil {
				r.Body.Close()
				mu.Lock()
				got[r.Status+" "+r.Header.Get("Proxy-Status")]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(got) != 1 {
		t.Errorf("%v", got)
	}
}

// TestDeadHTTP2Endpoint: an endpoint that ends an HTTP/2 connection at once is answered for at once.
func TestDeadHTTP2Endpoint(t *testing.T) {
	for name, says := range map[string]string{"closes": "", "http1": "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"} {
		var conns atomic.Int64
		up := strings.Replace(rawUpstream(t, func(c net.Conn, _ int) {
			conns.Add(1)
			io.ReadFull(c, make([]byte, len(http2.ClientPreface)))
			io.WriteString(c, says)
			c.Close()
		}), "http://", "h2c://", 1)
		yaml := strings.Replace(simple, `["$UPSTREAM"]`, `["$UPSTREAM"], timeouts: {connect: 300ms}`, 1)
		p := start(t, strings.Replace(yaml, "upstream: service}", "upstream: service, responseTimeout: 3s}", 1), up, Options{})
		begin := time.Now()
		r, err := http.Get(p.url)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if d := time.Since(begin); d > 250*time.Millisecond || conns.Load() > 2 {
			t.Errorf("%s: %s %s after %v and %d connections", name, r.Status, r.Header.Get("Proxy-Status"), d, conns.Load())
		}
	}
}

// TestNoStreamsAllowed: an endpoint that allows no stream isn't dialled again and again.
func TestNoStreamsAllowed(t *testing.T) {
	var conns atomic.Int64
	up := strings.Replace(rawUpstream(t, func(c net.Conn, _ int) {
		conns.Add(1)
		io.ReadFull(c, make([]byte, len(http2.ClientPreface)))
		fr := http2.NewFramer(c, c)
		fr.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 0})
		io.Copy(io.Discard, c)
	}), "http://", "h2c://", 1)
	p := start(t, strings.Replace(simple, "upstream: service}", "upstream: service, responseTimeout: 500ms}", 1), up, Options{})
	r, err := http.Get(p.url)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if n := conns.Load(); n > 20 {
		t.Errorf("one request: %s, %d connections", r.Status, n)
	}
}

// wantWhole asserts that an answer arrives whole over HTTP/1.1 and HTTP/2.
func wantWhole(t *testing.T, p *running, want string) {
	t.Helper()
	for name, c := range map[string]*http.Client{"h1": {}, "h2": h2cClient(t)} {
		resp, err := c.Get(p.url)
		var body []byte
		if err == nil {
			body, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		if err != nil || string(body) != want {
			t.Errorf("%s: %q, %v", name, body, err)
		}
	}
}

// TestLateBodyWithLength: a body may come long after its header.
func TestLateBodyWithLength(t *testing.T) {
	yaml := strings.Replace(simple, `{address: "127.0.0.1:0"}`, `{address: "127.0.0.1:0", timeouts: {write: 200ms}}`, 1)
	up := service(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "5")
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		takes(600 * time.Millisecond)
		io.WriteString(w, "hello")
	})
	wantWhole(t, start(t, yaml, up.URL, Options{}), "hello")
}

// TestSilentEnd: an answer may end after a long silence.
func TestSilentEnd(t *testing.T) {
	yaml := strings.Replace(simple, `{address: "127.0.0.1:0"}`, `{address: "127.0.0.1:0", timeouts: {write: 200ms}}`, 1)
	up := service(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "data")
		w.(http.Flusher).Flush()
		takes(600 * time.Millisecond)
	})
	wantWhole(t, start(t, yaml, up.URL, Options{}), "data")
}

// TestSilentBodyHoldsNoConnection: a body that stands still ends, whatever it says it is.
func TestSilentBodyHoldsNoConnection(t *testing.T) {
	yaml := strings.Replace(simple, `{address: "127.0.0.1:0"}`, `{address: "127.0.0.1:0", timeouts: {read: 200ms, idle: 500ms}}`, 1)
	up := service(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/early" {
			w.WriteHeader(404)
			return
		}
		io.Copy(io.Discard, r.Body)
	})
	p := start(t, yaml, up.URL, Options{})
	for name, req := range map[string]string{
		"early": "POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nx",
		"grpc":  "POST /x HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc\r\nContent-Length: 10\r\n\r\nx",
	} {
		c := dialRaw(t, p)
		c.send(req)
		c.SetReadDeadline(time.Now().Add(4 * time.Second))
		begin := time.Now()
		if _, err := io.Copy(io.Discard, c.br); err != nil {
			t.Errorf("%s: still open after %v: %v", name, time.Since(begin), err)
		}
		c.Close()
	}
}

// TestIdleConnectionsGiveWay: a kept connection takes no descriptor from a request.
func TestIdleConnectionsGiveWay(t *testing.T) {
	a, b := service(t, func(http.ResponseWriter, *http.Request) {}), service(t, func(http.ResponseWriter, *http.Request) {})
	yaml := `
apiVersion: levee/v1
listeners: [{address: "127.0.0.1:0"}]
routes: [{name: a, match: {pathPrefix: /a}, upstream: a}, {name: all, upstream: b}]
upstreams: [{name: a, endpoints: ["` + a.URL + `"]}, {name: b, endpoints: ["` + b.URL + `"]}]
`
	p := start(t, yaml, "", Options{})
	p.o.descriptors.Resize(1)
	get(t, p.url+"/a")
	takes(50 * time.Millisecond)
	if r, body := get(t, p.url+"/b"); r.StatusCode != 200 {
		t.Errorf("only an idle connection to a: %s %s", r.Status, body)
	}
}

// TestHealthWithoutDescriptors: what Levee itself lacks says nothing about an endpoint.
func TestHealthWithoutDescriptors(t *testing.T) {
	up := service(t, func(http.ResponseWriter, *http.Request) {})
	yaml := strings.Replace(simple, `["$UPSTREAM"]`, `["$UPSTREAM"], healthCheck: {path: /, interval: 100ms, timeout: 100ms, unhealthyAfter: 2}`, 1)
	p := start(t, yaml, up.URL, Options{})
	get(t, p.url) // keeps a connection
	p.o.descriptors.Resize(1)
	takes(800 * time.Millisecond)
	if e := p.Status().Upstreams[0].Endpoints[0]; e.State != StateReady {
		t.Errorf("%s: %s", e.State, e.Reason)
	}
}

// TestUpgradeGetsItsTurn: an idle HTTP/2 connection gives way to an upgrade that waits.
func TestUpgradeGetsItsTurn(t *testing.T) {
	gate := make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hold" {
			<-gate
		}
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	yaml := strings.Replace(simple, `["$UPSTREAM"]`, `["$UPSTREAM"], maxConnections: 1, tls: {insecureSkipVerify: true}, timeouts: {idle: 1h}`, 1)
	p := start(t, strings.Replace(yaml, "upstream: service}", "upstream: service, responseTimeout: 3s}", 1), s.URL, Options{})
	get(t, p.url+"/warm")
	var wg sync.WaitGroup
	wg.Go(func() { http.Get(p.url + "/hold") })
	eventually(t, "held", func() bool { return p.Status().Upstreams[0].Endpoints[0].Inflight == 1 })
	wg.Go(func() {
		req, _ := http.NewRequest("GET", p.url+"/ws", nil)
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "websocket")
		begin := time.Now()
		if r, err := http.DefaultClient.Do(req); err != nil || r.StatusCode != 200 {
			t.Errorf("%v %v after %v", r.Status, err, time.Since(begin))
		}
	})
	eventually(t, "upgrade waits", waiting(p, 1))
	close(gate)
	wg.Wait()
}

// TestEndedStreamsAreNoFailures: a stream that its client ends was a success.
func TestEndedStreamsAreNoFailures(t *testing.T) {
	h := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			w.WriteHeader(502)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	a := service(t, h)
	p := start(t, simple, a.URL, Options{})
	for range 10 {
		get(t, p.url+"/bad")
		for range 3 {
			resp, err := http.Get(p.url + "/events")
			if err != nil {
				t.Fatal(err)
			}
			io.ReadFull(resp.Body, make([]byte, 9))
			resp.Body.Close()
		}
	}
	eventually(t, "quiet", func() bool { return p.inflight.Load() == 0 })
	if e := p.Status().Upstreams[0].Endpoints[0]; e.FailuresInARow > 1 || e.State != StateReady {
		t.Errorf("%s, %d in a row", e.State, e.FailuresInARow)
	}
}

// TestEarlyAnswerSilentBody: after an early answer, a client that never sends the rest holds nothing.
func TestEarlyAnswerSilentBody(t *testing.T) {
	yaml := strings.Replace(simple, `{address: "127.0.0.1:0"}`, `{address: "127.0.0.1:0", timeouts: {read: 200ms, idle: 500ms}}`, 1)
	up := rawUpstream(t, func(c net.Conn, _ int) {
		br := bufio.NewReader(c)
		for line := ""; line != "\r\n"; line, _ = br.ReadString('\n') {
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		io.Copy(io.Discard, br)
	})
	p := start(t, yaml, up, Options{})
	c := dialRaw(t, p)
	c.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nx")
	c.SetReadDeadline(time.Now().Add(4 * time.Second))
	begin := time.Now()
	if b, err := io.ReadAll(c.br); err != nil {
		t.Errorf("still open after %v: %q %v", time.Since(begin), b[:12], err)
	}
}

// TestOwnAnswerSilentBody: a request that Levee answers itself holds nothing
// either, though its client never sends the rest of the body.
func TestOwnAnswerSilentBody(t *testing.T) {
	yaml := strings.Replace(simple, `{address: "127.0.0.1:0"}`, `{address: "127.0.0.1:0", timeouts: {read: 200ms, idle: 500ms}}`, 1)
	yaml = strings.Replace(yaml, "{name: all,", "{name: all, match: {pathPrefix: /known},", 1)
	p := start(t, yaml, newCounting(t).url, Options{})
	for _, expect := range []string{"", "Expect: 100-continue\r\n"} {
		c := dialRaw(t, p)
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		c.send("POST /unknown HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n" + expect + "\r\n")
		if expect == "" {
			c.send("x")
		}
		resp, _ := c.answer("POST")
		wantAnswer(t, resp, 404, errNoRoute)
		c.closed()
	}
}
