package storm

import (
	"testing"
	"time"
)

// TestPatience: what a client's waiting tells, and what disproves it.
func TestPatience(t *testing.T) {
	t.Parallel()
	type step struct {
		at, age time.Duration // when it came, and how old it became
		o       Outcome
	}
	const s = time.Second
	// leaves is a client that leaves n times at an age, so far apart, from a time on.
	leaves := func(from time.Duration, n int, apart, age time.Duration) (all []step) {
		for i := range n {
			all = append(all, step{from + time.Duration(i)*apart, age, Abandoned})
		}
		return all
	}
	for _, c := range []struct {
		name  string
		steps []step
		ask   time.Duration
		want  time.Duration
	}{
		{"never left", []step{{0, s, Useful}}, 2 * s, 0},
		{"left seven times", leaves(0, 7, s, s), 8 * s, 0},
		{"left eight times at the same age", leaves(0, 8, s, s), 9 * s, s},
		{"at about the same age", append(leaves(0, 7, s, s), step{7 * s, s * 105 / 100, Abandoned}), 9 * s, s * 105 / 100},
		{"many at once, three times", append(append(leaves(0, 20, 0, s), leaves(s, 20, 0, s)...), leaves(3*s, 20, 0, s)...), 5 * s, 0},
		{"at other ages between", append(append(leaves(0, 4, s, s), step{4 * s, s / 2, Abandoned}), leaves(5*s, 4, s, s)...), 10 * s, 0},
		{"before long", leaves(0, 20, s, 110*time.Millisecond), 21 * s, 0},
		{"took a later answer", append(leaves(0, 8, s, s), step{8 * s, s + 10*time.Millisecond, Useful}), 10 * s, 0},
		{"took earlier ones", append(leaves(0, 8, s, s), step{8 * s, s / 2, Useful}), 10 * s, s},
		{"a later failure proves nothing", append(leaves(0, 8, s, s), step{8 * s, 2 * s, Failed}), 11 * s, s},
		{"with long times between", leaves(0, 20, 7*s, s), 140 * s, 0},
		{"a while ago", leaves(0, 8, s, s), 15 * s, 0},
	} {
		start := time.Unix(1_000_000, 0)
		d := New(Config{}, start.Add(-2*s))
		for i := range 20 { // 50 ms are usual
			at, r := start.Add(time.Duration(i)*20*time.Millisecond-2*s), Request{Client: 9, Class: 2}
			d.Arrive(at, &r)
			d.End(at.Add(50*time.Millisecond), &r, Useful)
		}
		d.Tick(start.Add(-s))
		for _, st := range c.steps {
			r := Request{Client: 5, Class: 2}
			d.Arrive(start.Add(st.at), &r)
			d.End(start.Add(st.at+st.age), &r, st.o)
		}
		r := Request{Client: 5, Class: 2}
		d.Arrive(start.Add(c.ask), &r)
		if got, ok := d.Patience(&r); got != c.want || ok != (c.want > 0) {
			t.Errorf("%s: %v, %v; want %v", c.name, got, ok, c.want)
		}
		for _, other := range []Request{{Client: 6, Class: 2}, {Client: 5, Class: 3}, {Class: 2}} {
			d.Arrive(start.Add(c.ask), &other)
			if got, ok := d.Patience(&other); ok {
				t.Errorf("%s: %v for another", c.name, got)
			}
		}
	}
}
