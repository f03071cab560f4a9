package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// TestClientOutcomes: each kind of answer is what it should be, on one
// connection as long as it is kept.
func TestClientOutcomes(t *testing.T) {
	t.Parallel()
	connections := make(chan struct{}, 100)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "7" || r.URL.Path != "/work" {
			t.Errorf("asked for %v", r.URL)
		}
		switch r.Header.Get(attemptHeader) {
		case "1":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "2":
			w.WriteHeader(http.StatusTooManyRequests)
		case "3":
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusBadGateway)
		case "4":
			panic(http.ErrAbortHandler) // in place of an answer
		}
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections <- struct{}{}
		}
	}
	server.Start()
	defer server.Close()
	c := &client{address: strings.TrimPrefix(server.URL, "http://")}
	defer c.close()
	for i, want := range []struct {
		outcome     outcome
		connections int
	}{{good, 1}, {shed, 1}, {shed, 1}, {failed, 1}, {failed, 2}} {
		if got := c.attempt(7, i, time.Now().Add(10*time.Second)); got.outcome != want.outcome {
			t.Errorf("attempt %d: %v, want %v", i, got, want.outcome)
		}
		if got := len(connections); got != want.connections {
			t.Errorf("after attempt %d: %d connections, want %d", i, got, want.connections)
		}
	}
}

// TestRefusals: what a client hears in a refusal.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		header map[string]string
		want   reply
	}{
		{503, nil, reply{outcome: shed}},
		{503, map[string]string{"Retry-After": "3"}, reply{outcome: shed, after: 3 * time.Second}},
		{503, map[string]string{"Retry-After": "soon"}, reply{outcome: shed}},
		{503, map[string]string{"X-Envoy-Ratelimited": "true"}, reply{outcome: shed, stop: true}},
		{429, nil, reply{outcome: shed, stop: true}},
		{429, map[string]string{"Retry-After": "2"}, reply{outcome: shed, after: 2 * time.Second}},
	} {
		answer := &http.Response{StatusCode: c.status, Header: http.Header{}}
		for name, value := range c.header {
			answer.Header.Set(name, value)
		}
		if got := refusal(answer); got != c.want {
			t.Errorf("%d %v: %+v, want %+v", c.status, c.header, got, c.want)
		}
	}
}

// TestClients: each calls from an address of its own, and asks for few things.
func TestClients(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	hosts, targets := map[string]bool{}, map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		mu.Lock()
		defer mu.Unlock()
		hosts[host], targets[r.URL.RawQuery] = true, true
	}))
	defer server.Close()
	all := newClients(strings.TrimPrefix(server.URL, "http://"), &sim.Population{Identities: 5, Targets: 3})
	defer all.close()
	for i := range uint64(40) {
		if got := all.attempt(i, 0, soon()); got.outcome != good {
			t.Fatalf("request %d: %v", i, got)
		}
	}
	if len(hosts) != 5 || len(targets) != 3 {
		t.Errorf("%d addresses asked for %d things, want 5 and 3", len(hosts), len(targets))
	}
}

// TestClientResets: one that has waited long enough resets its connection,
// which the server can see at once, and which is not used again.
func TestClientResets(t *testing.T) {
	t.Parallel()
	left := make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		left <- context.Cause(r.Context())
	}))
	defer server.Close()
	c := &client{address: strings.TrimPrefix(server.URL, "http://")}
	defer c.close()
	if got := c.attempt(1, 0, time.Now().Add(50*time.Millisecond)); got.outcome != gaveUp {
		t.Fatalf("%v, want to give up", got)
	}
	<-left
	if len(c.idle) != 0 {
		t.Error("the connection was kept")
	}
}

// TestClientNobodyListens: that is a failure, not a long wait.
func TestClientNobodyListens(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &client{address: listener.Addr().String()}
	listener.Close()
	if got := c.attempt(1, 0, time.Now().Add(10*time.Second)); got.outcome != failed {
		t.Errorf("%v, want a failure", got)
	}
}
