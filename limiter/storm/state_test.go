package storm

import (
	"testing"
	"time"
)

// TestState walks through what happens in a second and what it makes of the state.
func TestState(t *testing.T) {
	t.Parallel()
	type second struct{ firsts, retries, shed, failed int } // shed and failed are part of both together
	calm := second{200, 0, 0, 0}
	type step struct {
		what second
		for_ int // seconds
		want State
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"all is well", []step{{calm, 10, Calm}}},
		{"a few retries", []step{{second{200, 20, 0, 0}, 10, Calm}}},
		{"some are shed", []step{{calm, 2, Calm}, {second{200, 0, 30, 0}, 1, Watch}, {calm, 4, Watch}, {calm, 4, Calm}}},
		{"many retry, for nothing", []step{{second{200, 100, 0, 0}, 1, Watch}, {second{200, 100, 0, 0}, 60, Watch}, {calm, 8, Calm}}},
		{"one in a hundred fails", []step{{second{200, 2, 0, 2}, 10, Calm}}},
		{"a storm", []step{
			{calm, 5, Calm},
			{second{200, 150, 200, 0}, 1, Storm},
			{second{200, 150, 200, 0}, 30, Storm},
			{second{200, 20, 0, 0}, 1, Storm},
			{second{200, 20, 0, 0}, 3, Recovering},
			{second{200, 20, 0, 0}, 5, Recovering},
			{second{200, 20, 0, 0}, 7, Calm},
		}},
		{"an outage", []step{{second{100, 300, 0, 400}, 1, Storm}, {second{100, 300, 0, 400}, 60, Storm}, {calm, 4, Recovering}}},
		{"a relapse", []step{
			{second{200, 150, 200, 0}, 2, Storm},
			{calm, 4, Recovering},
			{second{200, 150, 200, 0}, 1, Storm},
			{calm, 4, Recovering},
			{calm, 14, Recovering}, // twice as long as the first time
			{calm, 8, Calm},
		}},
		{"retries end, sheds don't", []step{{second{200, 150, 200, 0}, 2, Storm}, {second{400, 0, 200, 0}, 6, Watch}, {second{400, 0, 200, 0}, 30, Watch}}},
		{"few requests", []step{{second{2, 3, 4, 0}, 3, Storm}, {second{2, 0, 0, 0}, 4, Recovering}}},
		{"nothing any more", []step{{second{200, 150, 200, 0}, 2, Storm}, {second{}, 60, Calm}}},
	} {
		start := time.Unix(1_000_000, 0)
		d, now := New(Config{}, start), start
		for i, st := range c.steps {
			for range st.for_ {
				n := st.what.firsts + st.what.retries
				for k := range n {
					at := now.Add(time.Duration(k) * time.Second / time.Duration(n))
					// All kinds evenly mixed.
					is := func(part int) bool { return (k+1)*part/n > k*part/n }
					r := Request{Client: 1}
					if is(st.what.retries) {
						r.Says = 2
					}
					d.Arrive(at, &r)
					switch {
					case is(st.what.shed):
						d.End(at, &r, Shed)
					case is(st.what.failed):
						d.End(at, &r, Failed)
					default:
						d.End(at, &r, Useful)
					}
				}
				now = now.Add(time.Second)
				d.Tick(now)
			}
			if d.State() != st.want {
				t.Errorf("%s, step %d: %v, want %v: %+v", c.name, i, d.State(), st.want, d.Status(now).Changes)
			}
		}
	}
}

// TestReasonsInWords: a change says what it was, in figures.
func TestReasonsInWords(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_000_000, 0)
	d := New(Config{}, start)
	for i := range 412 {
		now := start.Add(time.Duration(i) * time.Second / 412)
		r := Request{Client: uint64(1 + i%3)}
		if i%10 < 3 {
			r.Says = 2
		}
		d.Arrive(now, &r)
		if i >= 300 {
			d.End(now, &r, Shed)
		} else {
			d.End(now, &r, Useful)
		}
	}
	s := d.Status(start.Add(time.Second))
	if s.State != "storm" || len(s.Changes) != 2 || s.Why != "30% of 309 requests in the last second were retries, 9 were shed and 0 failed" {
		t.Errorf("%+v", s)
	}
	if c := s.Changes[0]; c.To != "storm" || c.Number != uint64(len(s.Changes)) || c.Why != s.Why || c.Ago != s.Since {
		t.Errorf("%+v", c)
	}
	if s.Traffic.Attempts != 412 || s.Traffic.Retries != 125 || s.Traffic.Shed != 112 || s.Totals.Said != 125 || s.Entered["storm"] != 1 {
		t.Errorf("%+v, %+v, %v", s.Traffic, s.Totals, s.Entered)
	}
	if a := s.Traffic.Amplification; a < 1.43 || a > 1.44 {
		t.Errorf("amplification %v", a)
	}
	if len(s.Classes) != 1 || s.Classes[0].Class != 0 || len(s.Clients) != 3 || s.Clients[0].Share < 0.3 || s.Clients[0].Share > 0.4 {
		t.Errorf("%+v, %+v", s.Classes, s.Clients)
	}
}

// TestOrphans: a retry whose earlier attempts came by another way is a request
// of its own.
func TestOrphans(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	d := New(Config{}, now)
	for i := range uint64(100) {
		r := Request{Print: i + 1, Exact: true, Says: 3}
		d.Arrive(now, &r)
		d.End(now, &r, Useful)
	}
	if s := d.Status(now.Add(time.Second)); s.Traffic.Amplification != 1 || s.Traffic.Retries != 100 {
		t.Errorf("%+v", s.Traffic)
	}
}
