package proxy

import "sync"

// exchanges are used again, as each is some 2 KiB that the collector would have
// to look through. But one that has gone further than a look into the cache may
// be held on to by others: the transport reads its body when its client has
// got an early answer already, a timer may just be running, and a fetch knows
// whose it was. So only those are used again that nobody else can have got hold
// of, which is said where it is certain: behind the answer from the store.
var exchanges = sync.Pool{New: func() any { return &exchange{} }}

// takeExchange gives an exchange without any facts.
func takeExchange() *exchange {
	x := exchanges.Get().(*exchange)
	x.values = takeFieldValues()
	return x
}

// release is for when the exchange is over and free.
func (x *exchange) release() {
	setDeadline := x.out.setDeadline // of this very exchange's writer: it may stay
	*x = exchange{}
	x.out.setDeadline = setDeadline
	exchanges.Put(x)
}

// untouched says whether nobody but its own goroutine knows of the exchange: it
// has no body that a transport might read, no timer, and no context that
// somebody waits for.
func (x *exchange) untouched() bool {
	return x.body.src == nil && x.held == nil && x.cancel == nil && x.run == nil && x.fetch == nil
}
