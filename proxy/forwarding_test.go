package proxy

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestClientAddr(t *testing.T) {
	trusted := newTrustedPeers([]string{"10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "unix"})
	for _, tc := range []struct {
		name, peer string
		header     http.Header
		want       string
	}{
		{"untrusted peer", "6.6.6.6", http.Header{"X-Forwarded-For": {"1.1.1.1"}}, "6.6.6.6"},
		{"no header", "10.0.0.1", nil, "10.0.0.1"},
		{"one hop", "10.0.0.1", http.Header{"X-Forwarded-For": {"1.1.1.1"}}, "1.1.1.1"},
		{"made up on the left", "10.0.0.1", http.Header{"X-Forwarded-For": {"9.9.9.9, 1.1.1.1, 10.2.3.4"}}, "1.1.1.1"},
		{"two lines", "10.0.0.1", http.Header{"X-Forwarded-For": {"9.9.9.9", "1.1.1.1", "192.0.2.7"}}, "1.1.1.1"},
		{"all trusted", "10.0.0.1", http.Header{"X-Forwarded-For": {"10.0.0.3, 10.0.0.2"}}, "10.0.0.3"},
		{"garbage ends it", "10.0.0.1", http.Header{"X-Forwarded-For": {"1.1.1.1, unknown, 10.0.0.2"}}, "10.0.0.2"},
		{"port and brackets", "10.0.0.1", http.Header{"X-Forwarded-For": {"[2001:db9::1]:80"}}, "2001:db9::1"},
		{"mapped", "10.0.0.1", http.Header{"X-Forwarded-For": {"::ffff:1.2.3.4"}}, "1.2.3.4"},
		{"Forwarded", "10.0.0.1", http.Header{"Forwarded": {`for="[2001:db9::2]:9";proto=https, for=10.0.0.9`}}, "2001:db9::2"},
		{"Forwarded obfuscated", "10.0.0.1", http.Header{"Forwarded": {"for=1.1.1.1, for=_hidden"}}, "10.0.0.1"},
		{"X-Forwarded-For first", "10.0.0.1", http.Header{"X-Forwarded-For": {"1.1.1.1"}, "Forwarded": {"for=2.2.2.2"}}, "1.1.1.1"},
		{"trusted IPv6 peer", "2001:db8::1", http.Header{"X-Forwarded-For": {"1.1.1.1"}}, "1.1.1.1"},
		{"unix socket", "", http.Header{"X-Forwarded-For": {"1.1.1.1"}}, "1.1.1.1"},
	} {
		var peer netip.Addr
		if tc.peer != "" {
			peer = netip.MustParseAddr(tc.peer)
		}
		if got := clientAddr(tc.header, peer, &trusted); got.String() != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
	if nobody := newTrustedPeers(nil); nobody.has(netip.MustParseAddr("127.0.0.1")) || nobody.has(netip.Addr{}) {
		t.Error("somebody is trusted by default")
	}
}

// TestTrustedForwarding: a trusted proxy's fields are added to.
func TestTrustedForwarding(t *testing.T) {
	up := newCounting(t)
	p := start(t, simple+"forwarding: {trusted: [127.0.0.0/8]}\n", up.url, Options{})
	c := dialRaw(t, p)
	c.send("GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: www.example\r\nForwarded: for=1.1.1.1;proto=https\r\nVia: 1.1 edge\r\nX-Request-Id: abc-123\r\nX-Envoy-Expected-Rq-Timeout-Ms: 5000\r\n\r\n")
	c.answer("GET")
	h := up.last.Load().Header
	for name, want := range map[string]string{
		"X-Forwarded-For": "1.1.1.1, 127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "www.example",
		"Forwarded": `for=1.1.1.1;proto=https, for=127.0.0.1;host="h";proto=http`, "Via": "1.1 edge, 1.1 levee", "X-Request-Id": "abc-123",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if ms, err := time.ParseDuration(h.Get("X-Envoy-Expected-Rq-Timeout-Ms") + "ms"); err != nil || ms > 5e9 || ms < 1e9 {
		t.Errorf("time left: %q", h.Get("X-Envoy-Expected-Rq-Timeout-Ms"))
	}
}

func TestRequestID(t *testing.T) {
	for sent, kept := range map[string]bool{
		"abc-123": true, "7f/9:a=b+c@d._": true, "": false, "a b": false, "a\"b": false,
		strings.Repeat("x", 128): true, strings.Repeat("x", 129): false,
	} {
		got := requestID(http.Header{"X-Request-Id": {sent}}, "X-Request-Id", nil)
		if (got == sent) != kept || !soundID(got) {
			t.Errorf("%q became %q", sent, got)
		}
	}
	if a, b := requestID(nil, "X", nil), requestID(nil, "X", nil); a == b || len(a) != 32 {
		t.Errorf("made %q and %q", a, b)
	}
}

// TestGoesInCircles: a proxy that is its own upstream ends it soon.
func TestGoesInCircles(t *testing.T) {
	var p *running
	up := service(t, func(w http.ResponseWriter, r *http.Request) { p.ServeHTTP(w, r) })
	p = start(t, simple, up.URL, Options{})
	resp, _ := get(t, p.url)
	wantAnswer(t, resp, 502, errLoop)
}

func FuzzForwardingHeaders(f *testing.F) {
	f.Add("1.1.1.1, 10.0.0.2", `for="[::1]:80";proto=https, for=_x`, "h")
	f.Add(",,,", `for=";host=",`, `a"b\`)
	f.Add("\xff", `for`, "")
	f.Fuzz(func(t *testing.T, xff, fwd, host string) {
		trusted := newTrustedPeers([]string{"10.0.0.0/8"})
		peer := netip.MustParseAddr("10.0.0.1")
		for _, h := range []http.Header{{"X-Forwarded-For": {xff}}, {"Forwarded": {fwd}}} {
			a := clientAddr(h, peer, &trusted)
			if !a.IsValid() || a.Zone() != "" {
				t.Fatalf("%v: %v", h, a)
			}
			if a != peer && !strings.ContainsAny(xff+fwd, ".:") {
				t.Fatalf("%v: %v from nowhere", h, a)
			}
		}
		// An element that we write must read back as this hop, whatever the Host was.
		element := forwardedElement(&clientConn{addr: peer, addrText: peer.String(), scheme: "http"}, host, nil)
		var hops []string
		for hop := range forwardedHops(http.Header{"Forwarded": {element}}) {
			hops = append(hops, hop)
		}
		if len(hops) != 1 || hops[0] != "10.0.0.1" {
			t.Fatalf("Host %q made %q, read back as %q", host, element, hops)
		}
	})
}
