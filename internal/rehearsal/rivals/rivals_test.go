package rivals

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

const ms = time.Millisecond

func TestAIMD(t *testing.T) {
	for _, c := range []struct {
		what     string
		n        int
		s        sample
		expected int
	}{
		{"a used limit grows by one", 20, sample{latency: ms, inflight: 10}, 21},
		{"an unused one doesn't", 20, sample{latency: ms, inflight: 9}, 20},
		{"a drop takes a tenth", 20, sample{latency: ms, inflight: 20, drop: true}, 18},
		{"so does a late answer", 25, sample{latency: 501 * ms, inflight: 20}, 22},
		{"never below one", 1, sample{latency: ms, inflight: 1, drop: true}, 1},
		{"never above the ceiling", Ceiling, sample{latency: ms, inflight: Ceiling}, Ceiling},
	} {
		a := &aimd{n: c.n, timeout: 500 * ms}
		if a.learn(c.s); a.n != c.expected {
			t.Errorf("%s: %d became %d, want %d", c.what, c.n, a.n, c.expected)
		}
	}
}

func TestVegas(t *testing.T) {
	for _, c := range []struct {
		what     string
		estimate float64
		s        sample
		expected float64
		noLoad   time.Duration
	}{
		// log10 of 50 is 1: threshold 1, alpha 3, beta 6.
		{"no queue: up by beta", 50, sample{latency: 10 * ms, inflight: 50}, 56, 10 * ms},
		{"a queue of 2: up by one", 50, sample{latency: 10400 * time.Microsecond, inflight: 50}, 51, 10 * ms},
		{"a queue of 5: stays", 50, sample{latency: 11 * ms, inflight: 50}, 50, 10 * ms},
		{"a queue of 25: down by one", 50, sample{latency: 20 * ms, inflight: 50}, 49, 10 * ms},
		{"a drop: down by one", 50, sample{latency: 10 * ms, inflight: 5, drop: true}, 49, 10 * ms},
		{"less than half used: stays", 50, sample{latency: 10 * ms, inflight: 24}, 50, 10 * ms},
		{"a faster answer is the new minimum", 50, sample{latency: 9 * ms, inflight: 50}, 50, 9 * ms},
		{"log10 of 500 is 2: up by 12", 500, sample{latency: 10 * ms, inflight: 500}, 512, 10 * ms},
		{"from 1000 the square root", 1024, sample{latency: 20 * ms, inflight: 1000}, 992, 10 * ms},
		{"never below one", 1, sample{latency: time.Second, inflight: 1, drop: true}, 1, 10 * ms},
	} {
		v := &vegas{estimate: c.estimate, noLoad: 10 * ms, jitter: 1}
		if v.learn(c.s); v.estimate != c.expected || v.noLoad != c.noLoad {
			t.Errorf("%s: %v became %v with a minimum of %v, want %v and %v", c.what, c.estimate, v.estimate, v.noLoad, c.expected, c.noLoad)
		}
	}
	v := &vegas{estimate: 1, noLoad: 10 * ms, jitter: 1}
	for range 30 {
		v.learn(sample{latency: 40 * ms, inflight: 0})
	}
	if v.noLoad != 40*ms {
		t.Errorf("after 30 times the limit the minimum is still %v", v.noLoad)
	}
}

func TestGradient2(t *testing.T) {
	for _, c := range []struct {
		what               string
		estimate, long     float64
		latency            time.Duration
		inflight           int
		expected, longNext float64 // in milliseconds
	}{
		{"normal latency: up by 0.8", 100, 10, 10 * ms, 100, 100.8, 10},
		{"within the tolerance: up", 100, 10, 15 * ms, 100, 100.8, 10 + 5*2.0/601},
		{"three times slower: by 0.2·(half - 1)", 100, 10, 30 * ms, 100, 0.8*100 + 0.2*(100*1.5*(10+20*2.0/601)/30+4), 10 + 20*2.0/601},
		{"ten times slower: halved at most", 100, 10, 100 * ms, 100, 90.8, 10 + 90*2.0/601},
		{"less than half used: stays", 100, 10, 10 * ms, 49, 100, 10},
		{"never below 20", 20, 10, 100 * ms, 20, 20, 10 + 90*2.0/601},
		{"a long average over twice the short is lowered", 20, 30, 10 * ms, 0, 20, (30 - 20*2.0/601) * 0.95},
	} {
		g := &gradient2{estimate: c.estimate, long: average{value: c.long * float64(ms), n: 10}}
		g.window = window{until: time.Second, sum: 9 * int64(c.latency), n: 9}
		g.learn(sample{now: time.Second + 1, latency: c.latency, inflight: c.inflight})
		if math.Abs(g.estimate-c.expected) > 1e-3 || math.Abs(g.long.value/float64(ms)-c.longNext) > 1e-3 {
			t.Errorf("%s: limit %v and average %v ms, want %v and %v", c.what, g.estimate, g.long.value/float64(ms), c.expected, c.longNext)
		}
	}
	// Nine samples are too few for a window, and samples within one wait.
	g := &gradient2{estimate: 20}
	g.window = window{until: time.Second, sum: int64(8 * ms), n: 8}
	g.learn(sample{now: time.Second, latency: ms, inflight: 20})
	g.window.n = 8
	g.learn(sample{now: time.Second + 1, latency: ms, inflight: 20})
	if g.estimate != 20 || g.window.n != 0 {
		t.Errorf("limit %v after a window of 9, which left %d samples", g.estimate, g.window.n)
	}
}

