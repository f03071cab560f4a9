package proxy

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/levee-proxy/levee/proxy/internal/benchclient"
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
			benchclient.Run(b, address, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", body)
		})
	}
}
