package proxy

import (
	"net/http"
	"time"
)

// hedgeLeast is the shortest time after which a request is sent a second time,
// however quick its class is.
const hedgeLeast = time.Millisecond

// Results of hedges, as metrics have them.
type hedgeResult uint8

const (
	hedgeWon        hedgeResult = iota // its answer was the one passed on
	hedgeLost                          // the first attempt's was
	hedgeBudget                        // not sent: no budget was left
	hedgeNoEndpoint                    // not sent: there was no other endpoint
	hedgeLimit                         // not sent: the other endpoint had no room
	hedgeResults
)

var hedgeResultNames = [hedgeResults]string{"won", "lost", "budget", "no_endpoint", "limit"}

// firstly makes the first attempt and, where that takes long and the upstream is
// configured so, a second one beside it: the hedge. It returns the one whose
// answer came first; if that was a failure, the other.
//
// A hedge is a retry before its time: it takes a request that may be repeated,
// with a body that has come and is kept, an endpoint that has room, and budget.
func (p *Proxy) firstly(w http.ResponseWriter, x *exchange, a *attempt) *attempt {
	r := x.retrying
	out := x.begin(w, a)
	after, hedges := r.hedgeAfter()
	if !hedges {
		x.roundTripWithin(a, out)
		x.judge(a)
		r.observe(a)
		return a
	}
	r.flew = true
	came := make(chan *attempt, 2)
	fly := func(a *attempt, out *http.Request) {
		defer func() {
			a.panicked = recover() // it is the exchange that ends by it, not the process
			came <- a
		}()
		x.roundTripWithin(a, out)
	}
	go fly(a, out)
	timer := time.NewTimer(after)
	defer timer.Stop()
	select {
	case <-came:
		r.land(a)
		return a
	case <-timer.C:
	}
	hedge := r.hedge(a, time.Now())
	if hedge == nil {
		<-came
		r.land(a)
		return a
	}
	go fly(hedge, x.begin(w, hedge))
	return r.race(p, a, hedge, came)
}

// land takes over an attempt that was made on a goroutine of its own.
func (r *retrying) land(a *attempt) {
	if a.panicked != nil {
		panic(a.panicked)
	}
	r.x.judge(a)
	r.observe(a)
}

// hedgeAfter is how long the first attempt is waited for before a hedge. False:
// there will be none.
func (r *retrying) hedgeAfter() (time.Duration, bool) {
	p := r.policy
	if !p.hedges || r.once || r.x.upgrade || r.x.isGuarded() || !p.methods[r.x.r.Method] || r.first > 1 && !p.chains {
		return 0, false
	}
	if p.hedgeAfter > 0 {
		return p.hedgeAfter, true
	}
	d, known := p.latencies.P95(r.x.class)
	return max(d, hedgeLeast), known
}

// hedge makes the second attempt, ready to be sent. Nil: there is none.
func (r *retrying) hedge(a *attempt, now time.Time) *attempt {
	if !r.body.Whole() || r.x.ctx.Err() != nil {
		return nil
	}
	stats, budget := r.policy.stats, r.policy.budget
	r.failed = append(r.failed, a.endpoint) // for now
	candidates := r.candidates()
	r.failed = r.failed[:len(r.failed)-1]
	if len(candidates) == 0 || candidates[0] == a.endpoint {
		stats.hedged(hedgeNoEndpoint)
		return nil
	}
	if !budget.Reserve(now) {
		stats.hedged(hedgeBudget)
		return nil
	}
	hedge := r.place(choose(candidates, now), now)
	if hedge == nil {
		budget.Return(now)
		stats.hedged(hedgeLimit)
		return nil
	}
	hedge.over = true // interim answers are the first attempt's
	return hedge
}

// race waits for two attempts. The first useful answer wins, and the other
// attempt is ended, whose permit ends as that of a request that nobody waits
// for any more. Otherwise the later outcome stands, and what came first has
// failed like any attempt.
func (r *retrying) race(p *Proxy, a, hedge *attempt, came <-chan *attempt) *attempt {
	winner := <-came
	loser := a
	if winner == a {
		loser = hedge
	}
	if winner.panicked != nil {
		r.lose(p, loser, came)
	}
	r.land(winner)
	if winner.failure == nil && r.conditionOf(winner) == noCondition {
		r.lose(p, loser, came)
	} else {
		r.failed = append(r.failed, winner.endpoint)
		r.putAside(winner)
		winner = <-came
		r.land(winner)
	}
	result := hedgeLost
	if winner == hedge {
		result = hedgeWon
		r.outlived(a, hedge)
	}
	r.policy.stats.hedged(result)
	return winner
}

// lose ends an attempt that is still under way, without waiting for its end.
func (r *retrying) lose(p *Proxy, a *attempt, came <-chan *attempt) {
	a.end()
	a.life.Cancel(errHedged)
	r.loose.Go(func() {
		<-came
		defer func() { a.done(time.Now()) }()
		if a.panicked != nil {
			p.panicked(a.panicked, r.x)
			return
		}
		r.x.judge(a)
		if a.failure == nil {
			a.resp.Body.Close()
		}
	})
}

// observe learns how long answers take that are worth waiting for. It is first
// attempts that hedges wait for.
func (r *retrying) observe(a *attempt) {
	if r.policy.latencies == nil || a.number != r.first || !succeeded(a, r.x.grpc) {
		return
	}
	begun, _, _ := r.x.bound.upload(a.begun)
	r.policy.latencies.Observe(r.x.class, a.begun.Add(a.latency).Sub(begun))
}

// outlived learns that the first attempt would have taken longer than until its
// hedge had answered.
func (r *retrying) outlived(a, hedge *attempt) {
	if r.policy.latencies == nil || a.failure != nil || !succeeded(hedge, r.x.grpc) {
		return
	}
	begun, _, _ := r.x.bound.upload(a.begun)
	r.policy.latencies.Outlived(r.x.class, hedge.begun.Add(hedge.latency).Sub(begun))
}