func TestEnvoy(t *testing.T) {
	for _, c := range []struct {
		what     string
		n        int
		p50      time.Duration
		expected int
	}{
		{"equal: by the buffer and the square root", 100, 10 * ms, 125 + 11},
		{"slightly slower: by the root", 100, 12500 * time.Microsecond, 110},
		{"much slower: halved, plus the root", 100, 100 * ms, 50 + 7},
		{"much faster: doubled at most", 100, ms, 200 + 14},
		{"never below 3", 3, 100 * ms, 3},
		{"never above the ceiling", 1999, ms, Ceiling},
	} {
		e := &envoy{n: c.n, minRTT: 10 * ms, samples: []time.Duration{time.Hour, 1, c.p50}}
		if e.update(0); e.n != c.expected || len(e.samples) != 0 {
			t.Errorf("%s: %d became %d, want %d", c.what, c.n, e.n, c.expected)
		}
	}
}

// TestEnvoyProbe follows a measurement of the minimum: the limit is pinned at
// 3, older requests don't count, and the limit comes back after 50 samples.
func TestEnvoyProbe(t *testing.T) {
	e := &envoy{n: 100}
	e.tick(10 * time.Second)
	if e.n != envoyFloor {
		t.Fatalf("the limit is %d in the probe", e.n)
	}
	e.learn(sample{start: 9 * time.Second, latency: time.Second})
	for i := range envoyRequests {
		if e.n != envoyFloor {
			t.Fatalf("the probe ended after %d samples", i)
		}
		e.learn(sample{now: 11 * time.Second, start: 10 * time.Second, latency: 20 * ms})
	}
	if e.n != 100 || e.minRTT != 20*ms {
		t.Errorf("after the probe the limit is %d and the minimum %v", e.n, e.minRTT)
	}
	if next := e.nextProbe - 11*time.Second; next < envoyProbe || next > envoyProbe*115/100 {
		t.Errorf("the next probe is in %v", next)
	}
	// Five windows in a row at the floor start another one.
	e.n = envoyFloor
	now := 12 * time.Second
	for i := range 5 {
		e.samples = append(e.samples, time.Second)
		now += envoyWindow
		if e.tick(now); (e.nextProbe <= now) != (i == 4) {
			t.Errorf("after %d windows at the floor the next probe is at %v", i+1, e.nextProbe)
		}
	}
}

func TestCandidates(t *testing.T) {
	if got := Candidates(1); !slices.Equal(got, []int{1, 2, 3, 4, 5}) {
		t.Errorf("for one worker: %v", got)
	}
	if got := Candidates(100); got[0] != 100 || got[len(got)-1] != 400 || !slices.IsSorted(got) {
		t.Errorf("for 100 workers: %v", got)
	}
}

// TestGates: each rival does what a limiter must in a plain overload: it keeps
// the service going, and gives back what it took.
func TestGates(t *testing.T) {
	for name, gate := range map[string]sim.NewGate{
		"none": None, "fixed": Fixed(20), "aimd": AIMD, "vegas": Vegas, "gradient2": Gradient2, "envoy": Envoy,
	} {
		t.Run(name, func(t *testing.T) {
			var g sim.Gate
			s := sim.Scenario{
				Seed: 1, Duration: 30 * time.Second, Drain: 40 * time.Second,
				Service: sim.Service{Workers: 16, Classes: sim.OneClass(sim.Exponential, 40*ms)},
				Clients: []sim.Population{{Rate: 800, Timeout: 400 * ms, Retries: 3, Deadline: 1500 * ms}},
			}
			r, err := sim.Run(s, func(w *sim.World) sim.Gate { g = gate(w); return g })
			if err != nil {
				t.Fatal(err)
			}
			if g.Inflight() != 0 || g.QueueLen() != 0 {
				t.Errorf("%d in flight and %d queued at the end", g.Inflight(), g.QueueLen())
			}
			share := float64(r.Good) / 12000
			// Without drops AIMD's limit only rises: as these clients reset what
			// they give up, it learns of nothing, and collapses like no limiter.
			collapses := name == "none" || name == "aimd"
			if collapses != (share < 0.3) || share > 1.01 {
				t.Errorf("%.2f of the capacity was answered", share)
			}
		})
	}
}
