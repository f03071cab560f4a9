package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/levee-proxy/levee/config"
)

// doubled is one route to an upstream of two endpoints.
func doubled(t *testing.T, retry, one, two string) *running {
	t.Helper()
	return start(t, fmt.Sprintf(`
apiVersion: levee/v1
listeners: [{address: "127.0.0.1:0"}]
routes: [{name: all, upstream: service}]
upstreams: [{name: service, ejection: {consecutiveFailures: 0}, concurrency: {mode: off}, storm: {mode: off}, endpoints: [%q, %q], retry: {%s}}]
`, one, two, retry), "", Options{})
}

// TestAttemptsAreBounded counts, at the sockets of two upstreams, how many
// requests arrive while many clients ask at once and whatever can die does: in
// each case no more than the clients' own and what the budget allows.
func TestAttemptsAreBounded(t *testing.T) {
	const (
		clients, each = 16, 40
		percent       = 20.0
		perSecond     = 2.0
	)
	for name, behave := range map[string]func(c net.Conn, n int) bool{ // whether to go on
		"reused connections die": func(c net.Conn, n int) bool {
			if n == 2 {
				c.(*net.TCPConn).SetLinger(0)
				return false
			}
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			return true
		},
		"all connections die": func(net.Conn, int) bool { return false },
		"all is refused": func(c net.Conn, _ int) bool {
			io.WriteString(c, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno")
			return true
		},
		"every third fails": func(c net.Conn, n int) bool {
			status := "200 OK"
			if n%3 == 0 {
				status = "502 Bad Gateway"
			}
			io.WriteString(c, "HTTP/1.1 "+status+"\r\nContent-Length: 2\r\n\r\nxx")
			return true
		},
	} {
		for _, hedge := range []string{"off", "1ms"} {
			t.Run(name+", hedges "+hedge, func(t *testing.T) {
				var arrived atomic.Int64
				upstream := func() string {
					return rawUpstream(t, func(c net.Conn, _ int) {
						br := bufio.NewReader(c)
						for n := 1; ; n++ {
							r, err := readRequest(br)
							if err != nil {
								return
							}
							io.Copy(io.Discard, r.Body)
							arrived.Add(1)
							if !behave(c, n) {
								return
							}
						}
					})
				}
				begun := time.Now()
				p := doubled(t, fmt.Sprintf("attempts: 5, backoff: {base: 1ms, max: 2ms}, hedge: {after: %s}, budget: {percent: %v, minPerSecond: %v}", hedge, percent, perSecond), upstream(), upstream())
				var wg sync.WaitGroup
				var succeeded atomic.Int64
				for range clients {
					wg.Go(func() {
						for i := range each {
							req := replayable[i%len(replayable)]
							c := dialRaw(t, p)
							c.send(requestText(req))
							if resp, _ := c.answer(req.method); resp.StatusCode == 200 {
								succeeded.Add(1)
							}
							c.Close()
						}
					})
				}
				wg.Wait()
				sent := int64(clients * each)
				burst := int64(10 * perSecond)
				bound := float64(sent) + percent/100*float64(succeeded.Load()) + perSecond*time.Since(begun).Seconds() + float64(burst)
				n := arrived.Load()
				if float64(n) > bound {
					t.Errorf("%d client requests made %d upstream attempts, more than the %.0f of the budget", sent, n, bound)
				}
				if n <= sent {
					t.Errorf("%d client requests made %d upstream attempts: nothing was retried, and the test shows nothing", sent, n)
				}
				t.Logf("%d client requests, %d successes, %d upstream attempts, %.0f allowed", sent, succeeded.Load(), n, bound)
			})
		}
	}
}

// TestRefusedStreams: what an HTTP/2 upstream says not to have processed is sent
// again whatever its method, within the budget.
func TestRefusedStreams(t *testing.T) {
	for name, refuse := range map[string]func(fr *http2.Framer, stream uint32){
		"REFUSED_STREAM": func(fr *http2.Framer, stream uint32) { fr.WriteRSTStream(stream, http2.ErrCodeRefusedStream) },
		"GOAWAY": func(fr *http2.Framer, stream uint32) {
			fr.WriteGoAway(max(stream, 2)-2, http2.ErrCodeNo, nil)
		},
		"GOAWAY with an error": func(fr *http2.Framer, stream uint32) {
			fr.WriteGoAway(max(stream, 2)-2, http2.ErrCodeEnhanceYourCalm, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var arrived atomic.Int64
			upstream := func() string {
				return h2Upstream(t, func(fr *http2.Framer, stream uint32, _ net.Conn) {
					if arrived.Add(1)%2 == 1 {
						refuse(fr, stream)
						return
					}
					fr.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: h2Status(200), EndHeaders: true, EndStream: true})
				})
			}
			p := doubled(t, "attempts: 2, budget: {percent: 100, minPerSecond: 100}, on: [refused-stream]", upstream(), upstream())
			for _, method := range []string{"GET", "POST", "PATCH"} {
				for range 10 {
					c := dialRaw(t, p)
					c.send(method + " / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody")
					if resp, body := c.answer(method); resp.StatusCode != 200 {
						t.Errorf("%s answered %d %q", method, resp.StatusCode, body)
					}
					c.Close()
				}
			}
			if n := arrived.Load(); n != 60 {
				t.Errorf("30 client requests made %d upstream attempts, want 60", n)
			}
		})
	}
}

