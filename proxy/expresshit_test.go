package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/levee-proxy/levee/config"
)

// leanConn is a connection to an engine of our own, which serves h.
func leanConn(t *testing.T, p *Proxy, h http.Handler) (r *bufio.Reader, c *clientConn, w net.Conn, ended <-chan struct{}) {
	t.Helper()
	cfg := p.gen.Load().cfg
	e, err := newEngine(config.EngineLean, &cfg.Listeners[0], &cfg.Limits, h, context.Background(), log.New(io.Discard, "", 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ours, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	theirs, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	end := make(chan struct{})
	c = &clientConn{Conn: theirs, scheme: "http", free: func() { close(end) }}
	c.setPeer("192.0.2.1:1")
	e.handle(c)
	return bufio.NewReader(ours), c, ours, end
}

// TestExpressHitIsInvisible: what is answered from the cache before the engine
// has made a request of it is what the handler answers; and what isn't goes to
// the handler as if nobody had looked.
func TestExpressHitIsInvisible(t *testing.T) {
	cases := slices.Concat(hitCases, []hitCase{
		{name: "several ranges", size: 1 << 10, request: "Range: bytes=0-1,5-6", status: 206},
		{name: "a long body", size: 200 << 10, status: 200, sent: 200 << 10},
		{name: "cached twice", size: 1 << 10, fields: "Cache-Status: origin; hit", status: 200, sent: 1 << 10},
		{name: "no content", status: 204},
		{name: "not found", size: 50, status: 404, sent: 50},
	})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := c.proxy(t)
			with, express := threeAnswers(t, p, p, &c)
			without, _ := threeAnswers(t, p, http.HandlerFunc(p.ServeHTTP), &c)
			if !slices.Equal(with, without) {
				t.Errorf("express: %q\nthe handler: %q", with, without)
			}
			if want := 2 * bit(c.express()); express != want {
				t.Errorf("%d were answered express, want %d", express, want)
			}
		})
	}
}

// express says whether the case is simple enough to be answered express.
func (c *hitCase) express() bool {
	return c.rung == "" && c.sent <= expressMost && !strings.Contains(c.request, ",5-6")
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// threeAnswers asks up to three times over one connection: for what is cached, for what
// isn't shared, and again. It returns the answers, in which what the time
// changes is left out, and how many of them were express.
func threeAnswers(t *testing.T, p *Proxy, h http.Handler, c *hitCase) (all []string, express int) {
	t.Helper()
	r, conn, w, ended := leanConn(t, p, h)
	for _, unlisted := range []string{"", "X-Unlisted: 1", ""} {
		if unlisted != "" && c.rung != "" {
			continue // its upstream answers but once
		}
		header := c.header()
		fieldsOf(header, unlisted)
		method := max(c.method, http.MethodGet)
		var b strings.Builder
		fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: example.com\r\n", method, c.target(0))
		_ = header.Write(&b)
		if _, err := io.WriteString(w, b.String()+"\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		lines := []string{resp.Status}
		for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
			lines = append(lines, name+": "+strings.Join(resp.Header[name], " | "))
		}
		all = append(all, moments.ReplaceAllString(strings.Join(lines, "\n"), "")+"\n\n"+boundaries.ReplaceAllString(string(body), ""))
	}
	w.Close()
	<-ended
	if conn.express != nil {
		express = int(conn.express.answered)
	}
	return all, express
}

// moments and boundaries are what differs from one answer to the next.
var (
	moments    = regexp.MustCompile("(?m)^Age: .*$|^Date: .*$|ttl=-?[0-9]+|boundary=.*$")
	boundaries = regexp.MustCompile("(?m)^--.*$")
)

// TestRouteIsFoundOnce: what a request's route was found to be when the cache was
// asked is taken for that request, and for no other one.
func TestRouteIsFoundOnce(t *testing.T) {
	p := unwired(t, "engine: lean\n"+strings.Replace(limited("{mode: adaptive}", "", ""), "routes: [{name: all, upstream: service}]",
		"routes: [{name: a, match: {pathPrefix: /a}, upstream: service}, {name: b, match: {pathPrefix: /b}, upstream: service}]", 1), "http://127.0.0.1:9")
	c := &clientConn{express: &express{proxy: p}}
	named := func(rt *route) string {
		if rt == nil {
			return "none"
		}
		return rt.name
	}
	for i, path := range []string{"/a", "/b", "/c", "/b/b"} {
		r := httptest.NewRequest("GET", path, nil)
		want := []string{"a", "b", "none", "b"}[i]
		if head, _ := c.express.hit(c, r, nil); len(head) > 0 {
			t.Fatalf("%s: answered", path)
		}
		before := p.gen.Load()
		if err := p.Reload(before.cfg); err != nil { // in between
			t.Fatal(err)
		}
		if gen, rt := c.takeFound(p, r); gen != before || named(rt) != want {
			t.Errorf("%s: taken for %s", path, named(rt))
		}
		post := httptest.NewRequest("POST", "/a", nil)
		c.express.hit(c, post, nil)
		if gen, rt := c.takeFound(p, post); gen != p.gen.Load() || named(rt) != "a" {
			t.Errorf("the next one: taken for %s", named(rt))
		}
	}
}
