package main

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// TestLayers: what callers above callers make of a failure, to the millisecond.
// The simulator's own test has the same cases.
func TestLayers(t *testing.T) {
	t.Parallel()
	hour := time.Hour
	layer := func(timeout time.Duration, retries int) sim.Layer {
		return sim.Layer{Timeout: timeout, Retries: retries}
	}
	refused := reply{outcome: shed}
	stop, later := reply{outcome: shed, stop: true}, reply{outcome: shed, after: 3 * time.Second}
	for _, c := range []struct {
		name   string
		p      patience
		answer reply // at once; gaveUp: never
		want   int   // attempts in all
		began  []time.Duration
	}{
		{"three layers with three retries each", patience{hour, hour, 3, sim.Backoff{}, []sim.Layer{layer(hour, 3), layer(hour, 3)}, false}, refused, 64, nil},
		{"an attempt's timeout in two layers", patience{100 * ms, hour, 1, sim.Backoff{}, []sim.Layer{layer(hour, 1)}, false}, reply{outcome: gaveUp}, 4, []time.Duration{0, 100 * ms, 200 * ms, 300 * ms}},
		{
			"the layer above has had enough in the middle of an attempt",
			patience{100 * ms, hour, 3, sim.Backoff{}, []sim.Layer{layer(250*ms, 1)}, false},
			reply{outcome: gaveUp},
			6,
			[]time.Duration{0, 100 * ms, 200 * ms, 250 * ms, 350 * ms, 450 * ms},
		},
		{
			"the layer above has had enough during a backoff",
			patience{100 * ms, hour, 3, sim.Backoff{Base: 50 * ms}, []sim.Layer{layer(120*ms, 1)}, false},
			reply{outcome: gaveUp},
			2,
			[]time.Duration{0, 120 * ms},
		},
		{"the whole's deadline", patience{100 * ms, 250 * ms, 3, sim.Backoff{}, []sim.Layer{layer(hour, 3)}, false}, reply{outcome: gaveUp}, 3, []time.Duration{0, 100 * ms, 200 * ms}},
		{"told to stop, and obeying", patience{hour, hour, 3, sim.Backoff{}, []sim.Layer{layer(hour, 3)}, true}, stop, 1, nil},
		{"told to stop, and naive", patience{hour, hour, 3, sim.Backoff{}, []sim.Layer{layer(hour, 1)}, false}, stop, 8, nil},
		{"told when to come back, and obeying", patience{hour, hour, 2, sim.Backoff{}, nil, true}, later, 3, []time.Duration{0, 3 * time.Second, 6 * time.Second}},
		{"told when to come back, and naive", patience{hour, hour, 1, sim.Backoff{Base: 50 * ms}, nil, false}, later, 2, []time.Duration{0, 50 * ms}},
		{"the lowest layer can't wait: the one above does", patience{hour, hour, 3, sim.Backoff{}, []sim.Layer{layer(time.Second, 1)}, true}, later, 2, []time.Duration{0, 3 * time.Second}},
		{"nobody can wait", patience{hour, 2 * time.Second, 3, sim.Backoff{}, nil, true}, later, 1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				all := drive(t.Context(), time.Now(), []time.Duration{0}, c.p, func(_ uint64, _ int, until time.Time) reply {
					if c.answer.outcome == gaveUp {
						time.Sleep(time.Until(until))
					}
					return c.answer
				})
				var began []time.Duration
				for _, a := range all[0].attempts {
					began = append(began, a.began)
				}
				if len(began) != c.want || c.began != nil && !slices.Equal(began, c.began) {
					t.Errorf("%d attempts, at %v; want %d, at %v", len(began), began, c.want, c.began)
				}
			})
		})
	}
}
