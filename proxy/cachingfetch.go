package proxy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/levee-proxy/levee/cache"
	"github.com/levee-proxy/levee/cache/coalesce"
	"github.com/levee-proxy/levee/cache/storage"
	"github.com/levee-proxy/levee/limiter"
	"github.com/levee-proxy/levee/proxy/internal/clock"
	"github.com/levee-proxy/levee/proxy/internal/fields"
)

// fetch is one request to the upstream on behalf of all who ask for the same,
// or of nobody, to refresh what is stored. It has an exchange of its own, with
// the facts of the client's that began it and without its context: once it
// runs, it goes on without its client.
type fetch struct {
	p    *Proxy
	x    *exchange // its own
	of   *exchange // its client's: only what never changes may be read of it
	fill *coalesce.Fill[*fetched]

	r       *http.Request // its client's
	method  string        // GET, or QUERY with content
	content []byte

	route      *routeCache
	parts      *cacheParts
	req        cache.Request
	base, key  storage.Key
	old        *entry       // what is validated; nil: nothing is
	since      time.Time    // of a soft purge that covers old
	found      storage.Mark // before old was found: a purge since then holds for it, whatever the upstream says
	background bool
	refreshes  *endpoint      // that counts this one among its refreshes
	paid       *refreshBudget // that has yet to hear what came of it

	mark      storage.Mark
	requested time.Time
	into      *filling
}

// fetched is the beginning of what a fetch brought.
type fetched struct {
	status int
	header http.Header   // what is stored, or, for its own client alone, what came
	own    http.Header   // what its own client gets: with what may not be stored; nil: header
	policy *cache.Policy // nil: it is for its own client alone
	stores bool          // it will be stored, if it comes whole
	size   int64         // of the body; -1: not known
	entry  *entry        // what the upstream said still holds: the answer is in storage

	// Known once the body is over, and only to its own client.
	trailer http.Header

	endpoint string
	latency  time.Duration
	attempts int
}

// fetchError is why a fetch brought nothing. One of refused, failure and status
// is set.
type fetchError struct {
	of *exchange // whose fetch it was

	refused              *refusal
	attempt, returnAfter int

	failure *failure

	// An answer that says that the upstream failed, or is asked for too much. It
	// is its own client's alone.
	trouble cache.Trouble
	status  int
	header  http.Header
	body    []byte
}

func (e *fetchError) Error() string {
	switch {
	case e.refused != nil:
		return "the fetch was refused: " + e.refused.shed[0]
	case e.failure != nil:
		return "the fetch failed: " + e.failure.text()
	}
	return fmt.Sprintf("the upstream answered %d", e.status)
}

func (e *fetchError) plight() plight {
	switch {
	case e.refused != nil:
		return e.refused.plight()
	case e.failure != nil:
		return e.failure.plight()
	}
	return plight{e.trouble, errUnavailable, ""}
}

// errLookAgain sends those who wait back to what is stored.
var errLookAgain = errors.New("look again")

// fetch makes the fetch for a client's request.
func (p *Proxy) fetch(x *exchange, background bool) coalesce.Fetch[*fetched] {
	t := &x.turn
	f := &fetch{
		p: p, of: x, r: x.r, route: t.route, parts: t.parts, req: t.req, base: t.base, key: t.key,
		old: t.entry, since: t.since, found: t.found, background: background, method: http.MethodGet,
	}
	if x.r.Method == cache.MethodQuery {
		f.method, f.content = x.r.Method, x.held.bytes
	}
	return f.run
}

