package proxy

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/levee-proxy/levee/limiter/storm"
	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// prints takes the fingerprints of a request written as on the wire.
func prints(t testing.TB, client uint64, lines ...string) storm.Request {
	t.Helper()
	x := exchangeOf(t, lines...)
	p := storm.Request{Client: client}
	x.fingerprint(&p)
	return p
}

func exchangeOf(t testing.TB, lines ...string) *exchange {
	t.Helper()
	r, err := http.NewRequest("GET", "http://h", nil)
	if err != nil {
		t.Fatal(err)
	}
	method, target, _ := strings.Cut(lines[0], " ")
	r.Method, r.Host = method, "h"
	if r.URL, err = r.URL.Parse(target); err != nil {
		t.Fatal(err)
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Add(name, value)
	}
	return &exchange{facts: facts{r: r, gen: &generation{requestIDHeader: "X-Request-Id"}}}
}

// TestFingerprint compares a request with another one that may be its retry.
func TestFingerprint(t *testing.T) {
	const trace = "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	const otherSpan = "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"
	const otherTrace = "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-01"
	for _, test := range []struct {
		name        string
		client      uint64
		first       []string
		otherClient uint64
		second      []string
		same, exact bool
		also        bool // the second fingerprints are there, and the same
	}{
		{"nothing but the target", 1, []string{"GET /a?b=1"}, 1, []string{"GET /a?b=1"}, true, false, false},
		{"another query", 1, []string{"GET /a?b=1"}, 1, []string{"GET /a?b=2"}, false, false, false},
		{"another path", 1, []string{"GET /a"}, 1, []string{"GET /b"}, false, false, false},
		{"query and path don't run together", 1, []string{"GET /a?b"}, 1, []string{"GET /b?a"}, false, false, false},
		{"another method", 1, []string{"GET /a"}, 1, []string{"PUT /a"}, false, false, false},
		{"another host", 1, []string{"GET /a"}, 1, []string{"GET /a", "Host: g"}, false, false, false},
		{"another client", 1, []string{"GET /a"}, 2, []string{"GET /a"}, false, false, false},
		{"AWS, signed anew", 1, []string{"POST /", "Amz-Sdk-Invocation-Id: 5e8f"}, 2, []string{"POST /?x", "Amz-Sdk-Invocation-Id: 5e8f"}, true, true, false},
		{"AWS, another call", 1, []string{"POST /", "Amz-Sdk-Invocation-Id: 5e8f"}, 1, []string{"POST /", "Amz-Sdk-Invocation-Id: 5e90"}, false, true, false},
		{"Google", 1, []string{"GET /", "X-Goog-Api-Client: a/1 gccl-invocation-id/5 gccl-attempt-count/1"}, 1, []string{"GET /", "X-Goog-Api-Client: gccl-invocation-id/5 gccl-attempt-count/2"}, true, true, false},
		{"Google, no id", 1, []string{"GET /", "X-Goog-Api-Client: gccl-invocation-id/"}, 1, []string{"GET /"}, true, false, false},
		{"key", 1, []string{"POST /a", "Idempotency-Key: 7"}, 1, []string{"POST /a", "Idempotency-Key: 7"}, true, true, false},
		{"key of another client", 1, []string{"POST /a", "Idempotency-Key: 7"}, 2, []string{"POST /a", "Idempotency-Key: 7"}, false, true, false},
		{"two keys are none", 1, []string{"POST /a", "Idempotency-Key: 7", "Idempotency-Key: 7"}, 1, []string{"POST /a"}, true, false, false},
		{"request id", 1, []string{"GET /a", "X-Request-Id: r1"}, 2, []string{"GET /a", "X-Request-Id: r1"}, true, true, false},
		{"request id, passed on elsewhere", 1, []string{"GET /a", "X-Request-Id: r1"}, 1, []string{"GET /b", "X-Request-Id: r1"}, false, true, false},
		{"request id, made anew on the way", 1, []string{"GET /a", "X-Request-Id: r1"}, 1, []string{"GET /a", "X-Request-Id: r2"}, false, true, true},
		{"request id that is none", 1, []string{"GET /a", "X-Request-Id: <>"}, 1, []string{"GET /a"}, true, false, false},
		{"trace", 1, []string{"GET /a", trace}, 1, []string{"GET /a", otherSpan}, true, true, true},
		{"trace, another target", 1, []string{"GET /a", trace}, 1, []string{"GET /b", otherSpan}, false, true, false},
		{"another trace", 1, []string{"GET /a", trace}, 1, []string{"GET /a", otherTrace}, false, true, true},
		{"no trace", 1, []string{"GET /a", "Traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01"}, 1, []string{"GET /a"}, true, false, false},
		{"the best counts", 1, []string{"GET /a", trace, "Idempotency-Key: 7"}, 1, []string{"GET /a", otherTrace, "Idempotency-Key: 7"}, true, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, b := prints(t, test.client, test.first...), prints(t, test.otherClient, test.second...)
			if same := a.Print == b.Print; a.Print == 0 || same != test.same || a.Exact != test.exact {
				t.Errorf("same %v, exact %v; want %v, %v", same, a.Exact, test.same, test.exact)
			}
			if also := a.Also != 0 && a.Also == b.Also; test.also && !also {
				t.Errorf("the second fingerprints are %x and %x", a.Also, b.Also)
			}
		})
	}
	small, large := exchangeOf(t, "POST /a"), exchangeOf(t, "POST /a")
	small.r.ContentLength, large.r.ContentLength = 10, 11
	var a, b storm.Request
	small.fingerprint(&a)
	large.fingerprint(&b)
	if a.Print == b.Print {
		t.Error("bodies of another length aren't told apart")
	}
	plain, id := prints(t, 1, "GET /a"), prints(t, 1, "GET /a", "X-Request-Id: r1")
	if plain.Print != id.Also {
		t.Error("the second fingerprint isn't what the first would be without the id")
	}
}

