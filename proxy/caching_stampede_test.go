package proxy

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// crowd is how many ask at once. The race detector takes no more.
func crowd() int {
	if raceDetector {
		return 2_000
	}
	return 10_000
}

// sink is a client without a connection.
type sink struct {
	mu     sync.Mutex
	header http.Header
	status int
	body   []byte
}

func (s *sink) Header() http.Header              { return s.header }
func (s *sink) SetWriteDeadline(time.Time) error { return nil }
func (s *sink) Flush()                           {}

func (s *sink) WriteHeader(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.body = append(s.body, p...)
	return len(p), nil
}

func (s *sink) got() (status int, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status, string(s.body)
}

// stampede has a crowd ask for one thing at once.
func (o *origin) stampede(path string) (sinks []*sink, done *sync.WaitGroup) {
	done = &sync.WaitGroup{}
	for range crowd() {
		s := &sink{header: http.Header{}}
		sinks = append(sinks, s)
		done.Go(func() {
			o.proxy.ServeHTTP(s, httptest.NewRequestWithContext(o.t.Context(), "GET", path, nil))
		})
	}
	synctest.Wait()
	return sinks, done
}

// TestStampede: a crowd asks for one key that isn't cached. The service is asked
// once, and everybody has the beginning of its answer before it has ended.
func TestStampede(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := newPaced("Cache-Control: max-age=60")
		o := newOrigin(t, caches("", "", ""), slow.serve)
		sinks, done := o.stampede("/")
		slow.step <- "begin"
		synctest.Wait()
		for i, s := range sinks {
			if status, body := s.got(); status != 200 || body != "begin" {
				t.Fatalf("%d of %d has %d %q", i, len(sinks), status, body)
			}
		}
		if n := o.proxy.Status().Cache.Waiting; n != len(sinks)-1 {
			t.Errorf("%d wait, want %d", n, len(sinks)-1)
		}
		slow.step <- " and end"
		close(slow.step)
		done.Wait()
		for _, s := range sinks {
			if _, body := s.got(); body != "begin and end" {
				t.Fatalf("got %q", body)
			}
		}
		if n := o.asked(); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
		if s := o.proxy.Status(); s.Cache.Waiting != 0 || s.Inflight != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestStampedeForWhatCantBeShared: a crowd asks for what turns out to be for
// one client alone. Everybody is answered, the service never has more to do at
// once than its limit, and once that is known nobody waits for another.
func TestStampedeForWhatCantBeShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inflight, most, calls atomic.Int64
		yaml := strings.Replace(caches("", "", ""), "queue: {length: 0}", "queue: {length: 200}", 1)
		o := newOrigin(t, yaml, func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			n := inflight.Add(1)
			defer inflight.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(time.Millisecond)
			w.Header().Set("Cache-Control", "private")
			io.WriteString(w, "yours")
		})
		sinks, done := o.stampede("/")
		done.Wait()
		answered := 0
		for _, s := range sinks {
			switch status, body := s.got(); {
			case status == 200 && body == "yours":
				answered++
			case status != 503 && status != 429:
				t.Fatalf("%d %q", status, body)
			}
		}
		if most.Load() > 4 || int64(answered) != calls.Load() || answered < 100 {
			t.Errorf("%d answered by %d requests, at most %d of them at once", answered, calls.Load(), most.Load())
		}
		t.Logf("%d of %d answered, the others refused; at most %d at once at the service", answered, len(sinks), most.Load())
		if s := o.proxy.Status().Cache; s.Waiting != 0 || s.Fetches != 1 {
			t.Errorf("%+v", s)
		}
	})
}
