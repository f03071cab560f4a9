package proxy

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestUselessAnswersDrawNoTraffic: errors and refusals are quick, and must not
// make an endpoint look fast, though nobody is ejected for them.
func TestUselessAnswersDrawNoTraffic(t *testing.T) {
	for name, bad := range map[string]http.HandlerFunc{
		"503": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
		"500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"another Levee's refusal": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Levee-Shed", "overload")
			w.WriteHeader(429)
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := service(t, bad)
			good := func(http.ResponseWriter, *http.Request) { takes(2 * time.Millisecond) }
			b, c := service(t, good), service(t, good)
			yaml := strings.Replace(simple, `["$UPSTREAM"]`, `["`+a.URL+`", "`+b.URL+`", "`+c.URL+`"]`, 1)
			p := start(t, yaml, "", Options{})
			failed := 0
			for range 200 {
				if resp, _ := get(t, p.url); resp.StatusCode != 200 {
					failed++
				}
			}
			if failed > 20 {
				t.Errorf("%d of 200 requests went to the endpoint that is of no use", failed)
			}
			if e := p.Status().Upstreams[0].Endpoints[0]; e.Failures != 0 {
				t.Errorf("it is said to have failed %d times", e.Failures)
			}
		})
	}
}

// TestUselessAnswersAreTold: whoever looks for what is wrong sees which endpoint
// answers, but by errors alone.
func TestUselessAnswersAreTold(t *testing.T) {
	var status atomic.Int64
	a := service(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) })
	p := start(t, simple, a.URL, Options{})
	e := p.gen.Load().upstreams["service"].endpoints[0]
	for _, step := range []struct {
		status, times int
		want          string
	}{
		{503, wastedLeast - 1, StateReady},
		{500, 1, StateFailing},
		{404, 1, StateReady},
		{503, wastedLeast - 1, StateReady},
	} {
		status.Store(int64(step.status))
		for range step.times {
			get(t, p.url)
		}
		if s := e.status(time.Now()); s.State != StateReady {
			t.Errorf("%s before it has lasted: %s", s.State, s.Reason)
		}
		if s := e.status(time.Now().Add(wastedFor)); s.State != step.want {
			t.Errorf("after %d times %d it is %s, want %s: %s", step.times, step.status, s.State, step.want, s.Reason)
		}
	}
}

// TestCapsAreNoUselessAnswers: a service that caps what one client may ask is
// well, and no quicker for it.
func TestCapsAreNoUselessAnswers(t *testing.T) {
	a := service(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) })
	p := start(t, simple, a.URL, Options{})
	for range 2 * wastedLeast {
		get(t, p.url)
	}
	e := p.gen.Load().upstreams["service"].endpoints[0]
	if s := e.status(time.Now().Add(wastedFor)); s.State != StateReady || s.Latency != 0 {
		t.Errorf("it is %s, with a latency of %v", s.State, s.Latency)
	}
}

// TestSilentEndpointDrawsNoTraffic: an endpoint of which nobody has ever waited
// for an answer isn't a quick one.
func TestSilentEndpointDrawsNoTraffic(t *testing.T) {
	var silent atomic.Int64
	a := service(t, func(_ http.ResponseWriter, r *http.Request) {
		silent.Add(1)
		<-r.Context().Done()
	})
	b := service(t, func(http.ResponseWriter, *http.Request) {})
	p := start(t, strings.Replace(simple, `["$UPSTREAM"]`, `["`+a.URL+`", "`+b.URL+`"]`, 1), "", Options{})
	for range 30 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		req, _ := http.NewRequestWithContext(ctx, "GET", p.url, nil)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
		}
		cancel()
	}
	if n := silent.Load(); n > 8 {
		t.Errorf("%d of 30 requests went to the endpoint that never answers", n)
	}
}
