package proxy

import (
	"bufio"
	"bytes"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/proxy/internal/connections"
	"github.com/levee-proxy/levee/proxy/internal/fields"
)

// TestHeaderIsTheSameInBothForms: a request's header comes to the same whether it
// is written down, as our own engine does, or put into a map for net/http,
// whoever sends whatever, and whether or not the connection has sent such before.
func TestHeaderIsTheSameInBothForms(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	names := []string{
		"Accept", "Cookie", "User-Agent", "Connection", "Keep-Alive", "Te", "Upgrade", "Proxy-Connection", "Expect",
		"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Real-Ip", "Forwarded", "Via",
		"X_forwarded_for", "X_other", "X-Request-Id", "X-Priority", "X-Budget", "X-Envoy-Expected-Rq-Timeout-Ms", "X-Envoy-Attempt-Count",
		"Grpc-Timeout", "Content-Type", "Content-Length", "Levee-Guarded",
	}
	values := []string{"a", "10.1.2.3", "keep-alive", "close, X-Request-Id", "via, x-forwarded-for, accept", "trailers, deflate", "1.1 levee", "application/grpc", "5", "2s", "websocket"}
	var gens []*generation
	for _, more := range []string{
		"", "forwarding: {trusted: [192.0.2.1]}", "forwarding: {xForwarded: false}", "forwarding: {forwarded: false, trusted: [192.0.2.1]}",
		"priority: {header: X-Priority}\ndeadline: {header: X-Budget}",
	} {
		p, err := New(parse(t, strings.Replace(simple, "apiVersion: levee/v1", "apiVersion: levee/v1\n"+more, 1), "http://127.0.0.1:9"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		gens = append(gens, p.gen.Load())
	}
	e := &endpoint{target: &connections.Target{}, up: &Upstream{cfg: &config.Upstream{}}}
	inner, _ := net.Pipe()
	conns := map[string]*clientConn{
		"known": {Conn: inner, scheme: "http", port: "80", addr: netip.MustParseAddr("192.0.2.1"), addrText: "192.0.2.1"},
		"unix":  {Conn: inner, scheme: "https"},
	}
	before := 0
	for range 20_000 {
		h := http.Header{}
		for range random.IntN(7) {
			name := names[random.IntN(len(names))]
			h[name] = append(h[name], values[random.IntN(len(values))])
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header, r.Host = h, []string{"h", "i.example:80", ""}[random.IntN(3)]
		if random.IntN(4) == 0 {
			r.Proto, r.ProtoMinor = "HTTP/1.0", 0
		}
		conn := conns[[]string{"known", "unix"}[random.IntN(2)]]
		x := &exchange{facts: facts{
			r: r, gen: gens[random.IntN(len(gens))], conn: conn, requestID: "id-1", priorityText: "critical",
			upgrade: random.IntN(8) == 0, grpc: isGRPC(h), values: fields.TakeValues(),
		}}
		now := time.Now()
		if random.IntN(2) == 0 {
			x.deadline = now.Add(time.Second)
		}
		a := &attempt{endpoint: e}
		outgoing(nil, x, a, now)
		if a.forwarded != nil {
			before++
		}
		lines := a.AppendFields(nil)
		want := a.header()
		maps.DeleteFunc(want, func(name string, v []string) bool { return len(v) == 0 || name == "Content-Length" })
		if again := a.AppendFields(nil); len(again) != len(lines) {
			t.Fatalf("once a map was made, %q is written, and before %q", again, lines)
		}
		got, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(append(lines, "\r\n"...)))).ReadMIMEHeader()
		if err != nil {
			t.Fatalf("%v of %q", err, lines)
		}
		if !maps.EqualFunc(http.Header(got), want, slices.Equal) {
			t.Fatalf("of %v, trusted %v:\n%v is written, net/http gets\n%v", h, conn.trusted(x.gen), got, want)
		}
		x.values.Release()
	}
	if before < 5000 {
		t.Errorf("only %d requests were forwarded as the one before", before)
	}
}

// TestForwardingFieldsFollowTheRequest: what a connection sends again and again
// is what its requests say, also after another host, version or configuration.
func TestForwardingFieldsFollowTheRequest(t *testing.T) {
	up := service(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Said", r.Header.Get("X-Forwarded-Host")+" "+r.Header.Get("Via")+" "+r.Header.Get("Forwarded"))
	})
	p := start(t, leanSimple, up.URL, Options{})
	c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answers := bufio.NewReader(c)
	for _, step := range []struct{ request, want string }{
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", `a 1.1 levee for=127.0.0.1;host="a";proto=http`},
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", `a 1.1 levee for=127.0.0.1;host="a";proto=http`},
		{"GET / HTTP/1.1\r\nHost: b\r\nVia: 1.0 x\r\n\r\n", `b 1.0 x, 1.1 levee for=127.0.0.1;host="b";proto=http`},
		{"GET / HTTP/1.1\r\nHost: b\r\nX-Forwarded-Host: evil\r\n\r\n", `b 1.1 levee for=127.0.0.1;host="b";proto=http`},
		{"GET / HTTP/1.0\r\nHost: b\r\nConnection: keep-alive\r\n\r\n", `b 1.0 levee for=127.0.0.1;host="b";proto=http`},
		{"GET / HTTP/1.1\r\nHost: b\r\n\r\n", `b 1.1 levee for=127.0.0.1;host="b";proto=http`},
	} {
		if _, err := c.Write([]byte(step.request)); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if got := answer.Header.Get("X-Said"); got != step.want {
			t.Errorf("behind %q the upstream got %q, want %q", step.request, got, step.want)
		}
	}
}
