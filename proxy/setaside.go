package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"
)

const (
	// keptAnswer is how much of an answer's body is kept while something better
	// is tried for. Answers that are retried are errors, and short.
	keptAnswer = 64 << 10

	// keptWithin is how long that much may take to come.
	keptWithin = time.Second
)

var errSlowError = errors.New("an answer that is an error took too long to come")

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

// read takes an answer's body off its connection. One that breaks off, or
// stands still, is no answer.
func (r *retrying) read(a *attempt) {
	timer := time.AfterFunc(keptWithin, func() { a.cancel(errSlowError) })
	body, err := io.ReadAll(io.LimitReader(a.resp.Body, keptAnswer))
	stopped := timer.Stop()
	switch {
	case err != nil || !stopped:
		a.resp.Body.Close()
		a.err = err
		if a.err == nil {
			a.err = errSlowError
		}
		a.resp, a.failure = nil, r.x.explainBy(context.Cause(r.x.ctx), io.ErrUnexpectedEOF, r.x.body.failed())
	case len(body) == keptAnswer: // perhaps there is more: it stays on its connection
		a.resp.Body = &twoPart{io.MultiReader(bytes.NewReader(body), a.resp.Body), a.resp.Body}
	default:
		a.resp.Body.Close()
		a.resp.Body = io.NopCloser(bytes.NewReader(body))
	}
}

// twoPart is a body of which the beginning was read already.
type twoPart struct {
	io.Reader
	io.Closer
}

// answerOf is the attempt whose outcome the client gets when a was the last: the
// latest one that brought an answer.
func (r *retrying) answerOf(a *attempt) *attempt {
	if a.failure == nil || a.failure.cut || r.kept == nil {
		return a
	}
	return r.kept
}
