package clients

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"
)

// The header fields that name a time to come back, and their units.
var returnFields = map[string]time.Duration{
	"Retry-After":            time.Second,
	"X-Amz-Retry-After":      time.Millisecond,
	"Grpc-Retry-Pushback-Ms": time.Millisecond,
}

// attempt is one request as it came in, and what it was answered.
type attempt struct {
	came     time.Time
	asked    http.Header
	answered time.Time // before the answer's first byte left
	status   int
	answer   http.Header
}

// told are the times to come back that the answer names, by field.
func (a attempt) told() map[string]time.Duration {
	told := map[string]time.Duration{}
	for field, unit := range returnFields {
		if n, err := strconv.Atoi(a.answer.Get(field)); err == nil && n >= 0 {
			told[field] = time.Duration(n) * unit
		}
	}
	return told
}

// signals are the fields of the answer that clients of one kind or another heed.
func (a attempt) signals() map[string]string {
	signals := map[string]string{}
	for _, field := range []string{"Levee-Shed", "Retry-After", "X-Amz-Retry-After", "X-Envoy-Ratelimited", "X-Should-Retry", "Grpc-Status", "Grpc-Retry-Pushback-Ms"} {
		if value := a.answer.Get(field); value != "" {
			signals[field] = value
		}
	}
	return signals
}

// tap stands between a client and what it asks, and keeps every attempt.
type tap struct {
	address string
	// refused, if any, is called when the first attempt is answered.
	refused func()

	mu       sync.Mutex
	attempts []attempt
}

// wiretap puts a tap in front of an address.
func wiretap(t *testing.T, to string, grpc bool) *tap {
	t.Helper()
	// One language a side: what comes in as HTTP/2 has to go out as HTTP/2.
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!grpc)
	transport.Protocols.SetUnencryptedHTTP2(grpc)

	w := &tap{}
	forward := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: to})
			r.Out.Host = r.In.Host
		},
	}
	server := serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		this := w.arrive(r)
		forward := *forward
		forward.ModifyResponse = func(answer *http.Response) error {
			w.answer(this, answer)
			return nil
		}
		forward.ServeHTTP(rw, r)
	}))
	t.Cleanup(transport.CloseIdleConnections)
	w.address = server.Listener.Addr().String()
	return w
}

func (w *tap) arrive(r *http.Request) (this int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.attempts = append(w.attempts, attempt{came: time.Now(), asked: r.Header.Clone()})
	return len(w.attempts) - 1
}

func (w *tap) answer(this int, answer *http.Response) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := &w.attempts[this]
	a.answered, a.status, a.answer = time.Now(), answer.StatusCode, answer.Header.Clone()
	if this == 0 && w.refused != nil {
		w.refused()
	}
}

// seen returns the attempts so far.
func (w *tap) seen() []attempt {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]attempt(nil), w.attempts...)
}

// serve starts a server on HTTP/1 and on HTTP/2 without TLS.
func serve(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	return server
}
