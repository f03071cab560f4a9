package proxy

import (
	"sync"

	"github.com/levee-proxy/levee/proxy/internal/fields"
)

// exchanges are used again, as each is some 5 KiB that would have to be cleared
// and looked through by the collector. But one that goes further than a look
// into the cache may be held on to by others: the transport reads its body when
// its client has got an early answer already, a timer may just be running, and a
// fetch knows whose it was. So only those are used again that nobody else can
// have got hold of, which is said where it is certain: behind an answer from the
// store, and behind one that came by the shortest way there is.
//
// They stay within one proxy, as their timers do: those made in a test's virtual
// time must stay in it.
type exchanges struct{ pool sync.Pool }

// letter is the lean engine's [http.ResponseWriter], which uses the request's
// memory again where it is told that nobody has it any more.
type letter interface{ LetGo() }

// take gives an exchange without any facts.
func (e *exchanges) take() *exchange {
	x, ok := e.pool.Get().(*exchange)
	if !ok {
		x = &exchange{}
	}
	if x.values == nil {
		x.values = fields.TakeValues()
	}
	return x
}

// put is for when the exchange is over and free. What stays is its very own: a
// call upon itself, a timer, which may still run, and room for texts and a
// verdict.
func (e *exchanges) put(x *exchange) {
	setDeadline, values, spare := x.out.setDeadline, x.values, x.permit.spare
	clear(x.fields[:])
	if x.turn.route != nil || x.turn.result != cacheNone {
		x.turn = cacheTurn{}
	}
	if x.retrying != nil {
		x.again = retrying{}
	}
	x.facts = facts{}
	x.bound.renew()
	x.out.setDeadline, x.values, x.permit.spare = setDeadline, values, spare
	e.pool.Put(x)
}

// untouched says whether nobody but its own goroutine knows of the exchange: it
// has no body that a transport might read, no timer that has rung, and no context
// that somebody waits for.
func (x *exchange) untouched() bool {
	return x.body.src == nil && x.own() && x.cancel == nil && x.out.guard.unheard()
}

// alone says whether an attempt whose answer was passed on to its end has left
// the exchange to its own goroutine: it was the only one, on a connection of the
// lean engine, which lets go of what it was given when the answer's body ends,
// and of a request that nobody else's depends on. Whether a timer, or the end of
// the client's request, has come between is seen when the exchange is over.
func (x *exchange) alone(a *attempt) bool {
	plain := x.r.ProtoMajor == 1 && x.body.written() || x.body.src == nil // of a stream's body, the server may speak still
	return x.own() && plain && x.out.guard.unheard() && a == &x.first && a.conn.Ours() != nil && x.route.caching == nil &&
		(x.retrying == nil || x.body.src == nil && x.retrying.alone())
}

// own says whether the exchange is its client's own.
func (x *exchange) own() bool { return x.held == nil && x.run == nil && x.fetch == nil }