func TestFingerprintAllocatesNothing(t *testing.T) {
	for _, lines := range [][]string{
		{"GET /a/path?with=query"},
		{"POST /", "Amz-Sdk-Invocation-Id: 5e8fa1b2"},
		{"GET /", "X-Request-Id: 0af7651916cd43dd8448eb211c80319c"},
		{"GET /", "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
	} {
		x := exchangeOf(t, lines...)
		if n := testing.AllocsPerRun(100, func() { x.fingerprint(&x.account.request) }); n != 0 {
			t.Errorf("%q: %v allocations", lines, n)
		}
	}
}

func FuzzTraceID(f *testing.F) {
	f.Add("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	f.Add("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	f.Add("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future-brings")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		id := traceID(s)
		if id == "" {
			return
		}
		if len(id) != 32 || !strings.Contains(s, "-"+id+"-") || bytes.ContainsFunc([]byte(id), func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) }) {
			t.Errorf("%q: %q", s, id)
		}
	})
}

func BenchmarkFingerprint(b *testing.B) {
	for name, lines := range map[string][]string{
		"target":     {"GET /a/path?with=query", "Accept: */*", "User-Agent: x"},
		"request id": {"GET /a/path", "Accept: */*", "X-Request-Id: 0af7651916cd43dd8448eb211c80319c"},
		"trace":      {"GET /a/path", "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
	} {
		b.Run(name, func(b *testing.B) {
			x := exchangeOf(b, lines...)
			b.ReportAllocs()
			for b.Loop() {
				x.fingerprint(&x.account.request)
			}
		})
	}
}

// TestUnmarked: a request of which is known that nothing tells of its call is taken
// for the same one as if all had been looked up.
func TestUnmarked(t *testing.T) {
	fields := []string{
		"Accept: */*", "X-Request-Id: 1", "X-Api-Client: 1", "Amz-Sdk-Invocation-Id: 1", "Idempotency-Key: 1",
		"Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "X-Goog-Api-Client: gccl-invocation-id/1 gccl-attempt-count/2",
		"X-Envoy-Attempt-Count: 2", "Grpc-Previous-Rpc-Attempts: 1", "Amz-Sdk-Request: attempt=2; max=3", "X-Stainless-Retry-Count: 1", "X-Number-Of-Retry-Attempts: 0,1",
	}
	unmarked := 0
	for set := range 1 << len(fields) {
		lines := []string{"GET /a"}
		for i, line := range fields {
			if set>>i&1 != 0 {
				lines = append(lines, line)
			}
		}
		x := exchangeOf(t, lines...)
		says := signals.SaidAttempt(x.r.Header)
		var asked, known storm.Request
		x.fingerprint(&asked)
		_, _, x.unmarked = measure(x.r.Header)
		x.fingerprint(&known)
		if asked != known || x.unmarked && says != 0 {
			t.Fatalf("%q: %+v, says %d; unmarked %v: %+v", lines, asked, says, x.unmarked, known)
		}
		if x.unmarked {
			unmarked++
		}
	}
	if unmarked != 8 {
		t.Errorf("%d sets are unmarked, want those of the first three alone", unmarked)
	}
}
