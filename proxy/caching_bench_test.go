package proxy

import (
	"net/http"
	"testing"
	"time"

	"github.com/levee-proxy/levee/proxy/internal/benchclient"
)

// taker is a client that takes everything and keeps nothing.
type taker struct {
	header http.Header
	status int
	n      int
}

func (d *taker) Header() http.Header              { return d.header }
func (d *taker) Flush()                           {}
func (d *taker) WriteHeader(status int)           { d.status = status }
func (d *taker) Write(p []byte) (int, error)      { d.n += len(p); return len(p), nil }
func (d *taker) SetWriteDeadline(time.Time) error { return nil }
func (d *taker) reset()                           { clear(d.header); d.status, d.n = 0, 0 }

// BenchmarkHit is a hit as the handler has it. cpu-ns/op is what the process took.
func BenchmarkHit(b *testing.B) {
	for _, c := range hitCases {
		b.Run(c.name, func(b *testing.B) {
			p, requests := c.proxy(b), c.requests(b)
			d, i := &taker{header: http.Header{}}, 0
			b.ReportAllocs()
			cpu := benchclient.CPU()
			for b.Loop() {
				d.reset()
				p.ServeHTTP(d, requests[i%len(requests)])
				i++
			}
			b.ReportMetric(float64((benchclient.CPU()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
			c.check(b, d)
		})
	}
}
