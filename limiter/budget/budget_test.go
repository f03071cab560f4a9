package budget

import (
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var epoch = time.Date(2026, 2, 26, 5, 0, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return epoch.Add(d) }

// TestBudget walks through tables of what happens at a time, and what is left.
func TestBudget(t *testing.T) {
	const (
		success = iota
		reserve // and get it
		refused // reserve, and don't get it
		giveBack
		nothing
		spare // and get it
		spared
	)
	type step struct {
		at   time.Duration
		n    int // times
		what int
		left float64
	}
	for name, test := range map[string]struct {
		cfg   Config
		steps []step
	}{
		"successes pay for retries": {Config{Percent: 10}, []step{
			{0, 1, refused, 0},
			{0, 25, success, 2.5},
			{0, 2, reserve, 0.5},
			{0, 1, refused, 0.5},
			{0, 5, success, 1},
			{0, 1, reserve, 0},
		}},
		"the reserve is full at first, and fills again": {Config{MinPerSecond: 1}, []step{
			{0, 10, reserve, 0},
			{0, 1, refused, 0},
			{time.Second, 1, reserve, 0},
			{1500 * time.Millisecond, 1, refused, 0.5},
			{time.Minute, 10, reserve, 0},
			{time.Minute, 1, refused, 0},
		}},
		"a slow reserve lets one through": {Config{MinPerSecond: 0.01}, []step{
			{0, 1, reserve, 0},
			{99 * time.Second, 1, refused, 0.99},
			{100 * time.Second, 1, reserve, 0},
		}},
		"what isn't used is lost": {Config{Percent: 100}, []step{
			{0, 100, success, 100},
			{10 * time.Second, 0, nothing, 100 / math.E},
			{100 * time.Second, 1, refused, 100 * math.Exp(-10)},
		}},
		"a retry that isn't sent is given back": {Config{Percent: 50, MinPerSecond: 0.1}, []step{
			{0, 2, success, 2},
			{0, 2, reserve, 0}, // one of each kind
			{0, 2, giveBack, 2},
			{0, 2, reserve, 0},
			{0, 1, refused, 0},
		}},
		"successes first, so that the reserve stays for when there are none": {Config{Percent: 100, MinPerSecond: 1}, []step{
			{0, 3, success, 13},
			{0, 3, reserve, 10},
			{time.Hour, 10, reserve, 0},
		}},
		"a clock that goes backwards gives nothing": {Config{Percent: 100, MinPerSecond: 1}, []step{
			{time.Minute, 9, reserve, 1},
			{0, 1, reserve, 0},
			{time.Minute, 1, refused, 0},
			{0, 2, success, 2},
			{time.Minute, 2, reserve, 0},
			{time.Minute, 1, refused, 0},
		}},
		"what can wait leaves half of the reserve": {Config{Percent: 50, MinPerSecond: 1}, []step{
			{0, 5, spare, 5},
			{0, 1, spared, 5},
			{0, 2, success, 6},
			{0, 1, spare, 5},
			{0, 5, reserve, 0},
			{0, 1, spared, 0},
			{0, 5, giveBack, 5},
			{0, 1, spared, 5},
		}},
		"what can wait takes the last of a reserve of one": {Config{MinPerSecond: 0.1}, []step{
			{0, 1, spare, 0},
			{0, 1, spared, 0},
			{10 * time.Second, 1, spare, 0},
		}},
		"what can wait without a reserve": {Config{Percent: 50}, []step{
			{0, 1, spared, 0},
			{0, 3, success, 1.5},
			{0, 1, spare, 0.5},
			{0, 1, spared, 0.5},
		}},
		"nothing at all": {Config{}, []step{
			{0, 100, success, 0},
			{time.Hour, 1, refused, 0},
		}},
		"nonsense counts as nothing": {Config{Percent: -5, MinPerSecond: -1}, []step{
			{0, 100, success, 0},
			{time.Hour, 1, refused, 0},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := New(test.cfg)
			for i, s := range test.steps {
				for range s.n {
					switch s.what {
					case success:
						b.Success(after(s.at))
					case giveBack:
						b.Return(after(s.at))
					case spare, spared:
						if got := b.Spare(after(s.at)); got != (s.what == spare) {
							t.Fatalf("step %d: spared: %v", i, got)
						}
					case reserve, refused:
						if got := b.Reserve(after(s.at)); got != (s.what == reserve) {
							t.Fatalf("step %d: reserved: %v", i, got)
						}
					}
				}
				if got := b.Left(after(s.at)); math.Abs(got-s.left) > 1e-9 {
					t.Fatalf("step %d: %v left, want %v", i, got, s.left)
				}
			}
		})
	}
}

// TestSteadyRate holds the first bucket to about ten seconds' worth.
func TestSteadyRate(t *testing.T) {
	b := New(Config{Percent: 10})
	for i := range 60_000 { // a minute of 1,000 a second
		b.Success(after(time.Duration(i) * time.Millisecond))
	}
	if left := b.Left(after(time.Minute)); left < 950 || left > 1050 {
		t.Errorf("%v left, want about the 1,000 that ten seconds bring", left)
	}
}

// TestNeverOverdrawn runs many goroutines that succeed, reserve, and now and
// then return, and holds every moment of it to the bound in Budget's comment.
func TestNeverOverdrawn(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 3))
		cfg := Config{Percent: 100 * rng.Float64(), MinPerSecond: 5 * rng.Float64()}
		b := New(cfg)
		var (
			wg                  sync.WaitGroup
			clock               atomic.Int64 // nanoseconds since epoch
			successes, reserved atomic.Int64
		)
		for worker := range uint64(8) {
			rng := rand.New(rand.NewPCG(seed, worker))
			wg.Go(func() {
				for range 2000 {
					now := after(time.Duration(clock.Add(rng.Int64N(int64(time.Millisecond)))))
					switch rng.IntN(4) {
					case 0:
						successes.Add(1) // before it counts
						b.Success(now)
					case 1, 2:
						take := b.Reserve
						if rng.IntN(2) == 0 {
							take = b.Spare
						}
						if !take(now) {
							continue
						}
						if n := reserved.Add(1); float64(n) > bound(cfg, successes.Load(), time.Duration(clock.Load())) {
							t.Errorf("seed %d: %d retries after %d successes", seed, n, successes.Load())
							return
						}
					default:
						if b.Reserve(now) {
							b.Return(now) // before anybody could count it
						}
					}
				}
			})
		}
		wg.Wait()
		if reserved.Load() == 0 {
			t.Errorf("seed %d: nothing was reserved: the test shows nothing", seed)
		}
	}
}

func bound(cfg Config, successes int64, ran time.Duration) float64 {
	return cfg.Percent/100*float64(successes) + cfg.MinPerSecond*ran.Seconds() + float64(cfg.Burst()) + 1e-6
}

func TestNothingIsAllocated(t *testing.T) {
	b := New(Config{Percent: 10, MinPerSecond: 1})
	now := epoch
	if n := testing.AllocsPerRun(1000, func() {
		now = now.Add(time.Millisecond)
		b.Success(now)
		if b.Reserve(now) {
			b.Return(now)
		}
		_ = b.Left(now)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func BenchmarkSuccess(b *testing.B) {
	budget := New(Config{Percent: 10, MinPerSecond: 1})
	now := epoch
	for b.Loop() {
		now = now.Add(time.Microsecond)
		budget.Success(now)
	}
}
