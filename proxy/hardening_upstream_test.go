package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestUpstreamRefuses: nobody listens.
func TestUpstreamRefuses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	l.Close()
	p := start(t, simple, url, Options{})
	resp, _ := get(t, p.url)
	wantAnswer(t, resp, 502, errRefused)
	if e := p.Status().Upstreams[0].Endpoints[0]; e.Failures != 1 {
		t.Errorf("%d failures counted, want 1", e.Failures)
	}
}

// TestUpstreamSpeaksNoHTTP2: an h2c endpoint that knows HTTP/1.1 only takes
// connections. To say that it takes none would send somebody after a service
// that is up.
func TestUpstreamSpeaksNoHTTP2(t *testing.T) {
	up := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(up.Close)
	p := start(t, simple, strings.Replace(up.URL, "http:", "h2c:", 1), Options{})
	resp, _ := get(t, p.url)
	wantAnswer(t, resp, 502, errProtocol)
	if status := resp.Header.Get("Proxy-Status"); !strings.Contains(status, "without a word of HTTP/2") {
		t.Errorf("Proxy-Status: %s", status)
	}
	if e := p.Status().Upstreams[0].Endpoints[0]; e.Failures != 1 {
		t.Errorf("%d failures counted, want 1", e.Failures)
	}
}

// TestUpstreamResetsBeforeHeaders: a reset, a plain end, or an end inside the header.
func TestUpstreamResetsBeforeHeaders(t *testing.T) {
	for name, do := range map[string]func(c net.Conn){
		"reset": func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) },
		"end":   func(net.Conn) {},
		"part":  func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			up := rawUpstream(t, func(c net.Conn, _ int) {
				readRequest(bufio.NewReader(c))
				do(c)
			})
			p := start(t, simple, up, Options{})
			resp, _ := get(t, p.url)
			wantAnswer(t, resp, 502, errTerminated)
		})
	}
}

// TestUpstreamSaysNothing: 504 at the response timeout, at the deadline where
// that is earlier, and the upstream's work is canceled.
func TestUpstreamSaysNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		route   string
		request string
		after   time.Duration
		details string
	}{
		"response timeout": {"", "", 60 * time.Second, "the upstream began no answer within 1m"},
		"route's deadline": {"timeout: 800ms,", "", 800 * time.Millisecond, "the deadline was over"},
		"client's":         {"timeout: 5s,", "Grpc-Timeout: 300m\r\n", 300 * time.Millisecond, "the deadline was over"},
		"already over":     {"", "Grpc-Timeout: 0m\r\n", 0, "the deadline was over"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				canceled := make(chan struct{})
				yaml := strings.Replace(simple, "{name: all,", "{name: all, "+tc.route, 1)
				n := newVirtual(t, yaml, func(_ http.ResponseWriter, r *http.Request) {
					<-r.Context().Done()
					close(canceled)
				})
				c := n.connect()
				begin := time.Now()
				io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n"+tc.request+"\r\n")
				resp, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatal(err)
				}
				wantAnswer(t, resp, 504, errResponseTimeout)
				if !strings.Contains(resp.Header.Get("Proxy-Status"), tc.details) {
					t.Errorf("says %q", resp.Header.Get("Proxy-Status"))
				}
				if d := time.Since(begin); d != tc.after {
					t.Errorf("answered after %v, want %v", d, tc.after)
				}
				if tc.after > 0 {
					<-canceled
				}
			})
		})
	}
}

// TestUpstreamResetsInMidBody: the client's connection is cut. A part must
// never look like the whole, with a length or in chunks.
func TestUpstreamResetsInMidBody(t *testing.T) {
	for name, text := range map[string]string{
		"length":    "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart",
		"chunks":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
		"bad chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\nzz\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			up := rawUpstream(t, func(c net.Conn, _ int) {
				readRequest(bufio.NewReader(c))
				io.WriteString(c, text)
			})
			p := start(t, simple, up, Options{})
			resp, err := http.Get(p.url)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err == nil {
				t.Fatalf("the client took %q for the whole", body)
			}
			eventually(t, "the failure is counted", func() bool {
				return p.Status().Upstreams[0].Endpoints[0].Failures == 1
			})
			eventually(t, "the connection is dropped", func() bool {
				return p.Status().Upstreams[0].Endpoints[0].Connections == 0
			})
		})
	}
}

// TestUpstreamGarbage: what is no sound HTTP becomes a 502 and is never passed on.
func TestUpstreamGarbage(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		kind errorType
	}{
		"not HTTP":           {"220 smtp.example ESMTP\r\n\r\n", errProtocol},
		"bad status":         {"HTTP/1.1 2x0 OK\r\n\r\n", errProtocol},
		"bad field":          {"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", errProtocol},
		"two lengths":        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", errProtocol},
		"unknown coding":     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: foo\r\n\r\n", errProtocol},
		"header over 64 KiB": {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 80<<10) + "\r\n\r\n", errResponseHeader},
		"over 8 interim":     {strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 9) + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", errProtocol},
		"unasked switch":     {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n", errUpgrade},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, simple, says(t, tc.text), Options{})
			resp, _ := get(t, p.url)
			wantAnswer(t, resp, 502, tc.kind)
			eventually(t, "the connection is dropped", func() bool {
				return p.Status().Upstreams[0].Endpoints[0].Connections == 0
			})
		})
	}
}

