package demo

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnswers(t *testing.T) {
	tests := []struct {
		method, target, body string
		status               int
		contains             string
	}{
		{"GET", "/", "", 200, "  GET / HTTP/1.1\n  Host: example.com\n  X-Request-Id: abc\n"},
		{"GET", "/", "", 200, "curl -i http://example.com/slow?ms=300\n"},
		{"GET", "/slow?ms=0", "", 200, "  GET /slow?ms=0 HTTP/1.1\n"},
		{"GET", "/slow?ms=-1", "", 400, "ms must be a whole number from 0 to 60000"},
		{"GET", "/slow?ms=soon", "", 400, "ms must be"},
		{"GET", "/status/503", "", 503, "503 Service Unavailable\n"},
		{"GET", "/status/204", "", 204, ""},
		{"GET", "/status/100", "", 400, "/status/503"},
		{"GET", "/status/teapot", "", 400, "/status/503"},
		{"GET", "/stream?events=2&ms=0", "", 200, "id: 1\ndata: event 1 of 2\n\nid: 2\ndata: event 2 of 2\n\n"},
		{"GET", "/stream?events=1001", "", 400, "events must be a whole number from 0 to 1000"},
		{"POST", "/echo", "hello", 200, "hello"},
		{"GET", "/nowhere", "", 404, ""},
	}
	for _, test := range tests {
		t.Run(test.method+" "+test.target, func(t *testing.T) {
			r := httptest.NewRequest(test.method, test.target, strings.NewReader(test.body))
			r.Header.Set("X-Request-Id", "abc")
			w := httptest.NewRecorder()
			Handler().ServeHTTP(w, r)
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.contains) {
				t.Fatalf("status %d, want %d; body %q, want it to contain %q", w.Code, test.status, w.Body, test.contains)
			}
		})
	}
}

func TestSlowTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/slow?ms=60000", nil))
		if took := time.Since(start); took != time.Minute {
			t.Fatalf("took %v, want a minute", took)
		}
	})
}

func TestAClientThatLeavesIsNotWaitedFor(t *testing.T) {
	for _, target := range []string{"/slow?ms=60000", "/stream"} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			w := httptest.NewRecorder()
			Handler().ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", target, nil))
			if took := time.Since(start); took != time.Millisecond {
				t.Fatalf("%s: took %v, want 1ms", target, took)
			}
			if strings.Contains(w.Body.String(), "Hello") {
				t.Fatalf("%s: answered a client that had left", target)
			}
		})
	}
}

// The echo comes back while the request is still being sent: each line is
// written only after the one before it was read.
func TestEchoStreams(t *testing.T) {
	server, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()

	out, in := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/echo", out)
	if err != nil {
		t.Fatal(err)
	}
	go io.WriteString(in, "one\n")
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewReader(answer.Body)
	for _, next := range []string{"two\n", "three\n", ""} {
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		if next != "" {
			io.WriteString(in, next)
		}
	}
	in.Close()
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Fatalf("after the end: %q, %v", rest, err)
	}
}
