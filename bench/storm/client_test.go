package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
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
		if got := c.attempt(7, i, time.Now().Add(10*time.Second)); got != want.outcome {
			t.Errorf("attempt %d: %v, want %v", i, got, want.outcome)
		}
		if got := len(connections); got != want.connections {
			t.Errorf("after attempt %d: %d connections, want %d", i, got, want.connections)
		}
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
	if got := c.attempt(1, 0, time.Now().Add(50*time.Millisecond)); got != gaveUp {
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
	if got := c.attempt(1, 0, time.Now().Add(10*time.Second)); got != failed {
		t.Errorf("%v, want a failure", got)
	}
}