// TestUpstreamInterim: up to eight interim answers are passed on.
func TestUpstreamInterim(t *testing.T) {
	p := start(t, simple, says(t, strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 8)+"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), Options{})
	c := dialRaw(t, p)
	c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	for range 8 {
		resp, _ := c.answer("GET")
		if resp.StatusCode != 103 || resp.Header.Get("Link") != "</a>" {
			t.Fatalf("answered %d %v", resp.StatusCode, resp.Header)
		}
	}
	if resp, _ := c.answer("GET"); resp.StatusCode != 200 || resp.Header.Get("Link") != "" {
		t.Fatalf("answered %d %v", resp.StatusCode, resp.Header)
	}
}

// TestUpstreamCertificate: expired, for another name, or of nobody known.
func TestUpstreamCertificate(t *testing.T) {
	ca := newAuthority(t)
	for name, tc := range map[string]struct {
		cert    tls.Certificate
		details string
	}{
		"expired":    {ca.issue(t, "127.0.0.1", time.Now().Add(-time.Hour)), "expired"},
		"wrong name": {ca.issue(t, "other.example", time.Now().Add(time.Hour)), "another name"},
		"untrusted":  {newAuthority(t).issue(t, "127.0.0.1", time.Now().Add(time.Hour)), "isn't trusted"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewUnstartedServer(http.NotFoundHandler())
			s.TLS = &tls.Config{Certificates: []tls.Certificate{tc.cert}}
			s.Config.ErrorLog = discardLog
			s.StartTLS()
			t.Cleanup(s.Close)
			yaml := strings.Replace(simple, `["$UPSTREAM"]`, `["$UPSTREAM"], tls: {caFile: "`+ca.file+`"}`, 1)
			p := start(t, yaml, s.URL, Options{})
			resp, _ := get(t, p.url)
			wantAnswer(t, resp, 502, errTLSCertificate)
			e := p.Status().Upstreams[0].Endpoints[0]
			if !strings.Contains(e.LastError, tc.details) {
				t.Errorf("the status says %q, want %q in it", e.LastError, tc.details)
			}
		})
	}
}

// names is a resolver that answers as the test has it.
type names struct {
	addrs atomic.Pointer[[]netip.Addr]
	calls atomic.Int64
}

func (n *names) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	n.calls.Add(1)
	if a := n.addrs.Load(); a != nil {
		return *a, nil
	}
	return nil, errors.New("the resolver is down")
}

func (n *names) set(addrs ...string) {
	var list []netip.Addr
	for _, a := range addrs {
		list = append(list, netip.MustParseAddr(a))
	}
	n.addrs.Store(&list)
}

// TestUpstreamDNS: addresses follow the name within the interval, all of them
// are used, and the last good ones stay when resolving fails.
func TestUpstreamDNS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &names{}
		r.set("10.0.0.1", "10.0.0.2", "::2")
		cfg := parse(t, simple, "http://service.example:8080")
		o := Options{Resolver: r}
		o.defaults()
		u, err := newUpstream(cfg.Engine, &cfg.Upstreams[0], cfg.Limits, &o, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { u.retire(); synctest.Wait() }()
		u.start()
		addresses := func(want ...string) {
			t.Helper()
			synctest.Wait()
			var got []string
			for _, e := range u.status(time.Now()).Endpoints {
				got = append(got, e.Address)
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("endpoints %v, want %v", got, want)
			}
		}
		addresses("10.0.0.1:8080", "10.0.0.2:8080")
		seen := map[string]bool{}
		for range 1000 {
			seen[u.pick(time.Now()).address] = true
		}
		if len(seen) != 2 {
			t.Errorf("used %v", seen)
		}

		r.set("10.0.0.2", "10.0.0.3")
		time.Sleep(5 * time.Second)
		addresses("10.0.0.2:8080", "10.0.0.3:8080")
		if s := u.status(time.Now()).Endpoints; s[0].State != StateReady || s[1].State != StateRamping {
			t.Errorf("states %s and %s: one was known, the other is new", s[0].State, s[1].State)
		}

		r.addrs.Store(nil)
		time.Sleep(time.Minute)
		addresses("10.0.0.2:8080", "10.0.0.3:8080")
		if s := u.status(time.Now()); !strings.Contains(s.ResolveError, "down") {
			t.Errorf("the status says %q", s.ResolveError)
		}

		r.set("::3")
		time.Sleep(5 * time.Second)
		addresses("[::3]:8080")
	})
}

// TestUpstreamDNSDownAtStart: the proxy starts, answers 502, and serves as
// soon as the name resolves.
func TestUpstreamDNSDownAtStart(t *testing.T) {
	up := service(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(up.URL, "http://"))
	r := &names{}
	yaml := strings.Replace(simple, `["$UPSTREAM"]`, `["$UPSTREAM"], resolveInterval: 100ms`, 1)
	p := start(t, yaml, "http://service.example:"+port, Options{Resolver: r})
	resp, _ := get(t, p.url)
	wantAnswer(t, resp, 502, errDNS)
	r.set("127.0.0.1")
	eventually(t, "the name resolves", func() bool {
		resp, _ := get(t, p.url)
		return resp.StatusCode == 200
	})
}
