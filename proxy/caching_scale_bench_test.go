package proxy

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/levee-proxy/levee/cache/storage"
	"github.com/levee-proxy/levee/proxy/internal/benchclient"
)

// BenchmarkHitAmong is a hit where there are many keys, or many routes, each as
// likely as any other: so nothing of theirs is in the processor's caches, which
// is what is left of their number. In the handler the difference is all that a
// hit takes from memory; over HTTP, what it is of a request's cost.
func BenchmarkHitAmong(b *testing.B) {
	for _, n := range []int{1, 1000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("%d keys", n), func(b *testing.B) {
			p := among(b, 1, n)
			benchAmong(b, p, func(i int) (host, target string) { return "h0.example", "/item/" + strconv.Itoa(i%n) })
		})
	}
	for _, n := range []int{1, 10, 10_000} {
		b.Run(fmt.Sprintf("%d routes", n), func(b *testing.B) {
			p := among(b, n, 1)
			hosts := make([]string, n)
			for i := range hosts {
				hosts[i] = fmt.Sprintf("h%d.example", i)
			}
			benchAmong(b, p, func(i int) (host, target string) { return hosts[i%n], "/item/0" })
		})
	}
}

// among is a proxy with so many routes, and keys that are cached for each.
func among(tb testing.TB, routes, keys int) *Proxy {
	tb.Helper()
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "max-age=36000")
		h.Set("Content-Type", "application/json")
		h.Set("Etag", `"0123456789abcdef"`)
		_, _ = w.Write([]byte(strings.Repeat("x", 100)))
	}))
	tb.Cleanup(up.Close)
	var yaml strings.Builder
	yaml.WriteString("apiVersion: levee/v1\nlisteners: [{address: \"127.0.0.1:0\"}]\ncache: {bytes: 4GiB}\nupstreams: [{name: service, endpoints: [\"$UPSTREAM\"]}]\nroutes:\n")
	for i := range routes {
		fmt.Fprintf(&yaml, "- {name: r%d, match: {hosts: [h%d.example]}, upstream: service, cache: {mode: on}}\n", i, i)
	}
	p := start(tb, yaml.String(), up.URL, Options{})
	c := hitCase{}
	r := c.requests(tb)[0]
	r.Host = "h0.example"
	d := &taker{header: http.Header{}}
	eventually(tb, "an answer is cached", func() bool {
		d.reset()
		p.ServeHTTP(d, r)
		return strings.Contains(d.header.Get("Cache-Status"), "; hit")
	})
	x := &exchange{facts: facts{r: r, conn: connOf(r), route: p.gen.Load().router.find(r.Host, r.URL)}}
	p.takesPart(x)
	model, found := p.o.caching.parts.Load().store.Get(x.turn.base, nil)
	if !found {
		tb.Fatal("it isn't stored")
	}
	for _, rt := range p.gen.Load().router.routes {
		for i := range keys {
			storeLike(tb, p.Proxy, model, rt, "/item/"+strconv.Itoa(i))
		}
	}
	return p.Proxy
}

// storeLike stores an answer like another under one more key, in memory of its own.
func storeLike(tb testing.TB, p *Proxy, model *entry, rt *route, target string) {
	tb.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Host = rt.cfg.Match.Hosts[0]
	x := &exchange{facts: facts{r: r, conn: &clientConn{scheme: "http"}, route: rt}}
	if !p.takesPart(x) {
		tb.Fatal("the cache takes no part")
	}
	h := http.Header{}
	model.Header.CopyTo(h)
	store := x.turn.parts.store
	e := entry{Policy: stored{model.Policy.Policy, &marks{}, model.Policy.cost}, Header: storage.Pack(h), Body: storage.NewBody([]byte(strings.Repeat("x", 100)))}
	if err := store.Put(x.turn.base, store.Mark(), storage.Labels{URL: "http://" + r.Host + target}, e); err != nil {
		tb.Fatal(err)
	}
}

func benchAmong(b *testing.B, p *Proxy, pick func(i int) (host, target string)) {
	b.Run("handler", func(b *testing.B) {
		r := (&hitCase{}).requests(b)[0]
		d := &taker{header: http.Header{}}
		source := rand.NewPCG(1, 1)
		cpu := benchclient.CPU()
		for b.Loop() {
			r.Host, r.RequestURI = pick(int(source.Uint64() >> 1))
			r.URL.Path = r.RequestURI
			d.reset()
			p.ServeHTTP(d, r)
		}
		b.ReportMetric(float64((benchclient.CPU()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
		if !strings.Contains(d.header.Get("Cache-Status"), "; hit") {
			b.Fatal(d.header)
		}
	})
	b.Run("HTTP", func(b *testing.B) {
		c, err := net.Dial("tcp", p.Addrs()[0].String())
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		source := rand.NewPCG(1, 1)
		var request []byte
		buf := make([]byte, 4096)
		cpu := benchclient.CPU()
		for b.Loop() {
			host, target := pick(int(source.Uint64() >> 1))
			request = fmt.Appendf(request[:0], "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: */*\r\n\r\n", target, host)
			if _, err := c.Write(request); err != nil {
				b.Fatal(err)
			}
			for n := 0; n < 100 || string(buf[n-100:n]) != strings.Repeat("x", 100); {
				m, err := c.Read(buf[n:])
				if err != nil {
					b.Fatal(err)
				}
				n += m
			}
		}
		b.ReportMetric(float64((benchclient.CPU()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
	})
}
