package proxy

import (
	"bytes"
	"encoding/binary"
	"io"
	"sync/atomic"
	"time"

	"github.com/levee-proxy/levee/cache"
)

// maxQueries is how many bytes of the contents of QUERY requests are held at
// once. A QUERY that there is no room for goes by the cache.
const maxQueries = 16 << 20

// queryRoom counts them.
type queryRoom struct{ held atomic.Int64 }

func (q *queryRoom) Hold(n int64) bool {
	if q.held.Add(n) > maxQueries {
		q.held.Add(-n)
		return false
	}
	return true
}

func (q *queryRoom) Free(n int64) { q.held.Add(-n) }

// keep is a body that was read already, for a request that may outlive the one
// that it came with.
func (q *queryRoom) keep(content []byte) *heldBody {
	n := int64(len(content))
	q.held.Add(n)
	return &heldBody{room: q, bytes: content, held: n}
}

// queries says whether a request is a QUERY (RFC 10008) whose content can be
// read, to be part of its key. Trailers can't be: nobody knows what they mean.
func (t *cacheTurn) queries(x *exchange) bool {
	return x.r.Method == cache.MethodQuery && t.route.query > 0 && x.r.ContentLength <= t.route.query && len(x.r.Trailer) == 0
}

// readQuery reads a QUERY's content. If it can't be held after all, the request
// goes by the cache, with all of its content; answered: it was answered, as its
// client has failed.
func (p *Proxy) readQuery(w *beginning, x *exchange) (held, answered bool) {
	t := &x.turn
	x.setDeadline(x.conn.trusted(x.gen))
	x.limit()
	src := x.body.src
	body, err := readBody(x, t.route.query, &p.o.caching.queries)
	x.held = body
	switch {
	case err == errBodyTooLarge || err == errNoBodyRoom || err == nil && len(x.r.Trailer) > 0:
		t.result, t.forward = cacheBypass, cache.ForwardBypass
		if err == nil {
			body.put(x)
			return false, false
		}
		x.body.src = prefixed{io.MultiReader(bytes.NewReader(body.bytes), src), src}
		x.body.bytes.Store(0)
		return false, false
	case err != nil:
		p.fail(w, x, x.explain(err))
		return false, true
	}
	x.body.src = nil   // read to its end
	x.bound.enqueued() // whoever is silent from here on, it isn't the upstream
	t.req.ContentSum = cache.SumContent(x.r.Header, body.bytes)
	x.content = binary.LittleEndian.Uint64(t.req.ContentSum[:])
	t.name()
	t.misses()
	return true, false
}

// prefixed is a body of which the beginning was read already.
type prefixed struct {
	io.Reader
	io.Closer
}

// unread makes a request that goes to the upstream by itself have its content
// again, if it was read.
func (x *exchange) unread() {
	if x.held != nil {
		x.r = x.r.WithContext(x.r.Context()) // a fetch may still read the one before
		x.held.put(x)
		x.bound.dequeued(time.Now())
	}
}