// TestResetStreams: a stream that ends otherwise may have been processed.
func TestResetStreams(t *testing.T) {
	var arrived atomic.Int64
	upstream := func() string {
		return h2Upstream(t, func(fr *http2.Framer, stream uint32, _ net.Conn) {
			if arrived.Add(1)%2 == 1 {
				fr.WriteRSTStream(stream, http2.ErrCodeInternal)
				return
			}
			fr.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: h2Status(200), EndHeaders: true, EndStream: true})
		})
	}
	p := doubled(t, "attempts: 1", upstream(), upstream())
	if resp, _ := get(t, p.url+"/"); resp.StatusCode != 200 || arrived.Load() != 2 {
		t.Errorf("a GET was answered %d after %d attempts, want 200 after 2", resp.StatusCode, arrived.Load())
	}
	resp, err := http.Post(p.url+"/", "text/plain", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 502 || arrived.Load() != 3 {
		t.Errorf("a POST was answered %d after %d attempts, want 502 after 1", resp.StatusCode, arrived.Load()-2)
	}
}

// TestUpgradesAreSentOnce: once a websocket's handshake was sent, it isn't again.
func TestUpgradesAreSentOnce(t *testing.T) {
	var arrived atomic.Int64
	upstream := func() string {
		return rawUpstream(t, func(c net.Conn, _ int) {
			if _, err := readRequest(bufio.NewReader(c)); err == nil {
				arrived.Add(1)
			}
		})
	}
	p := doubled(t, "attempts: 3", upstream(), upstream())
	c := dialRaw(t, p)
	defer c.Close()
	c.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	if resp, _ := c.answer("GET"); resp.StatusCode != 502 || arrived.Load() != 1 {
		t.Errorf("answered %d after %d attempts", resp.StatusCode, arrived.Load())
	}
}

// TestRetriesOverAReload: settings that change leave what was learned and
// counted, and the budget too unless it is another one.
func TestRetriesOverAReload(t *testing.T) {
	yaml := func(retry string) *config.Config {
		return parse(t, strings.Replace(simple, `["$UPSTREAM"]`, `["$UPSTREAM"], retry: {`+retry+`}`, 1), "http://10.0.0.1:80")
	}
	o := Options{}
	o.defaults()
	build := func(retry string, old *Upstream) *Upstream {
		cfg := yaml(retry)
		u, err := newUpstream(cfg.Engine, &cfg.Upstreams[0], cfg.Limits, &o, old)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(u.retire)
		return u
	}
	one := build("attempts: 1, hedge: {after: p95}", nil)
	two := build("attempts: 2, hedge: {after: p95}", one)
	if two.endpoints[0].limiter != one.endpoints[0].limiter {
		t.Error("the limit learns anew")
	}
	if two.retries.budget != one.retries.budget || two.retries.stats != one.retries.stats || two.retries.latencies != one.retries.latencies {
		t.Error("budget, counters or latencies are lost")
	}
	three := build("attempts: 2, budget: {percent: 20}", two)
	if three.retries.budget == two.retries.budget || three.retries.stats != two.retries.stats {
		t.Error("another budget was asked for, and the same counters")
	}
	off := build("attempts: 0", three)
	if off.retries != nil || off.status(time.Now()).Retries != nil {
		t.Error("retries are off, and there is a policy")
	}
}
