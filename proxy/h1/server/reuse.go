package server

import (
	"net/http"

	"github.com/levee-proxy/levee/proxy/h1"
)

// mostKeptFields is how many fields a header may have had that is used again: a
// map never shrinks.
const mostKeptFields = 64

// LetGo is for a handler that is about to return, and says that neither the
// request nor anything of it but strings, nor the [http.ResponseWriter], will be
// used any more by anybody to whom it gave them. Then their memory serves another
// request: it is what a short exchange allocates most of.
func (x *exchange) LetGo() { x.letGo = true }

// alone says, behind the exchange, whether nobody else knows of it: the handler
// has let go of it, having read all of its body, nobody waits for its context's
// end, and neither the sweep has come by nor the server's end, which look at it
// without a lock.
func (x *exchange) alone() bool {
	s := x.c.s
	return x.letGo && !x.looked && !s.closing.Load() && s.cfg.Base.Err() == nil
}

// takeExchange gives an exchange for any request.
func (s *Server) takeExchange() *exchange {
	if x, ok := s.exchanges.Get().(*exchange); ok {
		return x
	}
	x := &exchange{head: new(h1.RequestHead), req: new(http.Request)}
	x.ctx.Tell(x)
	x.blank = new(http.Request).WithContext(&x.ctx)
	*x.req = *x.blank
	return x
}

// putExchange gives an exchange back that nobody knows of any more.
func (s *Server) putExchange(x *exchange) {
	head, req, blank := x.head, x.req, x.blank
	if len(head.Header) > mostKeptFields {
		*head = h1.RequestHead{}
	}
	*req = *blank
	*x = exchange{} // a literal with something in it would be made on the stack first
	x.head, x.req, x.blank = head, req, blank
	x.ctx.Tell(x)
	s.exchanges.Put(x)
}
