package proxy

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/levee-proxy/levee/limiter"
	"github.com/levee-proxy/levee/limiter/storm"
	"github.com/levee-proxy/levee/proxy/internal/clock"
	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// scripted is a detector that says what a test wants, and counts.
type scripted struct {
	detector
	kind           storm.AnswerKind // Answer's
	slot           storm.AnswerKind // AnswerReturn's
	arrived, ended int
}

func (s *scripted) Arrive(_ time.Time, r *storm.Request)                { s.arrived++; r.Attempt = max(r.Says, 1) }
func (s *scripted) End(time.Time, *storm.Request, storm.Outcome)        { s.ended++ }
func (s *scripted) Admit(time.Time, *storm.Request) bool                { return true }
func (s *scripted) State() storm.State                                  { return storm.Calm }
func (s *scripted) Patience(*storm.Request) (time.Duration, bool)       { return 0, false }
func (s *scripted) Answer(time.Time, *storm.Request) storm.Answer       { return s.say(s.kind) }
func (s *scripted) AnswerReturn(time.Time, *storm.Request) storm.Answer { return s.say(s.slot) }
func (s *scripted) AnswerStopOnly(time.Time, *storm.Request) storm.Answer {
	return s.say(storm.Stop)
}

func (s *scripted) say(k storm.AnswerKind) storm.Answer {
	a := storm.Answer{Kind: k}
	if k == storm.Return {
		a.After = 7 * time.Second
	}
	return a
}

// TestDialects: what each kind of client is told, and how, by net/http and by
// the express path alike.
func TestDialects(t *testing.T) {
	const stop, back = storm.Stop, storm.Return
	envoy := []string{"X-Envoy-Attempt-Count: 1"}
	for _, test := range []struct {
		name       string
		settings   string // of the upstream's storm
		kind, slot storm.AnswerKind
		header     []string
		status     int
		fields     string // of those that tell, in their order
	}{
		{"stop", "", stop, stop, nil, 429, "X-Envoy-Ratelimited: true, X-Should-Retry: false"},
		{"return", "", back, back, nil, 503, "Retry-After: 7"},
		{"plain", "", storm.Plain, back, nil, 503, ""},
		{"Envoy doesn't wait", "", back, back, envoy, 429, "X-Envoy-Ratelimited: true, X-Should-Retry: false"},
		{"Istio", "", back, back, []string{"X-Envoy-Decorator-Operation: a.default.svc:80/*"}, 429, "X-Envoy-Ratelimited: true, X-Should-Retry: false"},
		{"AWS, stop", "", stop, stop, []string{"Amz-Sdk-Request: attempt=1; max=3"}, 429, "X-Envoy-Ratelimited: true, X-Should-Retry: false"},
		{"AWS, return", "", back, back, []string{"Amz-Sdk-Invocation-Id: 5e8f"}, 503, "Retry-After: 7, X-Amz-Retry-After: 7000"},
		{"persistent, and there is a slot", "", stop, back, []string{"User-Agent: Go-http-client/1.1"}, 503, "Retry-After: 7"},
		{"persistent, and there is none", "", stop, stop, []string{"User-Agent: axios/1.21.1"}, 429, "Retry-After: N, X-Envoy-Ratelimited: true, X-Should-Retry: false"},
		{"always stop", "answer: stop", back, back, nil, 429, "X-Envoy-Ratelimited: true, X-Should-Retry: false"},
		{"always return", "answer: return", stop, back, nil, 503, "Retry-After: 7"},
		{"always plain", "answer: plain", stop, back, envoy, 503, ""},
		{"observed", "mode: observe", stop, back, nil, 503, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArena(t, limited("{mode: fixed, limit: 1, queue: {length: 0}}, storm: {"+test.settings+"}", "", ""))
				d := &scripted{kind: test.kind, slot: test.slot}
				a.proxy.gen.Load().upstreams["service"].inbound.detector = d
				a.ask("/hold")
				q, e := a.connectExpress()
				request := "GET / HTTP/1.1\r\nHost: h\r\n" + strings.Join(append(test.header, "", ""), "\r\n")
				for i := range 2 { // net/http takes the first apart; to the lean engine nothing was shed yet
					synctest.Wait() // as in exchange
					io.WriteString(q.conn, request)
					resp, err := http.ReadResponse(q.br, nil)
					if err != nil {
						t.Fatal(err)
					}
					io.Copy(io.Discard, resp.Body)
					if got := tells(resp.Header); resp.StatusCode != test.status || got != test.fields {
						t.Errorf("%d. %d %s, want %d %s", i, resp.StatusCode, got, test.status, test.fields)
					}
				}
				if e.answered != 1 || d.arrived != 3 || d.ended != 2 {
					t.Errorf("%d went express, %d arrived, %d ended", e.answered, d.arrived, d.ended)
				}
				a.release <- struct{}{}
				synctest.Wait()
				if d.ended != 3 {
					t.Errorf("%d ended", d.ended)
				}
			})
		})
	}
}

