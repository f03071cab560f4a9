package sim

import (
	"testing"
	"time"
)

// FuzzRun: whatever the scenario and the gate, every request and every attempt
// ends in one way, and nothing is left when there is time enough.
func FuzzRun(f *testing.F) {
	f.Add(uint64(1), uint8(4), uint8(4), uint8(3), uint8(20), uint8(3), uint8(0), uint8(5))
	f.Fuzz(func(t *testing.T, seed uint64, workers, limit, room, timeout, retries, flags, factor uint8) {
		bit := func(i int) bool { return flags>>i&1 == 1 }
		p := Population{
			Rate: 50 + float64(factor), Timeout: time.Duration(timeout) * 5 * time.Millisecond, Retries: int(retries % 8),
			Silent: bit(0), Announces: bit(1), Obeys: bit(2), Even: bit(3),
			Backoff: Backoff{Base: time.Duration(room) * time.Millisecond, Growth: 2, Jitter: 1, Max: time.Second},
		}
		if bit(4) {
			p.Deadline = 2 * p.Timeout
		}
		if bit(7) {
			p.Marked, p.Until = true, 3*time.Second
			p.Above = []Layer{{Timeout: 3 * p.Timeout, Retries: int(retries % 3), Backoff: p.Backoff}, {Timeout: 5 * p.Timeout, Retries: 1}}
		}
		s := Scenario{
			Seed: seed, Duration: 4 * time.Second, Drain: time.Hour,
			Service: Service{Workers: 1 + int(workers%32), Classes: OneClass(Shape(seed%6), 20*time.Millisecond), AcceptQueue: int(workers)},
			Clients: []Population{p},
			Triggers: []Trigger{
				{Kind: TriggerKind(factor % 7), At: time.Second, For: time.Second, Factor: float64(factor%64) / 16},
				{Kind: Restart, At: 2 * time.Second, For: 200 * time.Millisecond},
			},
		}
		if bit(5) {
			s.Service.PauseEvery, s.Service.PauseFor = 500*time.Millisecond, 100*time.Millisecond
		}
		var left, inflight int
		var done [3]int
		gate := newStatic(1+int(limit), int(room), Word{Stop: bit(6), RetryAfter: time.Duration(retries) * time.Millisecond})
		r := mustRun(t, s, func(w *World) Gate { return &counting{gate(w), &left, &inflight, &done} })
		if got := r.Good + r.FailedShed + r.FailedTimeout + r.FailedError; got != r.Calls || r.Open != 0 {
			t.Errorf("%d requests came, %d ended, %d are open", r.Calls, got, r.Open)
		}
		if got := r.Dispatched + r.Shed + left; got != r.Attempts || r.HeldAtEnd != 0 {
			t.Errorf("%d attempts came, %d ended, %d are held", r.Attempts, got, r.HeldAtEnd)
		}
		if got := done[Success] + done[Dropped] + done[Canceled]; got != r.Dispatched || inflight != 0 {
			t.Errorf("%d attempts were dispatched, %d ended, %d are in flight", r.Dispatched, got, inflight)
		}
	})
}
