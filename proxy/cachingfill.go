package proxy

import (
	"errors"
	"maps"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/levee-proxy/levee/cache"
	"github.com/levee-proxy/levee/cache/coalesce"
	"github.com/levee-proxy/levee/cache/storage"
)

// filling takes the upstream's answer to a fetch, in place of a client, and
// decides by its header who may have it and whether it is stored.
type filling struct {
	f      *fetch
	header http.Header

	mode   fillMode
	status int
	begun  http.Header // as the header was when the body began
	got    *fetched
	failed *fetchError // an answer that says that the upstream failed
	again  bool
	policy cache.Policy
	count  int64
	large  bool // larger than what is kept
	nobody bool // there is neither room to keep it nor anybody who reads it

	watched bool // it is given up when it stands still
	over    bool
}

type fillMode uint8

const (
	fillNone   fillMode = iota // no header has come
	fillBody                   // the body goes to those who wait
	fillFailed                 // it is kept for the one client whose request it was
	fillIgnore                 // nobody needs it
)

// keptFailure is how much of an answer is kept that says that the upstream failed.
const keptFailure = 64 << 10

// Header implements http.ResponseWriter.
func (b *filling) Header() http.Header { return b.header }

// SetWriteDeadline serves [http.ResponseController]: nobody is slow to take what
// is only kept, and of those who read it the slow ones are let go.
func (b *filling) SetWriteDeadline(time.Time) error { return nil }

// FlushError serves [http.ResponseController].
func (b *filling) FlushError() error { return nil }

// WriteHeader implements http.ResponseWriter. Interim answers are for the client
// whose own fetch it is: others may come too late for them, and the answer may
// yet prove to be that client's alone.
func (b *filling) WriteHeader(status int) {
	if status < 200 {
		if !b.f.background {
			// The values too: their memory serves the next answer when this has returned.
			b.f.fill.Early(&fetched{status: status, header: b.header.Clone()})
		}
		return
	}
	f, now := b.f, time.Now()
	b.status, b.begun = status, maps.Clone(b.header)
	resp := &cache.Response{Status: status, Header: b.begun, Requested: f.requested, Received: now}
	if f.old != nil && status == http.StatusNotModified {
		b.validated(resp)
		return
	}
	if trouble := troubleOf(status); trouble != cache.Calm && f.stands(now, trouble) {
		b.mode = fillIgnore
		b.watch(now)
		f.give(&fetchError{of: f.of, status: status, header: b.begun, trouble: trouble}, trouble)
		return
	}
	s := f.route.cfg.Store(&f.req, resp)
	switch {
	case s.Store && !has(b.begun, "Trailer") && !lasting(b.begun): // a stream of events has no whole
		b.share(&s, now)
	case troubleOf(status) != cache.Calm && !lasting(b.begun):
		b.mode = fillFailed
		b.watch(now)
		b.failed = &fetchError{of: f.of, status: status, header: b.begun, trouble: troubleOf(status)}
	default:
		b.pass(s.Reason, now)
	}
}

// troubleOf is what an answer's status says of the upstream. 429 is a cap of its
// own, or another Levee's: there is more to do than it takes.
func troubleOf(status int) cache.Trouble {
	switch {
	case cache.Failure(status):
		return cache.Failed
	case status == http.StatusTooManyRequests:
		return cache.Overloaded
	}
	return cache.Calm
}

// share begins an answer that all may have who ask for the same.
func (b *filling) share(s *cache.Storing, now time.Time) {
	f := b.f
	if !has(s.Header, "Date") { // RFC 9110, section 6.6.1
		s.Header["Date"] = []string{now.UTC().Format(http.TimeFormat)}
		b.begun["Date"] = s.Header["Date"]
	}
	b.policy = s.Policy
	b.mode = fillBody
	b.got = b.fetched(s.Header)
	b.got.own, b.got.policy = b.begun, &b.policy
	b.got.stores = f.old == nil || s.Policy.Supersedes(&f.old.Policy.Policy, &f.route.cfg, now)
	if b.got.size > b.most() {
		b.got.stores = false
		b.tooLarge(now)
	} else if !f.fill.Reserve(b.got.size) {
		b.got.stores = false
		f.putOff(now)
	}
	f.fill.Start(b.got, b.got.size)
	b.watch(now)
}

