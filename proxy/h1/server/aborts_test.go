package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestNothingIsLeft: clients that do as they like, to handlers that do likewise,
// and in the end no goroutine, no descriptor and no watched request is left, and
// whoever behaved got its own answers. LEVEE_ABORTS is how many requests; a
// million take a quarter of an hour:
//
//	LEVEE_ABORTS=1000000 go test -run TestNothingIsLeft -timeout 1h ./proxy/h1/server
func TestNothingIsLeft(t *testing.T) {
	requests, at := int64(3000), uint64(32)
	if n, err := strconv.ParseInt(os.Getenv("LEVEE_ABORTS"), 10, 64); err == nil {
		requests, at = n, 512 // many of them only wait
	}
	goroutines, descriptors := runtime.NumGoroutine(), openDescriptors(t)
	var running atomic.Int64
	s, address := serve(t, Config{
		Header: time.Second, Idle: time.Second, Drain: time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			running.Add(1)
			defer running.Add(-1)
			whim(w, r)
		}),
	})
	var left, answered atomic.Int64
	left.Store(requests)
	var clients sync.WaitGroup
	for seed := range at {
		clients.Go(func() {
			r := rand.New(rand.NewPCG(seed, 2))
			for left.Add(-1) >= 0 {
				n, err := misbehave(r, address)
				if err != nil {
					t.Error(err)
					return
				}
				answered.Add(n)
			}
		})
	}
	clients.Wait()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for s.Conns() > 0 || running.Load() > 0 || runtime.NumGoroutine() > goroutines+2 || openDescriptors(t) > descriptors+2 {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections, %d handlers, %d goroutines of %d, %d descriptors of %d are left", s.Conns(), running.Load(), runtime.NumGoroutine(), goroutines, openDescriptors(t), descriptors)
		}
		<-tick.C
	}
	s.sweep.mu.Lock()
	defer s.sweep.mu.Unlock()
	if s.sweep.first != nil {
		t.Error("a request is still watched")
	}
	if answered.Load() < requests/4 {
		t.Errorf("only %d of %d requests were answered", answered.Load(), requests)
	}
}

// whim answers as the path says: its number must come back to whom it belongs.
func whim(w http.ResponseWriter, r *http.Request) {
	var n, how int
	fmt.Sscanf(r.URL.Path, "/%d/%d", &how, &n)
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	switch how {
	case 1:
		<-ctx.Done() // the client leaves
		return
	case 2:
		panic(http.ErrAbortHandler)
	case 3:
		io.Copy(io.Discard, r.Body)
	case 4:
		go io.Copy(io.Discard, r.Body)
	case 5:
		w.(http.Flusher).Flush()
	case 6:
		if nc, _, err := http.NewResponseController(w).Hijack(); err == nil {
			nc.Close()
			return
		}
	case 7:
		defer io.WriteString(w, strings.Repeat("x", 100_000))
	}
	fmt.Fprintf(w, "%d\n", n)
}

// misbehave opens a connection, sends some requests in some way, and may leave
// at any moment. It returns how many answers it got, each of which must be its own.
func misbehave(r *rand.Rand, address string) (answers int64, err error) {
	nc, err := net.Dial("tcp", address)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	br := bufio.NewReader(nc)
	for range 1 + r.IntN(4) {
		n, how := r.Int32(), r.IntN(12)
		m := fmt.Sprintf("GET /%d/%d HTTP/1.1\r\nHost: h\r\n\r\n", how, n)
		switch r.IntN(4) {
		case 0:
			m = fmt.Sprintf("POST /%d/%d HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", how, n)
		case 1:
			m = fmt.Sprintf("POST /%d/%d HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", how, n)
		}
		part := m
		if r.IntN(4) == 0 {
			part = m[:r.IntN(len(m))]
		}
		if _, err := io.WriteString(nc, part); err != nil {
			return answers, nil
		}
		switch tcp := nc.(*net.TCPConn); r.IntN(8) {
		case 0:
			return answers, nil
		case 1:
			_ = tcp.SetLinger(0) // a reset
			return answers, nil
		case 2:
			_ = tcp.CloseWrite()
		}
		if len(part) < len(m) || how == 1 {
			return answers, nil
		}
		resp, err := http.ReadResponse(br, &http.Request{Method: m[:strings.IndexByte(m, ' ')]})
		if err != nil {
			return answers, nil
		}
		line, err := bufio.NewReader(resp.Body).ReadString('\n')
		_, _ = io.Copy(io.Discard, resp.Body)
		if err != nil {
			return answers, nil
		}
		if resp.StatusCode == 200 && strings.TrimSpace(line) != fmt.Sprint(n) {
			return answers, fmt.Errorf("it asked for %d, and got %q", n, line)
		}
		answers++
		if how == 7 { // what is left of the body was behind the reader
			return answers, nil
		}
	}
	return answers, nil
}

func openDescriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no way to count descriptors here")
	}
	return len(entries)
}