// tells lists the fields that tell a client something. A time that is drawn is N.
func tells(h http.Header) string {
	var all []string
	for _, name := range []string{signals.RetryAfterHeader, signals.AWSRetryAfterHeader, signals.RateLimitedHeader, signals.ShouldRetryHeader, signals.PushbackHeader} {
		for _, v := range h[name] {
			if name == signals.RetryAfterHeader && v >= "15" && v <= "30" && len(v) == 2 {
				v = "N"
			}
			all = append(all, name+": "+v)
		}
	}
	return strings.Join(all, ", ")
}

// TestFixedStatus: refuseWith fixes the status; what is told stays.
func TestFixedStatus(t *testing.T) {
	for _, test := range []struct {
		refuseWith string
		kind       storm.AnswerKind
		grpc       bool
		status     int
		fields     string
		code       string
	}{
		{"503", storm.Stop, false, 503, "X-Envoy-Ratelimited: true, X-Should-Retry: false", ""},
		{"429", storm.Return, false, 429, "Retry-After: 7", ""},
		{"429", storm.Plain, false, 429, "", ""},
		{"auto", storm.Stop, true, 200, "X-Envoy-Ratelimited: true, Grpc-Retry-Pushback-Ms: -1", "8"},
		{"auto", storm.Return, true, 200, "Grpc-Retry-Pushback-Ms: 7000", "14"},
		{"auto", storm.Plain, true, 200, "", "14"},
		{"503", storm.Stop, true, 200, "X-Envoy-Ratelimited: true, Grpc-Retry-Pushback-Ms: -1", "14"},
	} {
		t.Run(test.refuseWith+" "+test.kind.String(), func(t *testing.T) {
			p := full(t, test.refuseWith)
			p.gen.Load().upstreams["service"].inbound.detector = &scripted{kind: test.kind, slot: test.kind}
			r := httptest.NewRequest("POST", "/", nil)
			if test.grpc {
				r.Header.Set("Content-Type", "application/grpc")
				r.Header.Set("User-Agent", "axios/1") // gRPC is gRPC
			}
			w := httptest.NewRecorder()
			p.ServeHTTP(w, r)
			if got := tells(w.Header()); w.Code != test.status || got != test.fields || w.Header().Get("Grpc-Status") != test.code {
				t.Errorf("%d %s, code %q; want %d %s, %q", w.Code, got, w.Header().Get("Grpc-Status"), test.status, test.fields, test.code)
			}
		})
	}
}

// TestDeadlineIsNoReturn: who came too late isn't told when to come back.
func TestDeadlineIsNoReturn(t *testing.T) {
	in := &inbound{detector: &scripted{kind: storm.Return, slot: storm.Return}}
	in.cfg.Mode, in.cfg.Answer = "bound", "auto"
	for _, d := range []dialect{{}, {persists: true}, {aws: true}} {
		if a := in.answer(time.Time{}, &storm.Request{}, d, limiter.Deadline); a.Kind != storm.Stop {
			t.Errorf("%+v: %v", d, a)
		}
		if a := in.answer(time.Time{}, &storm.Request{}, d, limiter.QueueFull); a.Kind != storm.Return {
			t.Errorf("%+v: %v", d, a)
		}
	}
}

// TestReturnsAreNeverAtOnce: Retry-After: 0 makes clients come back in a hurry.
func TestReturnsAreNeverAtOnce(t *testing.T) {
	for after, want := range map[time.Duration]int{0: 1, time.Millisecond: 1, time.Second: 1, time.Second + 1: 2, 30 * time.Second: 30} {
		if got := wholeSeconds(after); got != want {
			t.Errorf("%v: %d, want %d", after, got, want)
		}
	}
	in := &inbound{}
	in.cfg.MaxReturn = 30e9
	seen := map[int]bool{}
	for spread := range uint64(1000) {
		seen[in.later(spread)] = true
	}
	if len(seen) != 16 || !seen[15] || !seen[30] {
		t.Errorf("put off by %v", seen)
	}
}

// TestHeadIsWhatNetHTTPWrites: the bytes of every refusal, by both ways.
func TestHeadIsWhatNetHTTPWrites(t *testing.T) {
	for status, reasons := range newRefusals("levee") {
		for reason, forms := range reasons {
			for f, r := range forms {
				if r == nil {
					continue
				}
				x := &exchange{facts: facts{r: httptest.NewRequest("GET", "/", nil), gen: &generation{requestIDHeader: "X-Request-Id"}, requestID: "1", returnAfter: 9, start: clock.At(0)}}
				got, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(r.appendTo(nil, x)))), nil)
				if err != nil {
					t.Fatal(err)
				}
				want := http.Header{}
				r.tell(want, x)
				if got := tells(got.Header); got != tells(want) || got != "" != (form(f) != formPlain) {
					t.Errorf("%d, %d, %d: %q, and by net/http %q", status, reason, f, got, tells(want))
				}
			}
		}
	}
}
