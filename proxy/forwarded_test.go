package proxy

import (
	"fmt"
	"net"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// TestForwardsAreShared by connections that say the same, up to a number, and
// by none that say another thing.
func TestForwardsAreShared(t *testing.T) {
	p, err := New(parse(t, simple, "http://127.0.0.1:9"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	gen := p.gen.Load()
	inner, _ := net.Pipe()
	of := func(peer, port, scheme, host string, minor int) *forwarded {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host, r.ProtoMinor = host, minor
		c := &clientConn{Conn: inner, scheme: scheme, port: port, addr: netip.MustParseAddr(peer), addrText: peer}
		x := &exchange{facts: facts{r: r, gen: gen, conn: c}}
		f := x.forwardsAsBefore()
		if f == nil || f != x.forwardsAsBefore() {
			t.Fatal("a connection's next request has others")
		}
		return f
	}
	first := of("192.0.2.1", "80", "http", "h", 1)
	if of("192.0.2.1", "80", "http", "h", 1) != first {
		t.Error("another connection has its own")
	}
	for _, other := range []*forwarded{
		of("192.0.2.2", "80", "http", "h", 1), of("192.0.2.1", "81", "http", "h", 1), of("192.0.2.1", "80", "https", "h", 1),
		of("192.0.2.1", "80", "http", "i", 1), of("192.0.2.1", "80", "http", "h", 0),
	} {
		if string(other.lines) == string(first.lines) {
			t.Errorf("it says the same: %q", other.lines)
		}
	}
	for i := range 2 * maxForwards {
		host := fmt.Sprint("host-", i)
		if f := of("192.0.2.1", "80", "http", host, 1); !strings.Contains(string(f.lines), "X-Forwarded-Host: "+host+"\r\n") {
			t.Fatalf("%s: %q", host, f.lines)
		}
	}
	if n := len(gen.forwards.same); n != maxForwards {
		t.Errorf("%d are kept, want %d", n, maxForwards)
	}
}
