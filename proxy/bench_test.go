package proxy

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkRequest compares a request through Levee with one through
// httputil.ReverseProxy, and with one straight to the service, all in one
// process: 69-byte answers over kept HTTP/1.1 connections, 64 at once. The
// difference to "direct" is what the proxy costs; cpu-µs/op is user and system
// time of the whole process.
func BenchmarkRequest(b *testing.B) {
	body := strings.Repeat("x", 69)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }))
	defer service.Close()
	u, _ := url.Parse(service.URL)

	bare := httputil.NewSingleHostReverseProxy(u)
	bare.Transport = &http.Transport{MaxIdleConns: 1000, MaxIdleConnsPerHost: 1000, DisableCompression: true}
	reverse := httptest.NewServer(bare)
	defer reverse.Close()

	// A fixed limit above the load: an adaptive one is cold, and would refuse some.
	cfg := parse(b, limited("{mode: fixed, limit: 1000}", "", ""), service.URL)
	p, err := New(cfg, Options{})
	if err != nil {
		b.Fatal(err)
	}
	p.Start()
	defer p.Close()

	for _, tc := range []struct{ name, url string }{
		{"direct", service.URL},
		{"levee", "http://" + p.Addrs()[0].String()},
		{"ReverseProxy", reverse.URL},
	} {
		b.Run(tc.name, func(b *testing.B) {
			address := strings.TrimPrefix(tc.url, "http://")
			b.SetParallelism(32)
			b.ReportAllocs()
			cpu := processCPU()
			b.RunParallel(func(pb *testing.PB) {
				c, err := net.Dial("tcp", address)
				if err != nil {
					b.Error(err)
					return
				}
				defer c.Close()
				request := []byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
				buf := make([]byte, 4096)
				for pb.Next() {
					c.Write(request)
					// The answers are short and come in one or two pieces, ending with the body.
					for n := 0; ; {
						m, err := c.Read(buf[n:])
						if n += m; err != nil {
							b.Error(err)
							return
						}
						if n > 69 && string(buf[n-69:n]) == body {
							break
						}
					}
				}
			})
			b.ReportMetric(float64((processCPU()-cpu).Nanoseconds())/1000/float64(b.N), "cpu-µs/op")
		})
	}
}

func processCPU() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
