package storm

import (
	"container/heap"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// world is labelled traffic in virtual time: callers of many kinds ask a
// service that is well, then isn't, then is again, and each attempt is known to
// be a retry or not.
type world struct {
	d      *Detector
	start  time.Time
	now    time.Duration
	events events
	rand   *rand.Rand
	bad    func(at time.Duration) (share float64) // of attempts that don't succeed
	score  map[string]*score
	next   uint64 // fingerprints
}

// score is how often the detector was right about one kind of caller.
type score struct{ attempts, retries, hit, wrong int }

func (s *score) add(o *score) {
	s.attempts, s.retries, s.hit, s.wrong = s.attempts+o.attempts, s.retries+o.retries, s.hit+o.hit, s.wrong+o.wrong
}

// precision is how many of those called retries were some.
func (s *score) precision() float64 { return ratio(s.hit, s.hit+s.wrong) }

// recall is how many of the retries were called so.
func (s *score) recall() float64 { return ratio(s.hit, s.retries) }

func ratio(part, whole int) float64 {
	if whole == 0 {
		return 1
	}
	return float64(part) / float64(whole)
}

type event struct {
	at time.Duration
	do func()
}

type events []event

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at < e[j].at }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(event)) }
func (e *events) Pop() any          { x := (*e)[len(*e)-1]; *e = (*e)[:len(*e)-1]; return x }

func newWorld(seed uint64, bad func(time.Duration) float64) *world {
	start := time.Unix(1_000_000, 0)
	return &world{
		d: New(Config{Observe: true}, start), start: start, rand: rand.New(rand.NewPCG(seed, 1)), bad: bad, score: map[string]*score{}, next: 1000,
	}
}

func (w *world) after(d time.Duration, do func()) { heap.Push(&w.events, event{w.now + d, do}) }

func (w *world) run(until time.Duration) {
	for len(w.events) > 0 && w.events[0].at < until {
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		e.do()
	}
}

// about is a time, give or take a share of it.
func (w *world) about(d time.Duration, jitter float64) time.Duration {
	return time.Duration(float64(d) * (1 + jitter*(2*w.rand.Float64()-1)))
}

// exponential is a time between arrivals that come by chance.
func (w *world) exponential(mean time.Duration) time.Duration {
	return time.Duration(w.rand.ExpFloat64() * float64(mean))
}

func (w *world) print() uint64 {
	w.next++
	return mix(w.next)
}

// attempt makes one, and calls done with whether it succeeded.
func (w *world) attempt(kind string, r Request, retry bool, done func(ok bool)) {
	w.d.Arrive(w.start.Add(w.now), &r)
	s := w.score[kind]
	if s == nil {
		s = &score{}
		w.score[kind] = s
	}
	s.attempts++
	if retry {
		s.retries++
	}
	if r.Attempt > 1 {
		if retry {
			s.hit++
		} else {
			s.wrong++
		}
	}
	took, o := w.about(30*time.Millisecond, 0.8), Useful
	if w.rand.Float64() < w.bad(w.now) {
		switch w.rand.IntN(4) {
		case 0:
			took, o = time.Second, Abandoned
		case 1:
			took, o = w.about(200*time.Millisecond, 0.5), Failed
		default:
			took, o = time.Millisecond, Shed
		}
	}
	w.after(took, func() {
		w.d.End(w.start.Add(w.now), &r, o)
		done(o == Useful)
	})
}

// retrying makes attempts until one succeeds, or as many have failed as may.
func (w *world) retrying(kind string, r Request, most int, says bool, backoff func(n int) time.Duration) {
	var try func(n int)
	try = func(n int) {
		if says {
			r.Says = n
		}
		w.attempt(kind, r, n > 1, func(ok bool) {
			if !ok && n < most {
				w.after(backoff(n), func() { try(n + 1) })
			}
		})
	}
	try(1)
}

// every calls do again and again, after a while of its own.
func (w *world) every(wait func() time.Duration, do func()) {
	var again func()
	again = func() {
		do()
		w.after(wait(), again)
	}
	w.after(time.Duration(w.rand.Float64()*float64(wait())), again)
}

func (w *world) fullJitter(base, most time.Duration) func(int) time.Duration {
	return func(n int) time.Duration {
		return time.Duration(w.rand.Float64() * float64(min(base<<(n-1), most)))
	}
}

