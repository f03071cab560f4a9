package storm

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestPromises: no second is ever promised to more than the forecast of the
// moment, and those refused together aren't all told the same.
func TestPromises(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	var q returns
	q.reach = 30
	now, told := int64(0), map[int64]int{}
	for range 50_000 {
		now += int64(random.IntN(int(20 * time.Millisecond)))
		q.pass(now)
		forecast := random.Float64() * 20
		s, ok := q.promise(now, forecast, random.Uint64N(100))
		if !ok {
			for far := range q.reach { // none was free
				if n := q.promised[(q.second+1+far)%promiseRing]; float64(n) < forecast-1 {
					t.Fatalf("refused, though %d s from now has %d of %.1f", far+1, n, forecast)
				}
			}
			continue
		}
		told[s]++
		if n := float64(q.promised[(q.second+s)%promiseRing]); s < 1 || s > q.reach || n > max(forecast, leastPromise) {
			t.Fatalf("%d s: %v promised, %.2f forecast", s, n, forecast)
		}
	}
	if len(told) < 10 {
		t.Errorf("told only %v", told)
	}
	var fresh returns
	fresh.reach = 30
	first := map[int64]int{}
	for i := range uint64(20) {
		s, _ := fresh.promise(0, 100, i)
		first[s]++
	}
	if len(first) != 2 || first[1] < 3 || first[2] < 3 {
		t.Errorf("at once: %v", first)
	}
}

// TestKept: a promise is claimed once, at its time, by whoever it was made to.
func TestKept(t *testing.T) {
	t.Parallel()
	const print, other = 77, 78
	for _, c := range []struct {
		name  string
		print uint64
		after time.Duration // the promised time
		want  bool
	}{
		{"on time", print, 0, true},
		{"a little early", print, -500 * time.Millisecond, true},
		{"late", print, 2 * time.Second, true},
		{"much too early", print, -2 * time.Second, false},
		{"much too late", print, 4 * time.Second, false},
		{"somebody else", other, 0, false},
	} {
		var q returns
		q.reach = 30
		now := int64(10 * time.Second)
		q.pass(now)
		s, _ := q.promise(now, 3, print)
		for range 20 {
			q.promise(now, 3, 999)
		}
		left := 0.0
		for at := now; at <= now+s*int64(time.Second)+int64(c.after); at += int64(time.Second) / 4 {
			due, lapsed := q.pass(at)
			left += due - lapsed
		}
		at := now + s*int64(time.Second) + int64(c.after)
		if got := q.keep(at, c.print); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		if c.want {
			for q.keep(at, c.print) {
				left--
			}
			if left < 0 {
				t.Errorf("%s: more were claimed than promised", c.name)
			}
		}
	}
}

// TestReturning: who returns when told to is admitted though the budget is
// spent, once; who returns much too early pays twice.
func TestReturning(t *testing.T) {
	t.Parallel()
	s := newService(Config{}, 5)
	now := s.start
	var told []Request
	var after []time.Duration
	for ; now.Before(s.start.Add(5 * time.Second)); now = now.Add(10 * time.Millisecond) { // 50 useful and 50 shed a second
		r := Request{Print: s.print(), Exact: true}
		s.d.Arrive(now, &r)
		s.d.End(now, &r, Useful)
		r = Request{Print: s.print(), Exact: true}
		s.d.Arrive(now, &r)
		if a := s.d.Answer(now, &r); a.Kind == Return {
			told, after = append(told, Request{Print: r.Print, Exact: true}), append(after, now.Sub(s.start)+a.After)
		}
		s.d.End(now, &r, Shed)
	}
	if s.d.State() != Watch || len(told) < 20 {
		t.Fatalf("%v, %d promises", s.d.State(), len(told))
	}
	s.d.mu.Lock()
	s.d.budget.tokens = 0
	s.d.mu.Unlock()
	early, kept := told[len(told)-1], told[len(told)-2]
	s.d.Arrive(now, &early)
	if early.Kept || early.Attempt != 2 || !early.early || s.d.Admit(now, &early) {
		t.Errorf("much too early: %+v", early)
	}
	at := s.start.Add(after[len(told)-2])
	for _, want := range []bool{true, false} {
		again := kept
		s.d.Arrive(at, &again)
		s.d.mu.Lock()
		s.d.budget.tokens = 0
		s.d.mu.Unlock()
		if again.Kept != want || want && (again.Attempt != 2 || !s.d.Admit(at, &again)) {
			t.Errorf("on time: %+v, want kept %v", again, want)
		}
	}
}
