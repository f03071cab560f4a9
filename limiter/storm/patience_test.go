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
	left := func(at, age time.Duration) step { return step{at, age, Abandoned} }
	const s = time.Second
	for _, c := range []struct {
		name  string
		steps []step
		ask   time.Duration
		want  time.Duration
	}{
		{"never left", []step{{0, s, Useful}}, 2 * s, 0},
		{"left twice", []step{left(0, s), left(2*s, s)}, 4 * s, 0},
		{"left three times at the same age", []step{left(0, s), left(2*s, s), left(4*s, s)}, 6 * s, s},
		{"at about the same age", []step{left(0, s), left(2*s, s*9/10), left(4*s, s*11/10)}, 6 * s, s * 11 / 10},
		{"at other ages", []step{left(0, s), left(2*s, s/2), left(4*s, s)}, 6 * s, 0},
		{"took a later answer", []step{left(0, s), left(2*s, s), left(4*s, s), {6 * s, 2 * s, Useful}}, 9 * s, 0},
		{"took earlier ones", []step{left(0, s), left(2*s, s), left(4*s, s), {6 * s, s / 2, Useful}}, 9 * s, s},
		{"a later failure proves nothing", []step{left(0, s), left(2*s, s), left(4*s, s), {6 * s, 2 * s, Failed}}, 9 * s, s},
		{"long ago", []step{left(0, s), left(2*s, s), left(4*s, s)}, 80 * s, 0},
	} {
		start := time.Unix(1_000_000, 0)
		d := New(Config{}, start)
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
