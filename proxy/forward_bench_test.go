package proxy

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/levee-proxy/levee/internal/telemetry"
	"github.com/levee-proxy/levee/proxy/internal/benchclient"
)

// BenchmarkForward is a request's whole way through the lean engine to an
// upstream and back, with all protections, but without the system's calls and
// without another goroutine: both connections are answers that are there
// already. What is left is what Levee itself takes, which a busy machine changes
// little.
func BenchmarkForward(b *testing.B) {
	const bare = "GET /69 HTTP/1.1\r\nHost: 127.0.0.1:4480\r\n\r\n"
	adaptive := "engine: lean\n" + limited("{mode: adaptive, min: 4096}", "", "")
	retried := strings.Replace(adaptive, "min: 4096}", "min: 4096}, retry: {attempts: 2}", 1)
	for _, bc := range []struct {
		name, yaml, request string
		routes              int
	}{
		{"bare", adaptive, bare, 0},
		{"retried", retried, bare, 0},
		{"10 routes", adaptive, bare, 10},
		{"1000 routes", adaptive, bare, 1000},
		{"10000 routes", adaptive, bare, 10_000},
		{"browser", adaptive, "GET /v1/features?account=7 HTTP/1.1\r\nHost: service.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n" +
			"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n" +
			"Connection: keep-alive\r\nCookie: session=0123456789abcdef; theme=dark\r\nPriority: u=0, i\r\n\r\n", 0},
	} {
		b.Run(bc.name, func(b *testing.B) {
			request, yaml := bc.request, bc.yaml
			if bc.routes > 0 {
				request = strings.Replace(request, "/69", "/r0000", 1)
				var routes strings.Builder
				for i := range bc.routes {
					fmt.Fprintf(&routes, "- {name: r%04d, match: {pathPrefix: /r%04d}, upstream: service}\n", i, i)
				}
				yaml = strings.Replace(yaml, "routes: [{name: all, upstream: service}]", "routes:\n"+routes.String(), 1)
			}
			p := unwired(b, yaml, "http://127.0.0.1:9")
			ask := func(client *repeating) {
				client.request, client.over = []byte(request), make(chan struct{})
				for _, l := range p.sockets {
					l.engine.Load().handle(l.clientConn(client))
				}
				<-client.over
			}
			// The first request of each route makes its metrics.
			ask(&repeating{next: inTurn(bc.routes), left: bc.routes})
			b.ReportAllocs()
			b.ResetTimer()
			cpu := benchclient.CPU()
			ask(&repeating{next: atRandom(bc.routes), left: b.N})
			b.ReportMetric(float64((benchclient.CPU()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
			if attempts := p.Status().Upstreams[0].Endpoints[0].Attempts; attempts != uint64(bc.routes+b.N) {
				b.Errorf("%d attempts for %d requests", attempts, bc.routes+b.N)
			}
		})
	}
}

// unwired is a proxy whose upstream is a connection that answers by itself.
func unwired(tb testing.TB, yaml, upstream string) *Proxy {
	tb.Helper()
	metrics, err := telemetry.NewMetrics("test")
	if err != nil {
		tb.Fatal(err)
	}
	p, err := New(parse(tb, yaml, upstream), Options{
		Metrics: metrics,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			return &replying{answer: []byte("HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sat, 21 Nov 2026 21:00:00 GMT\r\n" +
				"Content-Type: application/octet-stream\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello")}, nil
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	p.Start()
	tb.Cleanup(p.Close)
	return p
}

// inMemory is a connection that has nothing beneath it.
type inMemory struct{ net.Conn }

func (inMemory) Close() error                     { return nil }
func (inMemory) SetDeadline(time.Time) error      { return nil }
func (inMemory) SetReadDeadline(time.Time) error  { return nil }
func (inMemory) SetWriteDeadline(time.Time) error { return nil }
func (inMemory) LocalAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:4480"))
}

func (inMemory) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:5"))
}

// answering is one whose other end answers whatever is written.
type replying struct {
	inMemory
	answer, rest []byte
}

func (c *replying) Write(p []byte) (int, error) {
	c.rest = c.answer
	return len(p), nil
}

func (c *replying) Read(p []byte) (int, error) {
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// repeating is one whose other end sends its request when the one before was
// answered. Where there is next, each is for the route of that number, in the
// same bytes: what is read off a socket is in the processor's caches, too.
type repeating struct {
	inMemory
	request []byte
	next    func() int
	rest    []byte
	left    int
	over    chan struct{}
}

// inTurn and atRandom choose among n routes; nil: there are none.
func inTurn(n int) func() int {
	i := -1
	return func() int { i++; return i % n }
}

func atRandom(n int) func() int {
	if n == 0 {
		return nil
	}
	random := rand.NewPCG(1, 1)
	return func() int { return int(random.Uint64() % uint64(n)) }
}

func (c *repeating) Write(p []byte) (int, error) { return len(p), nil }

func (c *repeating) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		if c.left == 0 {
			close(c.over)
			return 0, io.EOF
		}
		c.left--
		if c.next != nil {
			const last = len("GET /r0000") - 1
			for i, n := last, c.next(); i > last-4; i, n = i-1, n/10 {
				c.request[i] = '0' + byte(n%10)
			}
		}
		c.rest = c.request
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}
