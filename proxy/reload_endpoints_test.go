package proxy

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// next is the upstream that a reload makes of f, with these endpoints and more settings.
func (f *fleet) next(t *testing.T, endpoints, more string) *fleet {
	t.Helper()
	cfg := parse(t, strings.Replace(simple, `["$UPSTREAM"]`, "["+endpoints+"]"+more, 1), "")
	n := &fleet{}
	o := Options{Dial: n.dial}
	o.defaults()
	u, err := newUpstream(cfg.Engine, &cfg.Upstreams[0], cfg.Limits, &o, f.Upstream)
	if err != nil {
		t.Fatal(err)
	}
	n.Upstream = u
	u.start()
	f.retire()
	t.Cleanup(func() { u.retire(); synctest.Wait() })
	return n
}

func (f *fleet) states(now time.Time) string {
	var states []string
	for _, e := range f.status(now).Endpoints {
		states = append(states, e.State)
	}
	return strings.Join(states, " ")
}

// TestReloadOfEndpoints: a reload that only changes which endpoints there are
// doesn't put into use who is out of it, and a new one begins with a ramp. One
// that changes more may be what mends them.
func TestReloadOfEndpoints(t *testing.T) {
	const ejection = ", ejection: {consecutiveFailures: 3, duration: 10s, ramp: 10s}, healthCheck: {path: /, interval: 5s}"
	const four = `"http://10.0.0.1:80", "http://10.0.0.2:80", "http://10.0.0.3:80", "http://10.0.0.4:80"`
	for _, test := range []struct{ name, endpoints, more, want, later string }{
		{"one more", four, ejection, "ejected unhealthy ready ramping", "ramping ramping ready ready"},
		{"one less", `"http://10.0.0.1:80", "http://10.0.0.2:80"`, ejection, "ejected unhealthy", "ramping ramping"},
		{"another check", four, strings.Replace(ejection, "path: /", "path: /other", 1), "ready ready ready ramping", "ready ready ready ready"},
		{"all others", `"http://10.0.1.1:80", "http://10.0.1.2:80"`, ejection, "ready ready", "ready ready"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, 3, ejection)
				synctest.Wait()
				for range 3 {
					f.endpoints[0].failed(time.Now(), 0, "refused")
				}
				f.endpoints[1].setHealth(false, "answered 500")
				f.endpoints[2].attempts.Add(7)
				if got := f.states(time.Now()); got != "ejected unhealthy ready" {
					t.Fatal(got)
				}
				time.Sleep(2 * time.Second)
				n := f.next(t, test.endpoints, test.more)
				if got := n.states(time.Now()); got != test.want {
					t.Errorf("after the reload: %s, want %s", got, test.want)
				}
				usable := len(n.endpoints) - strings.Count(test.want, "ejected") - strings.Count(test.want, "unhealthy")
				if got := len(*n.usable.Load()); usable > 0 && got != usable {
					t.Errorf("%d are in use, want %d", got, usable)
				}
				for i, e := range n.status(time.Now()).Endpoints {
					if i == 2 && e.Address == "10.0.0.3:80" && strings.HasPrefix(test.want, "ejected") && e.Attempts != 7 {
						t.Errorf("%d attempts are counted", e.Attempts)
					}
				}
				time.Sleep(8*time.Second - 2*time.Millisecond)
				if got := n.states(time.Now()); strings.HasPrefix(test.want, "ejected") && !strings.HasPrefix(got, "ejected") {
					t.Errorf("before the ejection's time is over: %s", got)
				}
				time.Sleep(3 * time.Second)
				if got := n.states(time.Now()); got != test.later {
					t.Errorf("later: %s, want %s", got, test.later)
				}
			})
		})
	}
}

// BenchmarkReload makes the parts of a configuration with many routes anew.
func BenchmarkReload(b *testing.B) {
	for _, routes := range []int{1_000, 10_000} {
		b.Run(fmt.Sprint(routes), func(b *testing.B) {
			yaml := strings.Builder{}
			for i := range routes {
				fmt.Fprintf(&yaml, "- {match: {pathPrefix: /r%d}, upstream: service, rateLimit: {total: {perSecond: 10}}}\n", i)
			}
			cfg := parse(b, strings.Replace(simple, "routes: [{name: all, upstream: service}]", "routes:\n"+yaml.String(), 1), "http://127.0.0.1:1")
			var o Options
			o.defaults()
			g, err := newGeneration(cfg, &o, nil)
			if err != nil {
				b.Fatal(err)
			}
			defer g.retireExcept(nil)
			for b.Loop() {
				if g, err = newGeneration(cfg, &o, g); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
