package proxy

import (
	"context"
	"math"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/levee-proxy/levee/limiter"
)

// TestStateOutlivesARestart: the limit that one process has learned is the
// next one's first, for a name that resolves only later as well.
func TestStateOutlivesARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	yaml := simple + "state: {file: '" + file + "', interval: 1h}\n"
	up := service(t, func(http.ResponseWriter, *http.Request) {})
	p := start(t, yaml, up.URL, Options{})
	get(t, p.url)
	e := p.gen.Load().upstreams["service"].endpoints[0]
	teach(t, p.gen.Load().upstreams["service"], e, "all")
	want := e.limiter.Status(time.Now())
	p.Close()

	p = start(t, yaml, up.URL, Options{})
	s := p.Status()
	a := s.Upstreams[0].Endpoints[0].Admission
	if a.Limit != want.Limit || len(a.Baselines) != 1 || a.Baselines[0].Class != "all" || math.Abs(a.Baselines[0].Baseline-want.Baselines[0].Seconds()) > 1e-6 {
		t.Errorf("limit %v and baselines %v became %+v", want.Limit, want.Baselines, a)
	}
	if s.State.Restored != 1 || s.State.Ignored != "" {
		t.Errorf("status: %+v", s.State)
	}
	p.Close()

	// The same address, behind a name that is looked up after the start.
	host := e.address
	lookup := fixedResolver(netip.MustParseAddrPort(host).Addr())
	p = start(t, strings.Replace(yaml, "$UPSTREAM", "http://service.example:"+host[strings.LastIndex(host, ":")+1:], 1), "", Options{Resolver: lookup})
	p.gen.Load().upstreams["service"].await(t.Context())
	if a := p.Status().Upstreams[0].Endpoints[0].Admission; a.Limit != want.Limit {
		t.Errorf("behind a name: limit %v, want %v", a.Limit, want.Limit)
	}
}

// fixedResolver knows one address for all names.
type fixedResolver netip.Addr

func (r fixedResolver) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.Addr(r)}, nil
}

// teach lets an endpoint's limiter learn: latencies of 10 ms in a class, and a
// limit other than the first one.
func teach(t *testing.T, u *Upstream, e *endpoint, class string) {
	t.Helper()
	now := time.Now()
	n := u.classes.Add(class)
	notify := func(*limiter.Waiter, limiter.Verdict) {}
	inflight := map[*limiter.Waiter]time.Time{}
	for i := range 100_000 {
		w := &limiter.Waiter{Class: n, Priority: limiter.Default, Notify: notify}
		switch e.limiter.Acquire(now, w) {
		case limiter.Admitted:
			inflight[w] = now.Add(time.Duration(8+i%5) * time.Millisecond)
		case limiter.Queued:
			e.limiter.Cancel(now, w)
		}
		now = now.Add(200 * time.Microsecond)
		for w, ends := range inflight {
			if !now.Before(ends) {
				delete(inflight, w)
				e.limiter.End(now, w, limiter.Success)
			}
		}
		if e.limiter.Status(now).Limit > 20 {
			return
		}
	}
	t.Fatalf("nothing was learned: %+v", e.limiter.Status(now))
}

// TestStateIsNotWrittenWithoutAStart: a process that fails to start leaves the
// file of the one before as it is.
func TestStateIsNotWrittenWithoutAStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	p, err := New(parse(t, simple+"state: {file: '"+file+"'}\n", "http://127.0.0.1:1"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("%v", err)
	}
}
