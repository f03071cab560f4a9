package proxy

import (
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/limiter"
	"github.com/levee-proxy/levee/limiter/storm"
	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// inbound is what is known of the retries that an upstream's clients make, and
// what is done about them. All endpoints share it: a client's next attempt may
// go to another one. It outlives a reload that leaves its settings.
type inbound struct {
	cfg      config.Storm
	detector detector
	told     [tolds]atomic.Uint64 // refusals, by what they told
	seen     atomic.Uint32        // the detector's state when it was last looked at

	log      *slog.Logger
	upstream string

	mu     sync.Mutex
	lines  *rate.Limiter // of the log
	unsaid int           // changes of state since the last line
	timer  *time.Timer   // lets time pass while the state isn't calm
	runs   bool
}

// detector is a [storm.Detector].
type detector interface {
	Arrive(now time.Time, r *storm.Request)
	Admit(now time.Time, r *storm.Request) bool
	End(now time.Time, r *storm.Request, o storm.Outcome)
	Answer(now time.Time, r *storm.Request) storm.Answer
	AnswerReturn(now time.Time, r *storm.Request) storm.Answer
	AnswerStopOnly(now time.Time, r *storm.Request) storm.Answer
	Patience(r *storm.Request) (time.Duration, bool)
	State() storm.State
	Tick(now time.Time)
	Status(now time.Time) storm.Status
}

// newInbound makes what cfg asks for, or nil where nothing is to be known. What
// old, which may be nil, has at the same settings is taken over.
func newInbound(cfg *config.Upstream, log *slog.Logger, old *Upstream, now time.Time) *inbound {
	if cfg.Storm.Mode == config.StormOff {
		return nil
	}
	if old != nil && old.inbound != nil && old.inbound.cfg == cfg.Storm {
		return old.inbound
	}
	return &inbound{
		cfg: cfg.Storm, log: log, upstream: cfg.Name,
		detector: storm.New(storm.Config{
			Percent:   cfg.Storm.Percent,
			MaxReturn: time.Duration(cfg.Storm.MaxReturn),
			Observe:   cfg.Storm.Mode == config.StormObserve,
		}, now),
		lines: rate.NewLimiter(rate.Every(stormLineEvery), stormLines),
	}
}

// account is a request's with the detector of its upstream: opened when it
// arrives, settled when it is over, exactly once, by close. Until then the last
// word on what came of it holds.
type account struct {
	in      *inbound // nil: none is open
	request storm.Request
	outcome storm.Outcome
	asked   bool // the budget was, and has let it in
}

// arrive opens the request's account, unless it came with one (see express.go).
func (x *exchange) arrive(now time.Time) {
	a, in := &x.account, x.route.upstream.inbound
	if x.fetch != nil && x.fetch.background {
		x.attempt = 1
		return // nobody's
	}
	if a.in != in {
		a.close(now)
	}
	if in == nil {
		x.attempt = signals.AttemptNumber(x.r.Header)
		return
	}
	if a.in == nil {
		a.in, a.outcome, a.asked = in, storm.Neutral, false
		a.request = storm.Request{Class: x.class, Client: x.clientHash, Priority: uint8(x.priority)}
		if !x.unmarked {
			a.request.Says = signals.SaidAttempt(x.r.Header)
		}
		x.fingerprint(&a.request)
		in.detector.Arrive(now, &a.request)
		in.look(now)
	}
	x.attempt = a.request.Attempt
	if a.request.Doubted {
		x.attempt = 1
	}
}

// overBudget says whether the request is a retry that isn't let in.
func (x *exchange) overBudget(now time.Time) bool {
	a := &x.account
	if a.in == nil || a.asked {
		return false
	}
	a.asked = a.in.detector.Admit(now, &a.request)
	return !a.asked
}

// patience is until when the client is believed to wait, while there is a
// storm; zero: not known. It only decides whether a request may wait for a place
// that it would get too late; one that runs isn't cut off by it.
func (x *exchange) patience() time.Time {
	a := &x.account
	if a.in == nil || a.in.cfg.Mode != config.StormBound || a.in.detector.State() != storm.Storm {
		return time.Time{}
	}
	d, known := a.in.detector.Patience(&a.request)
	if !known {
		return time.Time{}
	}
	return x.start.Add(d)
}

// tell chooses what a refused request is told, and closes its account.
func (x *exchange) tell(why limiter.Reason, now time.Time) form {
	a := &x.account
	in := a.in
	if in == nil {
		return formPlain
	}
	d := dialectOf(x.r.Header, x.grpc)
	answer := in.answer(now, &a.request, d, why)
	f := d.form(answer.Kind)
	switch f {
	case formReturn, formReturnAWS:
		x.returnAfter = wholeSeconds(answer.After)
	case formLater:
		x.returnAfter = in.later(rand.Uint64())
	}
	a.outcome = storm.Shed
	if why == limiter.Deadline && !x.permit.waiter.Crowded {
		a.outcome = storm.Abandoned // there was room, but its own time was too short
	}
	a.close(now)
	in.told[f.told()].Add(1)
	return f
}

// answer is what the settings and the detector have to tell. A request that
// came too late, or whose client doesn't wait, isn't told when to return.
func (in *inbound) answer(now time.Time, r *storm.Request, d dialect, why limiter.Reason) storm.Answer {
	mode := in.cfg.Answer
	switch {
	case in.cfg.Mode != config.StormBound, mode == config.AnswerPlain:
		return storm.Answer{}
	case mode == config.AnswerStop:
		return storm.Answer{Kind: storm.Stop}
	case d.envoy, why == limiter.Deadline:
		return in.detector.AnswerStopOnly(now, r)
	case d.persists, mode == config.AnswerReturn:
		return in.detector.AnswerReturn(now, r)
	}
	return in.detector.Answer(now, r)
}

// later is how many seconds a client stays away that can't be stopped, and for
// which there is no slot: no promise, so it may be as far as promises go. It is
// spread, so that those refused together don't come back together.
func (in *inbound) later(spread uint64) int {
	most := uint64(wholeSeconds(time.Duration(in.cfg.MaxReturn)))
	return int(most - spread%(most/2+1))
}

// wholeSeconds rounds up, and never to 0: that would invite a client to come
// back at once.
func wholeSeconds(d time.Duration) int { return max(int((d+time.Second-1)/time.Second), 1) }

// settle notes what came of the request, or of its latest attempt.
func (a *account) settle(o storm.Outcome) { a.outcome = o }

// close settles the account. Once more does no harm.
func (a *account) close(now time.Time) {
	in := a.in
	if in == nil {
		return
	}
	a.in = nil
	in.detector.End(now, &a.request, a.outcome)
	in.look(now)
}

// outcome is what a request comes to that got no answer.
func (f *failure) outcome() storm.Outcome {
	switch {
	case f.cut, f.brief: // its client waits no more
		return storm.Abandoned
	case f.status >= http.StatusInternalServerError:
		return storm.Failed
	}
	return storm.Neutral // its own fault
}

// usefulness is what a request comes to whose answer begins like this. A client
// tries again what was too many or too slow, as it does what failed.
func usefulness(resp *http.Response, grpc bool) storm.Outcome {
	switch code := resp.StatusCode; {
	case code >= http.StatusInternalServerError, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout:
		return storm.Failed
	}
	if !grpc {
		return storm.Useful
	}
	if status := resp.Header["Grpc-Status"]; len(status) == 1 {
		switch status[0] { // an answer of trailers alone
		case "2", "4", "8", "13", "14", "15": // UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE, DATA_LOSS
			return storm.Failed
		}
	}
	return storm.Useful
}
