package sim

import (
	"testing"
	"time"
)

// calm is half a load on 10 workers of 50 ms, without chance, for 30 seconds.
func calm(triggers ...Trigger) Scenario {
	return Scenario{
		Duration: 30 * time.Second, Bucket: time.Second, Trace: true,
		Service:  Service{Workers: 10, Classes: OneClass(Fixed, 50*time.Millisecond)},
		Clients:  []Population{{Rate: 100, Even: true}},
		Triggers: triggers,
	}
}

// TestTriggers looks at one second before, in and after each trigger: how many
// requests came and were answered, and the median latency.
func TestTriggers(t *testing.T) {
	const ten, five = 10 * time.Second, 5 * time.Second
	type point struct {
		offered, good int
		p50           time.Duration
	}
	normal := point{100, 100, 50 * time.Millisecond}
	dependent := calm(Trigger{Kind: SlowDependency, At: ten, For: five, Factor: 4})
	dependent.Service.Dependency = Dist{Fixed, 50 * time.Millisecond}
	pausing := calm()
	pausing.Service.PauseEvery, pausing.Service.PauseFor = 14*time.Second, time.Second
	restart := calm(Trigger{Kind: Restart, At: ten, For: five})
	restart.Service.ColdFactor, restart.Service.ColdFor = 3, 2*time.Second
	for _, c := range []struct {
		name               string
		s                  Scenario
		before, in, behind point // seconds 8, 14 and 25
	}{
		{"slowdown", calm(Trigger{Kind: Slowdown, At: ten, For: five, Factor: 1.5}), normal, point{100, 100, 75 * time.Millisecond}, normal},
		{"surge", calm(Trigger{Kind: Surge, At: ten, For: five, Factor: 1.5}), normal, point{150, 150, 50 * time.Millisecond}, normal},
		{"loss within capacity", calm(Trigger{Kind: Loss, At: ten, For: five, Factor: 0.5}), normal, point{100, 100, 50 * time.Millisecond}, normal},
		// Five workers less than needed: 400 of 500 requests in 5 s, and the
		// backlog is worked off afterwards.
		{"loss below capacity", calm(Trigger{Kind: Loss, At: ten, For: five, Factor: 0.6}), normal, point{100, 80, time.Second}, normal},
		{"drift", calm(Trigger{Kind: Drift, At: ten, Factor: 3}), normal, point{100, 100, 150 * time.Millisecond}, point{100, 100, 150 * time.Millisecond}},
		{"down", calm(Trigger{Kind: Down, At: ten, For: five}), normal, point{100, 0, 100 * time.Microsecond}, normal},
		{"restart", restart, normal, point{100, 0, 100 * time.Microsecond}, normal},
		{"slow dependency", dependent, point{100, 100, 100 * time.Millisecond}, point{100, 100, 250 * time.Millisecond}, point{100, 100, 100 * time.Millisecond}},
		{"pause", pausing, normal, point{100, 1, 50 * time.Millisecond}, normal},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := mustRun(t, c.s, newOpen)
			for second, want := range map[int]point{8: c.before, 14: c.in, 25: c.behind} {
				p := r.Series[second]
				if p.Offered < want.offered-1 || p.Offered > want.offered+1 || p.Good < want.good-2 || p.Good > want.good+2 {
					t.Errorf("second %d: %d offered and %d good, want %d and %d", second, p.Offered, p.Good, want.offered, want.good)
				}
				if want.good > 50 && (float64(p.P50) < 0.9*float64(want.p50) || float64(p.P50) > 1.1*float64(want.p50)) {
					t.Errorf("second %d: a median of %v, want %v", second, p.P50, want.p50)
				}
			}
		})
	}
}

// TestSlowStart: after a restart the service is slow at first.
func TestSlowStart(t *testing.T) {
	s := calm(Trigger{Kind: Restart, At: 10 * time.Second, For: time.Second})
	s.Service.ColdFactor, s.Service.ColdFor = 1.9, 4*time.Second
	r := mustRun(t, s, newOpen)
	first, second, later := r.Series[11].P50, r.Series[13].P50, r.Series[16].P50
	if first < 80*time.Millisecond || second > 70*time.Millisecond || second < 52*time.Millisecond || later > 52*time.Millisecond {
		t.Errorf("medians of %v, %v and %v", first, second, later)
	}
}

// TestPauseDelaysAll: what is worked on when a pause begins ends later by as
// much as the pause is long, and work that comes meanwhile begins afterwards.
func TestPauseDelaysAll(t *testing.T) {
	s := calm()
	s.Service.PauseEvery, s.Service.PauseFor = 10*time.Second, 400*time.Millisecond
	r := mustRun(t, s, newOpen)
	if got := r.Series[10].P99; got < 400*time.Millisecond || got > 460*time.Millisecond {
		t.Errorf("a p99 of %v in the second of the pause", got)
	}
	if r.Good != r.Calls-r.Open || r.Open > 6 {
		t.Errorf("%d of %d answered, %d open", r.Good, r.Calls, r.Open)
	}
}
