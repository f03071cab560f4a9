package cache

import "time"

// Trouble is what is known of the upstream when a stored response is asked for.
type Trouble uint8

// The kinds of trouble.
const (
	Calm       Trouble = iota // nothing: the request has not been sent
	Failed                    // no answer, a timeout, or one of 500, 502, 503, 504
	Overloaded                // Levee would refuse: shed, ejected, no budget, a storm
)

// Moment is when, and in what situation, a stored response is asked for.
type Moment struct {
	Now     time.Time
	Trouble Trouble

	// Invalid: an unsafe request touched it. It may not be used before it was
	// validated (RFC 9111 §4.4), not even in trouble.
	Invalid bool

	// StaleSince, if set, is when a soft purge made it stale: its windows count
	// from then.
	StaleSince time.Time
}

// Use is what a stored response is good for.
type Use uint8

// The uses, down the ladder. Those from UseFresh to UseLastKnownGood answer the
// request.
const (
	UseNothing              Use = iota // not for this request
	UseFresh                           // answer
	UseMaxStale                        // answer: the client takes it stale
	UseStaleWhileRevalidate            // answer, and refresh it behind; in trouble, later
	UseStaleIfError                    // answer in place of the failure
	UseStaleOnOverload                 // answer in place of the refusal
	UseLastKnownGood                   // answer, for want of anything better
	UseValidate                        // ask the upstream first; see [Policy.Conditions]
)

// Answers tells whether the stored response answers the request.
func (u Use) Answers() bool { return u >= UseFresh && u <= UseLastKnownGood }

// Verdict is the decision about a stored response.
type Verdict struct {
	Use    Use
	Reason Reason
	Age    time.Duration // for the field Age
	TTL    time.Duration // how long it stays fresh; below zero: how stale it is
}

// Reuse decides whether a stored response answers a request (RFC 9111 §4), and
// on which rung of the ladder. Ask it first in Calm; when it says UseValidate
// and the upstream then fails or may not be asked, ask again with what happened:
// in trouble it never says UseValidate.
//
// must-revalidate, proxy-revalidate, s-maxage and no-cache forbid stale answers
// on every rung. What a client wishes beyond that is advice (RFC 9111 §5.2.1):
// it is followed in Calm, and gives way in trouble, where the alternative is no
// answer at all.
func (p *Policy) Reuse(req *Request, c *Config, at Moment) Verdict {
	v := Verdict{Age: p.Age(at.Now), TTL: p.ttl(at)}
	switch {
	case !p.Matches(req):
		v.Reason = ReasonVaryMiss
		return v
	case at.Invalid:
		return v.validate(ReasonInvalidated, at.Trouble)
	case p.has(noCache):
		return v.validate(ReasonNoCache, at.Trouble)
	}
	wish := p.wish(&req.wishes, v)
	switch {
	case v.TTL > 0 && (wish == ReasonNone || at.Trouble != Calm):
		v.Use, v.Reason = UseFresh, ReasonFresh
		return v
	case v.TTL > 0:
		return v.validate(wish, at.Trouble)
	case at.Trouble == Calm && wish != ReasonNone && !p.revalidate:
		return v.validate(wish, at.Trouble)
	}
	return p.stale(c, at, &req.wishes)
}

// wish is the client's objection to a fresh answer, or ReasonNone.
func (p *Policy) wish(w *wishes, v Verdict) Reason {
	switch {
	case !w.newer():
		return ReasonNone
	case w.noCache:
		return ReasonRequestNoCache
	case w.minFresh.said && v.TTL < w.minFresh.value:
		return ReasonRequestMinFresh
	case w.maxAge.said && (v.Age > w.maxAge.value || w.maxAge.value == 0) && !p.has(immutable):
		// max-age=0 means validate, be the answer of this very moment. RFC 8246: but
		// what is immutable is no other while it is fresh, so that such a reload has
		// nothing to find out. no-cache still has its way: it is how users repair
		// what was corrupted.
		return ReasonRequestMaxAge
	}
	return ReasonNone
}

// stale decides about a response that has expired.
func (p *Policy) stale(c *Config, at Moment, w *wishes) Verdict {
	v := Verdict{Age: p.Age(at.Now), TTL: p.ttl(at)}
	staleness := -v.TTL
	within := func(own, route time.Duration) bool {
		return staleness <= p.window(own, route) && p.window(own, route) > 0
	}
	switch {
	case p.revalidate:
		return v.validate(ReasonMustRevalidate, at.Trouble)
	case p.errorStatus():
		return v.validate(ReasonStoredError, at.Trouble)
	case at.Trouble == Calm && !w.maxAge.said && within(p.staleWhileRevalidate, c.StaleWhileRevalidate):
		// §5.2.1.1: a client that gives max-age wants nothing stale.
		v.Use, v.Reason = UseStaleWhileRevalidate, ReasonStaleWhileUpdate
		return v
	case w.toleratesStale(staleness):
		v.Use, v.Reason = UseMaxStale, ReasonRequestMaxStale
		return v
	case at.Trouble == Calm:
		return v.validate(ReasonStale, at.Trouble)
	case at.Trouble == Overloaded && within(p.staleOnOverload, c.StaleOnOverload):
		v.Use, v.Reason = UseStaleOnOverload, ReasonStaleOnOverload
	case within(p.staleIfError, c.StaleIfError), w.staleIfError.said && staleness <= w.staleIfError.value:
		// A refusal is a 503 to the client, which is what stale-if-error is for.
		v.Use, v.Reason = UseStaleIfError, ReasonStaleIfError
	case within(p.staleWhileRevalidate, c.StaleWhileRevalidate):
		v.Use, v.Reason = UseStaleWhileRevalidate, ReasonStaleWhileUpdate
	case c.LastKnownGood > 0 && v.Age <= c.LastKnownGood:
		v.Use, v.Reason = UseLastKnownGood, ReasonLastKnownGood
	default:
		v.Reason = ReasonTooStale
	}
	return v
}

// ttl is how long the response stays fresh, with what a soft purge took.
func (p *Policy) ttl(at Moment) time.Duration {
	ttl := p.FreshFor(at.Now)
	if !at.StaleSince.IsZero() {
		ttl = min(ttl, -since(at.StaleSince, at.Now))
	}
	return ttl
}

// validate: only the upstream can tell, and in trouble it can't be asked.
func (v Verdict) validate(reason Reason, trouble Trouble) Verdict {
	v.Reason = reason
	v.Use = UseValidate
	if trouble != Calm {
		v.Use = UseNothing
	}
	return v
}
