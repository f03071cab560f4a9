package proxy

import (
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"strings"
	"time"

	"github.com/levee-proxy/levee/cache"
	"github.com/levee-proxy/levee/cache/storage"
)

// cacheTurn is the cache's part in a request. The zero value is none.
type cacheTurn struct {
	route *routeCache // nil: the route doesn't cache
	parts *cacheParts

	req   cache.Request
	base  storage.Key  // under which it is stored, with its variants
	key   storage.Key  // of the variant, where it is known that there are several
	entry *entry       // what is stored, fresh or not; nil: nothing, or the cache takes no part
	since time.Time    // of a soft purge that covers entry
	found storage.Mark // before entry was looked for

	head  storage.Mark // where a HEAD asks what became of entry: before it was asked
	asked time.Time    // and when

	verdict cache.Verdict
	early   bool          // it is to be refreshed although it is fresh
	named   bool          // its key is known already
	looked  bool          // what is said up to here was found out already, just now
	forward cache.Forward // why it goes to the upstream
	result  cacheResult

	variants int // how often it learned that it waited for another variant
}

// takesPart says whether the cache may have an answer to a request, and finds
// out what it asks for.
func (p *Proxy) takesPart(x *exchange) bool {
	t := &x.turn
	if x.route.caching == nil && t.route == nil { // nor has it: there is nothing to forget
		return false
	}
	parts := p.o.caching.parts.Load()
	same := t.route == x.route.caching && t.parts == parts
	if t.looked && same {
		return true
	}
	named := t.named && same
	if t.named = false; !named {
		*t = cacheTurn{}
	}
	if x.route.caching == nil || parts == nil {
		return false
	}
	t.route, t.parts = x.route.caching, parts
	t.result, t.forward = cacheBypass, cache.ForwardBypass
	if x.upgrade || x.grpc || x.wantsStream() {
		return false
	}
	if !named {
		t.req = cacheRequest(x)
	}
	t.route.cfg.Prepare(&t.req)
	if reason := t.req.Bypass(); reason == cache.ReasonMethod && t.queries(x) {
		return true // it has a name once its content was read
	} else if reason != cache.ReasonNone {
		if reason == cache.ReasonMethod {
			t.forward = cache.ForwardMethod
		}
		return false
	}
	if !named {
		t.name()
	}
	t.misses()
	return true
}

// misses is what is said until it is known better.
func (t *cacheTurn) misses() { t.result, t.forward = cacheMiss, cache.ForwardURIMiss }

// expect names what a GET or HEAD asks for before it is known whether the cache
// takes part: while that is found out, what is stored comes from memory.
func (p *Proxy) expect(x *exchange) {
	t := &x.turn
	*t = cacheTurn{route: x.route.caching, parts: p.o.caching.parts.Load()}
	if t.route == nil || t.parts == nil {
		return
	}
	t.req = cacheRequest(x)
	t.name()
	t.named = true
	t.parts.store.Expect(&t.base)
}

// name finds the key of what the request asks for.
func (t *cacheTurn) name() {
	t.base = storage.Key(t.route.cfg.Key(&t.req))
	for i, b := range t.route.salt {
		t.base[i] ^= b
	}
}

// cacheRequest is a request as the decisions see it.
func cacheRequest(x *exchange) cache.Request {
	target := x.r.RequestURI
	if !strings.HasPrefix(target, "/") { // an absolute target, or one of a test
		target = x.r.URL.RequestURI()
	}
	return cache.Request{
		Method: x.r.Method, Scheme: x.conn.scheme, Host: x.r.Host, Target: target,
		Header: x.r.Header, Content: x.r.ContentLength != 0, // over HTTP/2 there is always a body, if an empty one
	}
}

// look finds what is stored for the request, and what may be done with it.
func (t *cacheTurn) look(now time.Time) {
	if t.looked {
		t.looked = false
		return
	}
	store := t.parts.store
	t.key, t.forward, t.verdict, t.early = t.base, cache.ForwardURIMiss, cache.Verdict{}, false
	t.found = store.Mark()
	t.entry, _ = store.Get(t.base, t.matches)
	if t.entry == nil {
		if other, found := store.Get(t.base, nil); found {
			t.forward = cache.ForwardVaryMiss
			t.vary(&other.Policy.Policy)
		}
		return
	}
	t.since, _ = store.Purged(t.entry)
	t.verdict = t.judge(now, cache.Calm)
	t.forward = cache.ForwardFor(t.verdict)
	t.early = t.verdict.Use == cache.UseFresh && t.req.Method != http.MethodHead && t.isEarly(t.verdict)
}

// matches says whether a stored response is of the request's variant.
func (t *cacheTurn) matches(s *stored) bool { return s.Matches(&t.req) }

// vary makes the key that of the request's variant, if there are several: each
// is fetched by itself.
func (t *cacheTurn) vary(p *cache.Policy) {
	if names := p.VaryNames(); len(names) > 0 {
		var stack [512]byte
		t.key = sha256.Sum256(cache.AppendVariant(append(stack[:0], t.base[:]...), names, t.req.Header))
	}
}

// fetchKey is the key under which it is fetched now, and shared.
func (t *cacheTurn) fetchKey() storage.Key {
	var b [len(t.key) + 8]byte
	copy(b[:], t.key[:])
	binary.LittleEndian.PutUint64(b[len(t.key):], t.parts.changes.at(t.route.cfg.URL(&t.req)))
	return sha256.Sum256(b[:])
}

// authorizedKey is where it is marked that what a key stands for is given to
// each authorized client alone.
func authorizedKey(k storage.Key) storage.Key {
	return sha256.Sum256(append(k[:len(k):len(k)], "authorized"...))
}

// choose makes the key that of the variant which is stored.
func (t *cacheTurn) choose() {
	if t.entry != nil {
		t.vary(&t.entry.Policy.Policy)
	}
}

// judge asks what the stored response is good for.
func (t *cacheTurn) judge(now time.Time, trouble cache.Trouble) cache.Verdict {
	return t.entry.Policy.Reuse(&t.req, &t.route.cfg, cache.Moment{Now: now, Trouble: trouble, StaleSince: t.since})
}

// alone says whether a request has to go to the upstream by itself, as nothing
// can be kept of its answer, or nothing is worth waiting for.
func (t *cacheTurn) alone(now time.Time) bool {
	h := t.req.Header
	t.choose()
	switch {
	case t.req.Method == http.MethodHead:
		t.head, t.asked = t.parts.store.Mark(), now
		return true
	case has(h, "Range"), has(h, "If-Match"), has(h, "If-Unmodified-Since"):
		return true // the upstream itself answers these best, and with less
	case !t.route.cfg.IgnoreClients && strings.Contains(strings.ToLower(h.Get("Cache-Control")), "no-store"):
		return true
	}
	store := t.parts.store
	if has(h, "Authorization") && store.Uncacheable(authorizedKey(t.base), now) {
		return true
	}
	for _, k := range [...]storage.Key{t.base, t.key} {
		if store.Uncacheable(k, now) && !store.Retry(k, now, unsharedRetry) {
			return true
		}
		if t.key == t.base {
			break
		}
	}
	return false
}

func has(h http.Header, name string) bool {
	_, ok := h[name]
	return ok
}