// populate starts all kinds of callers.
func (w *world) populate() {
	for i := range 60 { // pollers of many intervals, exact and sloppy ones
		interval := []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second}[i%6]
		jitter := []float64{0, 0.05, 0.2}[i%3]
		r := Request{Client: uint64(1 + i), Print: w.print()}
		w.every(func() time.Duration { return w.about(interval, jitter) }, func() { w.attempt("poller", r, false, func(bool) {}) })
	}
	for i := range 6 {
		interval := []time.Duration{time.Second, 5 * time.Second, 10 * time.Second}[i%3]
		r := Request{Client: uint64(100 + i), Print: w.print()}
		w.every(func() time.Duration { return interval }, func() { w.attempt("health check", r, false, func(bool) {}) })
	}
	for i := range 300 { // people: another page every 15 s, or the same again if it came
		pages, last, ok := make([]uint64, 30), 0, false
		for p := range pages {
			pages[p] = w.print()
		}
		w.every(func() time.Duration { return w.exponential(15 * time.Second) }, func() {
			if !ok || w.rand.Float64() > 0.25 {
				last = w.rand.IntN(len(pages))
			}
			w.attempt("person", Request{Client: uint64(1000 + i), Print: pages[last]}, false, func(good bool) { ok = good })
		})
	}
	for i, rate := range []float64{2, 5, 20, 50} { // many POSTs that look alike, one after the other
		r := Request{Client: uint64(200 + i), Print: w.print()}
		w.every(func() time.Duration { return w.about(time.Duration(float64(time.Second)/rate), 0.5) }, func() { w.attempt("batch job", r, false, func(bool) {}) })
		p := Request{Client: uint64(210 + i), Print: w.print()}
		w.every(func() time.Duration { return w.exponential(time.Duration(float64(time.Second) / rate)) }, func() { w.attempt("batch job, irregular", p, false, func(bool) {}) })
	}
	for i := range 300 {
		client := uint64(2000 + i)
		targets := make([]uint64, 20)
		for t := range targets {
			targets[t] = w.print()
		}
		target := func() uint64 { return targets[w.rand.IntN(len(targets))] }
		wait := func() time.Duration { return w.exponential(8 * time.Second) }
		switch i % 5 {
		case 0:
			w.every(wait, func() {
				w.retrying("retries, saying so", Request{Client: client, Print: target()}, 4, true, w.fullJitter(200*time.Millisecond, 5*time.Second))
			})
		case 1:
			w.every(wait, func() {
				w.retrying("retries with an id", Request{Client: client, Print: w.print(), Exact: true}, 4, false, w.fullJitter(200*time.Millisecond, 5*time.Second))
			})
		case 2:
			w.every(wait, func() {
				w.retrying("retries, backing off", Request{Client: client, Print: target()}, 4, false, w.fullJitter(time.Second, 20*time.Second))
			})
		case 3:
			w.every(wait, func() {
				w.retrying("retries at once", Request{Client: client, Print: target()}, 4, false, func(int) time.Duration { return w.about(10*time.Millisecond, 0.5) })
			})
		case 4: // a poller that retries
			r := Request{Client: client, Print: targets[0]}
			w.every(func() time.Duration { return w.about(10*time.Second, 0.05) }, func() {
				w.retrying("poller that retries", r, 3, false, func(n int) time.Duration { return w.about(time.Second<<(n-1), 0.2) })
			})
		}
	}
	for range 2 { // one caller makes them for many others, who all look alike
		r := Request{Client: 50, Print: w.print()}
		w.every(func() time.Duration { return w.exponential(25 * time.Millisecond) }, func() {
			w.retrying(shared, r, 4, false, w.fullJitter(500*time.Millisecond, 5*time.Second))
		})
	}
}

const shared = "many behind one"

// TestInference measures how well retries are told from other requests that
// look the same. docs/retry-signals.md states these figures.
func TestInference(t *testing.T) {
	t.Parallel()
	const began, ended = 3 * time.Minute, 4 * time.Minute
	for _, c := range []struct {
		name              string
		bad               float64
		precision, recall float64 // at least
	}{
		{"a few fail", 0.05, 0.8, 0.97}, // few retries, among as many other requests
		{"half fail", 0.5, 0.96, 0.98},
		{"most fail", 0.9, 0.97, 0.98},
		{"all fail", 1, 0.97, 0.98},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			kinds := map[string]*score{}
			for seed := range uint64(2) {
				w := newWorld(seed, func(at time.Duration) float64 {
					if at >= began && at < ended {
						return c.bad
					}
					return 0
				})
				w.populate()
				w.run(ended + time.Minute)
				for kind, s := range w.score {
					if kinds[kind] == nil {
						kinds[kind] = &score{}
					}
					kinds[kind].add(s)
				}
			}
			var inferred score
			for _, kind := range slices.Sorted(maps.Keys(kinds)) {
				s := kinds[kind]
				switch {
				case kind == shared: // whose each is can't be known, only how many they are
					t.Logf("%-22s %6d attempts, %5d retries, %5d called so", kind, s.attempts, s.retries, s.hit+s.wrong)
					continue
				case s.retries == 0:
					t.Logf("%-22s %6d attempts, %5d called retries (%.2f%%)", kind, s.attempts, s.wrong, 100*ratio(s.wrong, s.attempts))
				default:
					t.Logf("%-22s %6d attempts, %5d retries: precision %5.1f%%, recall %5.1f%%", kind, s.attempts, s.retries, 100*s.precision(), 100*s.recall())
				}
				if kind != "retries, saying so" {
					inferred.add(s)
				}
			}
			t.Logf("all that don't say so: precision %.3f, recall %.3f", inferred.precision(), inferred.recall())
			if p := inferred.precision(); p < c.precision || math.IsNaN(p) {
				t.Errorf("precision %.3f, want %.3f", p, c.precision)
			}
			if r := inferred.recall(); r < c.recall {
				t.Errorf("recall %.3f, want %.3f", r, c.recall)
			}
		})
	}
}
