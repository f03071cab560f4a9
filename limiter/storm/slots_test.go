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
		s, ok := q.promise(now, forecast, random.Uint64N(100), 0)
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
		s, _ := fresh.promise(0, 100, i, 0)
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
		s, _ := q.promise(now, 3, print, 0)
		for range 20 {
			q.promise(now, 3, 999, 0)
		}
		left := 0.0
		for at := now; at <= now+s*int64(time.Second)+int64(c.after); at += int64(time.Second) / 4 {
			due, lapsed := q.pass(at)
			left += due - lapsed
		}
		at := now + s*int64(time.Second) + int64(c.after)
		claim := func() bool {
			ok, unpaid := q.keep(at, c.print)
			if unpaid {
				left++
			}
			return ok
		}
		if got := claim(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		if c.want {
			for claim() {
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

// TestEarlyClaimsArePaid: who comes just before the second that it was told is
// let in, and is paid for as any other: all retries together stay within the
// share.
func TestEarlyClaimsArePaid(t *testing.T) {
	t.Parallel()
	for _, early := range []int{0, 400} {
		q, returns := newTraffic(), map[int][]Request{}
		var refused []Request
		useful, admitted, kept := 0, 0, 0
		again := func(ms int, r Request) {
			r = Request{Print: r.Print, Exact: true, Client: r.Client}
			q.d.Arrive(q.at(ms), &r)
			if r.Attempt > 1 && q.d.Admit(q.at(ms), &r) && ms >= 20_000 {
				admitted++
				if r.Kept {
					kept++
				}
			}
			q.d.End(q.at(ms), &r, Neutral)
		}
		for ms := 0; ms < 60_000; ms += 5 { // 200 useful and 200 shed a second
			q.ask(ms, q.fresh(1+q.print%50), 0, Useful)
			if ms >= 20_000 {
				useful++
			}
			r := q.fresh(1 + q.print%50)
			q.d.Arrive(q.at(ms), &r)
			a := q.d.AnswerReturn(q.at(ms), &r)
			q.d.End(q.at(ms), &r, Shed)
			if back := ms + int(a.After/time.Millisecond); a.Kind != Return {
				refused = append(refused, r)
			} else if early > 0 {
				back = back/1000*1000 - early
				returns[back] = append(returns[back], r)
			} else {
				returns[back] = append(returns[back], r)
			}
			if len(refused) > 0 {
				again(ms, refused[0])
				refused = refused[1:]
			}
			for _, r := range returns[ms] {
				again(ms, r)
			}
		}
		if share := float64(admitted) / float64(useful); share > 0.11 || kept < 400 {
			t.Errorf("%d ms early: %d retries for %d useful answers, %d of them kept", early, admitted, useful, kept)
		}
	}
}

// TestLateWord: of a request that kept its slot the detector may be told only
// when that has lapsed, as with a body that is read first.
func TestLateWord(t *testing.T) {
	t.Parallel()
	q := newTraffic()
	r := q.fresh(1)
	q.d.Arrive(q.at(10_000), &r)
	a := q.d.AnswerReturn(q.at(10_000), &r)
	q.d.End(q.at(10_000), &r, Shed)
	for ms := 10_000; ms <= 20_000; ms += 250 {
		q.d.Tick(q.at(ms))
	}
	q.ask(10_000+int(a.After/time.Millisecond), Request{Print: r.Print, Exact: true, Client: 1}, 0, Useful)
	for ms := 20_000; ms < 300_000; ms += 250 {
		q.d.Tick(q.at(ms))
		check(t, q.d)
		if debt := q.d.budget.debt; debt > 2 {
			t.Fatalf("after %d ms %v tokens are owed", ms, debt)
		}
	}
}

// TestManyPromises: however many are refused, whoever was told to return is
// known when it comes.
func TestManyPromises(t *testing.T) {
	t.Parallel()
	q, returns := newTraffic(), map[int][]uint64{}
	came, kept := 0, 0
	for ms := range 40_000 { // 5,000 useful and 4,000 shed a second
		for i := range 5 {
			q.ask(ms, q.fresh(1+q.print%500), 0, Useful)
			if i == 0 {
				continue
			}
			r := q.fresh(1 + q.print%500)
			q.d.Arrive(q.at(ms), &r)
			if a := q.d.AnswerReturn(q.at(ms), &r); a.Kind == Return {
				back := ms + int(a.After/time.Millisecond)
				returns[back] = append(returns[back], r.Print)
			}
			q.d.End(q.at(ms), &r, Shed)
		}
		for _, p := range returns[ms] {
			r := Request{Print: p, Exact: true, Says: 2}
			r, _ = q.ask(ms, r, 0, Useful)
			if came++; r.Kept {
				kept++
			}
		}
		delete(returns, ms)
	}
	if came < 30*400 || kept < came {
		t.Errorf("%d returned as told, %d of them are known", came, kept)
	}
}

// TestSlotsAreShared: a client that asks for all of them leaves others theirs,
// and soon ones.
func TestSlotsAreShared(t *testing.T) {
	t.Parallel()
	const greedy, modest, forecast, reach = 3, 4, 10, 30
	q := returns{reach: reach}
	first, print := 0, uint64(0)
	ask := func(now int64, client uint64) (after int64, ok bool) {
		print++
		return q.promise(now, forecast, mix(print), client)
	}
	for range 2000 {
		if _, ok := ask(0, greedy); ok {
			first++
		}
	}
	if all := forecast * reach; first < all*4/10 || first > all*5/10 {
		t.Errorf("who asks first is promised %d of %d", first, all)
	}
	for client := range uint64(5) {
		for range 5 {
			if after, ok := ask(0, modest+client); !ok || after > 10 {
				t.Errorf("client %d, one of the others, is told %d s, %v", client, after, ok)
			}
		}
	}

	q = returns{reach: reach}
	var got [2]int
	wait, asked := int64(0), 0
	for second := range int64(60) {
		now := second * int64(time.Second)
		q.pass(now)
		for i := range 52 { // 50 and 2 a second
			if i%26 != 25 {
				if _, ok := ask(now, greedy); ok {
					got[0]++
				}
				continue
			}
			asked++
			if after, ok := ask(now, modest); ok {
				got[1]++
				wait += after
			}
		}
	}
	if got[1] < asked || float64(wait)/float64(got[1]) > 3 || got[0] < 60*forecast*4/10 {
		t.Errorf("who asks for two a second was promised %d of %d, after %.1f s on average; who asks for fifty %d",
			got[1], asked, float64(wait)/float64(got[1]), got[0])
	}
	for i, left := range q.shares {
		sum := 0
		for _, n := range left {
			sum += int(n)
		}
		if sum > forecast || sum > int(q.promised[i]) {
			t.Errorf("slot %d: %d for clients, %d promised", i, sum, q.promised[i])
		}
	}
}
