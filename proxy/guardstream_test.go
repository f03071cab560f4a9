package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/levee-proxy/levee/internal/telemetry"
	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// TestStreamEndsWithItsClient: the answer to a keyed request that is streamed
// goes to its client alone, and the upstream hears when that one leaves, before
// the answer began or behind it.
func TestStreamEndsWithItsClient(t *testing.T) {
	large := strings.Repeat("x", 2000) + "\n"
	for name, c := range map[string]struct {
		contentType, begins string
		early               bool
	}{
		"an event stream":                 {contentType: "text/event-stream", begins: "data\n"},
		"a large answer":                  {contentType: "text/plain", begins: large},
		"an event stream, left before it": {contentType: "text/event-stream", early: true}, // and silent
		"a large answer, left before it":  {contentType: "text/plain", begins: large, early: true},
	} {
		t.Run(name, func(t *testing.T) {
			arrived, left, gone := make(chan struct{}), make(chan struct{}), make(chan struct{})
			up := service(t, func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				close(arrived)
				if c.early {
					<-left
				}
				w.Header().Set("Content-Type", c.contentType)
				io.WriteString(w, c.begins)
				http.NewResponseController(w).Flush()
				<-r.Context().Done()
				close(gone)
			})
			p := start(t, keyed(", answerLimit: 1KiB"), up.URL, Options{})
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			r, _ := http.NewRequestWithContext(ctx, http.MethodPost, p.url, strings.NewReader("x"))
			r.Header.Set(signals.IdempotencyKeyHeader, "k")
			if c.early {
				go func() {
					<-arrived
					leave()
				}()
				if _, err := http.DefaultClient.Do(r); err == nil {
					t.Error("it was answered")
				}
				eventually(t, "Levee hears that the client has left", func() bool {
					return p.o.guard.opened().Status(time.Now()).Running == 1 && p.inflight.Load() == 1
				})
				close(left)
			} else {
				resp, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				bufio.NewReader(resp.Body).ReadString('\n')
				leave()
				resp.Body.Close()
			}
			select {
			case <-gone:
			case <-time.After(testDeadline):
				t.Fatal("the upstream doesn't hear that the client has left")
			}
			eventually(t, "nothing is under way", func() bool { return p.inflight.Load() == 0 })
			resp, _ := post(t, p.url, "k", "x")
			wantGuard(t, resp, 409, "was answered already, with status 200")
		})
	}
}

// TestStreamInProgressIsNotCut: over HTTP/2 too, the answer to a keyed request
// may take longer than the write timeout as long as its client takes it.
func TestStreamInProgressIsNotCut(t *testing.T) {
	for _, contentType := range []string{"text/event-stream", "text/plain"} {
		up := service(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			io.WriteString(w, strings.Repeat("x", 2000)+"\n")
			for i := range 6 {
				fmt.Fprintf(w, "data: %d\n", i)
				http.NewResponseController(w).Flush()
				takes(250 * time.Millisecond)
			}
		})
		yaml := strings.Replace(keyed(", answerLimit: 1KiB"), `{address: "127.0.0.1:0"}`, `{address: "127.0.0.1:0", timeouts: {write: 1s}}`, 1)
		p := start(t, yaml, up.URL, Options{})
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url, strings.NewReader("x"))
		r.Header.Set(signals.IdempotencyKeyHeader, "k")
		resp, err := h2cClient(t).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if n := strings.Count(string(body), "data:"); err != nil || n != 6 || resp.ProtoMajor != 2 {
			t.Errorf("%s over %s: %d of 6 events, %v", contentType, resp.Proto, n, err)
		}
	}
}

// TestStreamOutlivesItsClientsDeadline, if it is meant to last.
func TestStreamOutlivesItsClientsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, 1, ", timeout: 1s, idempotency: {mode: required}", "", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, "one ")
			http.NewResponseController(w).Flush()
			takes(3 * time.Second)
			io.WriteString(w, "two")
		})
		if status, _, body := s.do("POST /a\nIdempotency-Key: k\n\nbody"); status != 200 || body != "one two" {
			t.Errorf("answered %d %q", status, body)
		}
		s.quiet()
	})
}

// TestRefusedCallsAreFree: a Levee behind this one refuses a gRPC call with
// status 200 and trailers alone. The call was not carried out.
func TestRefusedCallsAreFree(t *testing.T) {
	for name, c := range map[string]struct {
		status, shed string
		calls        int64
	}{
		"no room":              {"14", "overload", 2},
		"over its rate":        {"8", "client_rate", 2},
		"the service's word":   {"14", "", 1},
		"of no refusal":        {"13", "overload", 1},
		"answered, and marked": {"0", "overload", 1},
	} {
		var calls atomic.Int64
		url, _ := h2cService(t, func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", grpcContentType)
			if calls.Add(1) == 1 {
				if c.shed != "" {
					w.Header().Set(signals.ShedHeader, c.shed)
				}
				w.Header().Set("Grpc-Status", c.status)
				return
			}
			w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
			w.Write(make([]byte, 5))
		})
		p := start(t, keyed(""), url, Options{})
		client := h2cClient(t)
		for range 3 {
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/pkg.S/M", strings.NewReader("\x00\x00\x00\x00\x00"))
			r.Header.Set("Content-Type", grpcContentType)
			r.Header.Set("Te", "trailers")
			r.Header.Set(signals.IdempotencyKeyHeader, "k")
			resp, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		if calls.Load() != c.calls {
			t.Errorf("%s: sent %d times, want %d", name, calls.Load(), c.calls)
		}
	}
}

// TestAttemptsOfKeyedRequestsAreLogged as those of any other.
func TestAttemptsOfKeyedRequestsAreLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines strings.Builder
		s := newStage(t, 2, ", idempotency: {mode: required}", ", retry: {attempts: 2}", nil, answers(200))
		s.proxy.o.Access = telemetry.NewAccessLog(&lines, telemetry.FormatText, telemetry.ModeAll)
		status, _, _ := s.do("POST /a\nIdempotency-Key: k\n\nbody")
		s.quiet()
		s.proxy.o.Access.Close(time.Minute)
		if status != 200 || !strings.Contains(lines.String(), "attempts=2") {
			t.Errorf("answered %d, and logged %q", status, lines.String())
		}
	})
}
