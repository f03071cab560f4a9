package storm

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestRhythm: what is learned of the times between arrivals.
func TestRhythm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		every time.Duration
		vary  float64
		n     int
		known bool
	}{
		{"twice", 10 * time.Second, 0, 2, false},
		{"a few times", 10 * time.Second, 0, 4, true},
		{"twice a second, for two", 500 * time.Millisecond, 0.1, 6, false},
		{"twice a second", 500 * time.Millisecond, 0.1, 16, true},
		{"a sloppy poller", 5 * time.Second, 0.2, 30, true},
		{"every minute", time.Minute, 0.05, 10, true},
		{"five a second", 200 * time.Millisecond, 0.3, 100, true},
		{"a thousand a second", time.Millisecond, 0.5, 20_000, true},
		{"twenty thousand a second", 50 * time.Microsecond, 0.5, 200_000, true},
	} {
		var rs rhythms
		random := rand.New(rand.NewPCG(1, 1))
		now := int64(0)
		for range c.n {
			rs.beat(now, 42, learnAll)
			now += int64(float64(c.every) * (1 + c.vary*(2*random.Float64()-1)))
		}
		got := rs.of(42)
		if !c.known {
			if got.every != 0 {
				t.Errorf("%s: %+v", c.name, got)
			}
			continue
		}
		if off := float64(got.every)/float64(c.every) - 1; off < -0.12 || off > 0.12 {
			t.Errorf("%s: every %v, want %v", c.name, got.every, c.every)
		}
		if rs.of(43).every != 0 {
			t.Errorf("%s: another has the same", c.name)
		}
	}
}

// TestRhythmOfPauses: a job that pauses goes on as before.
func TestRhythmOfPauses(t *testing.T) {
	t.Parallel()
	var rs rhythms
	now := int64(0)
	for range 3 {
		for range 50 {
			rs.beat(now, 42, learnAll)
			now += int64(100 * time.Millisecond)
		}
		now += int64(5 * time.Minute)
	}
	if got := rs.of(42).every; got < 90*time.Millisecond || got > 110*time.Millisecond {
		t.Errorf("every %v", got)
	}
}

// TestRhythmSurvives: a poller isn't forgotten for requests that come once.
func TestRhythmSurvives(t *testing.T) {
	t.Parallel()
	var rs rhythms
	now := int64(0)
	for i := range uint64(200_000) { // 1,000 a second
		if i%10_000 == 0 {
			rs.beat(now, 42, learnAll)
		}
		rs.beat(now, mix(i), learnAll)
		now += int64(time.Millisecond)
	}
	if got := rs.of(42).every; got < 9*time.Second || got > 11*time.Second {
		t.Errorf("every %v", got)
	}
}

// TestRhythmAmongMany: pollers aren't forgotten where far more requests come
// that are never repeated than there are entries.
func TestRhythmAmongMany(t *testing.T) {
	t.Parallel()
	const rate, pollers, every = 2000, 100, 8 * time.Second
	var rs rhythms
	rs.rate(rate)
	now := int64(0)
	for i := range uint64(200 * rate) {
		rs.beat(now, mix(i), learnAll)
		if n := i % (rate * uint64(every/time.Second)); n < pollers {
			rs.beat(now, 1+n, learnAll)
		}
		now += int64(time.Second) / rate
	}
	found := 0
	for n := range uint64(pollers) {
		if got := rs.of(1 + n).every; got > every*9/10 && got < every*11/10 {
			found++
		}
	}
	if found < 80 {
		t.Errorf("the rhythm of %d of %d pollers is known", found, pollers)
	}
}

// TestRhythmsGrow: a small table becomes a large one without losing what it
// knows, and no larger than it may.
func TestRhythmsGrow(t *testing.T) {
	t.Parallel()
	var rs rhythms
	now := int64(0)
	for range 20 {
		for n := range uint64(50) {
			rs.beat(now, mix(n), learnAll)
		}
		now += int64(time.Second)
	}
	table, lost := rs.table.Load(), 0
	small := table.bits
	for ; table.bits < rhythmMost; table = table.grown() {
	}
	rs.table.Store(table)
	for n := range uint64(50) {
		if got := rs.of(mix(n)).every; got < 900*time.Millisecond || got > 1100*time.Millisecond {
			lost++
		}
	}
	if small >= rhythmMost-1 || lost > 0 {
		t.Errorf("50 pollers took a table of %d bits; of %d nothing is known once it has %d", small, lost, table.bits)
	}
	for n := range uint64(20_000) {
		rs.beat(now, mix(n), learnAll)
	}
	if bits := rs.table.Load().bits; bits != rhythmMost {
		t.Errorf("the table has %d bits", bits)
	}
}