// run is the fetch, on a goroutine of its own.
func (f *fetch) run(ctx context.Context, fill *coalesce.Fill[*fetched]) {
	c := f.p.o.caching
	if !c.goes() {
		fill.Release(&fetchError{of: f.of, failure: f.of.explainCause(errStopped)})
		return
	}
	defer c.done()
	f.fill = fill
	if e, found := f.parts.store.Get(f.base, f.matches); found && e != f.old {
		fill.Release(errLookAgain) // another fetch has ended meanwhile
		return
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(f.p.base, func() { cancel(errStopped) })()
	if f.send(ctx) { // what is stored is no more: once more, for all of it
		f.old = nil
		f.send(ctx)
	}
}

// send makes the request, and takes its answer into the fill. It returns true
// if the answer was that something else was validated than what is stored.
func (f *fetch) send(ctx context.Context) (again bool) {
	f.mark, f.requested = f.parts.store.Mark(), time.Now()
	r := f.r.WithContext(ctx)
	r.Method, r.Header = f.method, f.header()
	x := f.of.detached(r)
	x.start, x.fetch = f.requested, f
	f.x, f.into = x, &filling{f: f, header: http.Header{}}
	defer x.finish()
	if f.method == cache.MethodQuery {
		x.held, x.content = f.p.o.caching.queries.keep(f.content), f.of.content
		x.held.put(x)
	}
	defer func() {
		if f.refreshes != nil {
			f.refreshes.refreshes.Add(-1)
			f.refreshes = nil
		}
		v := recover()
		if v == nil {
			return
		}
		f.payBack(true, false)
		if v != http.ErrAbortHandler {
			f.p.panicked(v, x)
		}
		f.into.end(errBrokeOff)
	}()
	refused, failed := x.enter()
	if refused == nil && failed == nil {
		failed = f.p.forward(&beginning{ResponseWriter: f.into}, x)
	}
	f.payBack(refused == nil, failed == nil && troubleOf(f.into.status) == cache.Calm)
	switch {
	case refused != nil:
		f.give(&fetchError{of: f.of, refused: refused, attempt: x.attempt, returnAfter: x.returnAfter}, cache.Overloaded)
	case failed != nil:
		x.account.settle(failed.outcome())
		f.give(&fetchError{of: f.of, failure: failed}, cache.Failed)
	default:
		f.into.end(nil)
	}
	return f.into.again
}

// matches says whether a stored response is of the variant that is fetched.
func (f *fetch) matches(s *stored) bool { return s.Matches(&f.req) }

var errBrokeOff = errors.New("the upstream's answer broke off")

// header is the request's, as it asks the upstream for what all may have.
func (f *fetch) header() http.Header {
	h := maps.Clone(f.r.Header)
	f.route.cfg.DropUnlisted(h)
	if f.old != nil {
		f.old.Policy.Conditions(h)
	} else {
		cache.Unconditional(h)
	}
	delete(h, "Expect")
	return h
}

// give ends a fetch that brought nothing. Where what is stored may stand in, all
// who wait are told, so that nobody waits for a second try.
func (f *fetch) give(why *fetchError, trouble cache.Trouble) {
	now := time.Now()
	if f.old != nil {
		f.old.Policy.marks.refresh.Store(int64(clock.Since(now) + jittered(refreshAgain)))
		if trouble == cache.Failed {
			f.old.Policy.marks.failed.Store(int64(clock.Since(now) + jittered(failureMark)))
		}
	}
	switch {
	case f.background && why.refused != nil: // who waits for it may be let in, and has yet to ask
		f.fill.Release(errLookAgain)
		return
	case f.stands(now, trouble):
		f.fill.Release(why)
		return
	}
	f.fill.Fail(why)
}

// failureMark is how long the upstream isn't asked again for what it has just
// failed to give, while there is something stale.
const failureMark = 500 * time.Millisecond

// stands says whether what is stored may stand in for the upstream in trouble.
func (f *fetch) stands(now time.Time, trouble cache.Trouble) bool {
	if f.old == nil {
		return false
	}
	at := cache.Moment{Now: now, Trouble: trouble, StaleSince: f.since}
	return f.old.Policy.Reuse(&f.req, &f.route.cfg, at).Use.Answers()
}

// waits says whether the fetch may wait for a permit. A refresh may not: it
// takes what is free. Nor one that has something stale to fall back on: its
// clients are better off with that, and the upstream with less.
func (f *fetch) waits(now time.Time) bool { return !f.background && !f.stands(now, cache.Overloaded) }

// joins counts a refresh among the endpoint's, if there may be one more: most of
// the permits that are free are left to requests that somebody waits for.
func (f *fetch) joins(e *endpoint, now time.Time) bool {
	if e.refreshes.Add(1) > f.p.o.caching.file.ramp.of(int64(e.limiter.Free(now)/2), now) {
		e.refreshes.Add(-1)
		return false
	}
	f.refreshes = e
	return true
}

// place is the part of enter for a fetch that doesn't wait. What it is refused
// is no refusal of its clients': they have an answer.
func (f *fetch) place(e *endpoint, now time.Time) *refusal {
	x := f.x
	if f.background && !f.joins(e, now) || !x.permit.try(now, e) {
		return f.spared()
	}
	return nil
}

// spared is a refusal that is counted nowhere.
func (f *fetch) spared() *refusal {
	return f.x.gen.refusals[refuse503][limiter.QueueFull][formPlain]
}

// detached is an exchange for a request of Levee's own that is sent on behalf of
// x's client, whom it may outlive.
func (x *exchange) detached(r *http.Request) *exchange {
	return &exchange{facts: facts{
		r: r, gen: x.gen, conn: x.conn, route: x.route, start: x.start, requestID: x.requestID,
		client: x.client, clientIP: x.clientIP, grpc: x.grpc, headerSize: x.headerSize, values: fields.TakeValues(),
	}}
}
