package proxy

import (
	"context"
	"errors"
	"io"
	"maps"
	"time"
)

const (
	// keptAnswer is how much of an answer's body is kept while something better
	// is tried for. Answers that are retried are errors, and short.
	keptAnswer = 64 << 10

	// keptWithin is how long that is waited for. What comes later is read while
	// something better is tried for.
	keptWithin = time.Second
)

var errSetAside = errors.New("another attempt brought a better answer")

// putAside ends an attempt before another one is made: its permit, and its
// connection, if the answer is short. The answer is kept, in place of an earlier
// one, for the client to get if nothing better comes.
func (r *retrying) putAside(a *attempt) {
	if a.failure == nil {
		r.read(a)
	}
	if a.failure == nil {
		if r.kept != nil {
			r.kept.resp.Body.Close()
		}
		r.kept = a
		if !a.failing() {
			a.endpoint.completed()
		}
	}
	a.done(time.Now())
}

// read takes an answer's body off its connection. One that breaks off is no
// answer; a long or slow one stays on its connection.
func (r *retrying) read(a *attempt) {
	resp, told := a.resp, *a.resp
	told.Trailer = maps.Clone(resp.Trailer) // the transport may add to its own at any time
	body := readAhead(resp.Body, keptAnswer, func() { a.life.Cancel(errSetAside) })
	timer := time.NewTimer(keptWithin)
	defer timer.Stop()
	select {
	case <-body.ended:
	case <-timer.C:
	}
	whole, broke := body.state()
	if broke != nil {
		r.lost(a, broke)
		return
	}
	if whole {
		body.src.Close() // the connection is free
		resp.Body = body
		return
	}
	body.ends = func() { told.Trailer = resp.Trailer }
	told.Body = body
	a.resp = &told
}

// lost takes note that an answer broke off.
func (r *retrying) lost(a *attempt, why error) {
	a.resp.Body.Close()
	a.err = why
	a.resp, a.failure = nil, r.x.explainBy(context.Cause(r.x.ctx), io.ErrUnexpectedEOF, r.x.body.failed())
}

// answerOf is the attempt whose outcome the client gets when a was the last: the
// latest one that brought an answer.
func (r *retrying) answerOf(a *attempt) *attempt {
	if a.failure == nil || a.failure.cut || r.kept == nil {
		return a
	}
	if body, ok := r.kept.resp.Body.(*ahead); ok {
		if _, broke := body.state(); broke != nil {
			return a
		}
	}
	return r.kept
}
