package limiter

import (
	"math"
	"testing"
	"time"
)

// wander shows a load that wanders from 1 up to most inflight at a service of
// a width, in a calm window.
func wander(k *known, now int64, width, most int) {
	w := &window{}
	for occ := 1; occ <= most; occ++ {
		for range 20 {
			w.levels[levelOf(float64(occ))].add(math.Log(max(1, float64(occ)/float64(width))))
		}
	}
	k.take(now, w)
}

// recalled is how likely each width is after calm times, before any overload.
func recalled(k *known, now int64, seen float64) *fit {
	f := &fit{width: seen, hurried: true}
	f.recall(0, k.widths(&baselines{}, 0.4, 1))
	f.expect(now)
	most := math.Inf(-1)
	for _, log := range f.expected {
		most = max(most, log)
	}
	sum := 0.0
	for i, log := range f.expected {
		f.weight[i] = math.Exp(log - most)
		sum += f.weight[i]
	}
	for i := range f.weight {
		f.weight[i] /= sum
	}
	return f
}

// TestCalmTellsWidth: a service that was asked for a bit more than its width
// now and then is known to be so wide; of one that wasn't, only that it isn't
// narrower.
func TestCalmTellsWidth(t *testing.T) {
	for _, c := range []struct {
		name        string
		width, most int
		seen        float64
		low, high   [2]float64 // where the 25% and the 75% quantile have to be
	}{
		{"at its width now and then", 16, 20, 11, [2]float64{13, 17}, [2]float64{14, 20}},
		{"never at its width", 16, 9, 6, [2]float64{7, 20}, [2]float64{14, 80}},
		{"wide, at its width now and then", 200, 250, 150, [2]float64{160, 215}, [2]float64{180, 240}},
	} {
		var k known
		wander(&k, 0, c.width, c.most)
		f := recalled(&k, 0, c.seen)
		low, high := f.quantile(0.25), f.quantile(0.75)
		if low < c.low[0] || low > c.low[1] || high < c.high[0] || high > c.high[1] {
			t.Errorf("%s: half of the probability is from %.1f to %.1f, want %v to %v", c.name, low, high, c.low, c.high)
		}
	}
}

// TestCalmIsForgotten: what was seen of a service gives way to what is seen of
// it later, and under load to what the load shows.
func TestCalmIsForgotten(t *testing.T) {
	var k known
	wander(&k, 0, 16, 20)
	fresh, faded := recalled(&k, 0, 11), recalled(&k, int64(30*time.Second), 11)
	if fresh, faded := fresh.quantile(0.9), faded.quantile(0.9); faded < 2*fresh {
		t.Errorf("nine widths in ten are below %.0f, and half a minute of load later below %.0f", fresh, faded)
	}
	for i := range 60 { // a minute in which it is three times wider
		wander(&k, int64(i)*second, 48, 56)
	}
	if low := recalled(&k, 0, 30).quantile(0.25); low < 38 {
		t.Errorf("a service that became three times wider is believed to be as narrow as %.0f", low)
	}
}

// TestNothingKnown: without any calm time, and as long as no client leaves,
// each width is as likely as if nothing were known.
func TestNothingKnown(t *testing.T) {
	var k known
	nothing := recalled(&k, 0, 20)
	wander(&k, 0, 16, 20)
	waiting := recalled(&k, 0, 20)
	waiting.hurried = false
	waiting.expect(0)
	for name, f := range map[string]*fit{"nothing known": nothing, "nobody leaves": waiting} {
		for i := range grid {
			if want := f.prior(grid[i].log); math.Abs(f.expected[i]-want) > 1e-9 {
				t.Fatalf("%s, width %.0f: %v, want %v", name, grid[i].width, f.expected[i], want)
			}
		}
	}
}

// TestLeavingPullsDown: while clients leave, the limit that is best is nearer to
// the width, and not below it.
func TestLeavingPullsDown(t *testing.T) {
	f, is := &fit{trusted: true, width: 16}, service(16, 5)
	for i, occ := range []float64{12, 14, 18, 22, 28} {
		f.add(point{occ: occ, y: is(occ), variance: 0.001, at: int64(i) * 1e8}, 5e9)
	}
	calm, late := f.best(8, 40, priceLate, false), f.best(8, 40, priceLate, true)
	if late >= calm || late < 15 {
		t.Errorf("the best limit is %.1f, and %.1f while clients leave", calm, late)
	}
}