// watch has the answer given up when it stands still: while it goes on, others wait
// for it, or nobody does who would end it.
func (b *filling) watch(now time.Time) {
	b.watched = true
	b.f.x.bound.fill(now)
}

// most is how large an answer may be that is kept.
func (b *filling) most() int64 {
	if own := b.f.route.object; own > 0 {
		return own
	}
	return b.f.parts.object
}

// tooLarge gives up keeping an answer, for the next ones too.
func (b *filling) tooLarge(now time.Time) {
	b.large = true
	b.f.parts.unshared(b.f.key, now)
}

// pass begins an answer that only its own client may have.
func (b *filling) pass(reason cache.Reason, now time.Time) {
	f := b.f
	switch reason {
	case cache.ReasonRequestStore: // it is the request's doing, not the resource's
	case cache.ReasonAuthorization:
		f.parts.unshared(authorizedKey(f.base), now)
	case cache.ReasonPrivate, cache.ReasonSetCookie:
		f.parts.unshared(f.key, now)
	default:
		if f.old != nil && (b.status < 400 || b.status == http.StatusNotFound || b.status == http.StatusGone) {
			f.parts.store.Remove(f.old) // what was validated is no more
		}
		f.parts.unshared(f.key, now)
	}
	b.mode = fillBody
	b.got = b.fetched(b.begun)
	f.fill.Pass(b.got, b.got.size)
}

// fetched is what those who wait get to know first.
func (b *filling) fetched(h http.Header) *fetched {
	x := b.f.x
	got := &fetched{
		status: b.status, header: h, size: -1,
		endpoint: x.record.Endpoint, latency: x.record.UpstreamDuration, attempts: x.record.Attempts,
	}
	if lines := b.begun["Content-Length"]; len(lines) == 1 && bodyAllowed(b.status) {
		if n, err := strconv.ParseInt(lines[0], 10, 64); err == nil {
			got.size = n
		}
	}
	return got
}

// validated takes the upstream's word that what is stored still holds.
func (b *filling) validated(resp *cache.Response) {
	f := b.f
	before := make(http.Header, len(f.old.Header))
	f.old.Header.CopyTo(before)
	n := f.route.cfg.Freshen(&f.req, &f.old.Policy.Policy, before, resp)
	b.mode = fillIgnore
	if !n.Holds {
		f.parts.store.Remove(f.old)
		b.again = true
		return
	}
	got := b.fetched(nil)
	if !n.Store { // for this client it holds
		if n.Drop {
			f.parts.store.Remove(f.old)
		}
		got.entry = f.old
		f.fill.Pass(got, 0)
		return
	}
	b.policy = n.Policy
	fresh := storage.Entry[stored]{Policy: b.keep(), Header: storage.Pack(n.Header), Body: f.old.Body}
	got.entry, got.policy, got.header = &fresh, &b.policy, n.Header
	f.mark = min(f.mark, f.found)
	got.stores = b.put(fresh) == nil
	f.fill.Start(got, 0)
}

// ttlSpread is the share of its lifetime by which what is stored may expire
// earlier, so that what came together doesn't expire together.
const ttlSpread = 0.05

// keep is what is kept of the response's policy.
func (b *filling) keep() stored {
	return stored{shortened(&b.policy), &marks{}, time.Since(b.f.requested)}
}

func shortened(p *cache.Policy) cache.Policy { return p.Shortened(rand.Float64() * ttlSpread) }

// put stores a response in place of what is there.
func (b *filling) put(e storage.Entry[stored]) error {
	f := b.f
	labels := f.x.labels(f.route, &f.req, &b.policy)
	if len(b.policy.VaryNames()) > 0 {
		same := func(s *stored) bool { return s.SameVariant(&b.policy) }
		now := time.Now()
		spent := func(s *stored) bool { return s.FreshFor(now) <= 0 }
		return f.stored(f.parts.store.PutVariant(f.base, f.mark, same, spent, labels, e, now))
	}
	return f.stored(f.parts.store.Put(f.base, f.mark, labels, e))
}

// stored says that what was fetched can be shared after all, if it could be stored.
func (f *fetch) stored(err error) error {
	if err == nil {
		f.parts.store.Unmark(f.key)
	}
	return err
}

// labels are what purges find a response by.
func (x *exchange) labels(route *routeCache, req *cache.Request, p *cache.Policy) storage.Labels {
	l := storage.Labels{URL: route.cfg.URL(req), Groups: []string{routeLabel(x.route.cfg.Name)}}
	for _, group := range p.Groups() {
		l.Groups = append(l.Groups, groupLabel(req.Origin(), group))
	}
	return l
}

// groupLabel keeps the groups of one origin apart from those of others.
func groupLabel(origin, group string) string { return origin + " " + group }

// Write implements http.ResponseWriter.
func (b *filling) Write(data []byte) (int, error) {
	b.count += int64(len(data))
	if b.watched {
		b.f.x.bound.enqueued() // those who read it may hold it up: that is no silence
		defer func() { b.f.x.bound.dequeued(time.Now()) }()
	}
	switch b.mode {
	case fillBody:
		if !b.large && b.got.policy != nil && b.count > b.most() {
			b.tooLarge(time.Now())
		}
		n, err := b.f.fill.Write(data)
		if b.got.policy != nil && errors.Is(err, coalesce.ErrAbandoned) {
			b.nobody = true
			b.f.putOff(time.Now())
		}
		return n, err
	case fillFailed:
		if len(b.failed.body)+len(data) <= keptFailure {
			b.failed.body = append(b.failed.body, data...)
			return len(data), nil
		}
		b.mode = fillBody
		b.got = b.fetched(b.begun)
		b.f.fill.Pass(b.got, b.got.size)
		if _, err := b.f.fill.Write(b.failed.body); err != nil {
			return 0, err
		}
		return b.f.fill.Write(data)
	case fillIgnore:
		if b.count > keptFailure { // its end isn't worth waiting for
			return 0, errBrokeOff
		}
	}
	return len(data), nil
}

// end ends the answer: whole, if err is nil.
func (b *filling) end(err error) {
	if b.over {
		return
	}
	b.over = true
	f := b.f
	switch b.mode {
	case fillNone: // panicked, or broke off before there was anything
		f.give(&fetchError{of: f.of, failure: &failure{answer: answer{status: http.StatusBadGateway, kind: errTerminated, details: "the upstream's answer broke off"}}}, cache.Failed)
	case fillFailed:
		if err != nil {
			f.fill.Fail(&fetchError{of: f.of, failure: &failure{answer: answer{status: http.StatusBadGateway, kind: errResponseIncoming, details: "the upstream's answer broke off"}}})
			return
		}
		f.fill.Fail(b.failed)
	case fillIgnore:
		if b.got == nil && !b.again {
			_, _ = f.fill.Finish(nil)
		}
	case fillBody:
		b.got.trailer = b.trailer()
		body, whole := f.fill.Finish(err)
		if !whole || b.got.policy == nil || !b.got.stores || b.large {
			return
		}
		_ = b.put(storage.Entry[stored]{Policy: b.keep(), Header: storage.Pack(b.got.header), Body: storage.NewBody(body...)})
	}
}

// trailer is what came behind the body. Those that were not announced have
// net/http's prefix.
func (b *filling) trailer() http.Header {
	if b.got.policy != nil {
		return nil
	}
	var t http.Header
	for name, values := range b.header {
		if _, before := b.begun[name]; before && !strings.HasPrefix(name, http.TrailerPrefix) {
			continue
		}
		if t == nil {
			t = http.Header{}
		}
		t[name] = values
	}
	return t
}
