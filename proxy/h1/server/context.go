package server

import (
	"context"

	"github.com/levee-proxy/levee/proxy/h1"
)

// requestContext is a request's context: it ends with the request, or when its
// client leaves. What net/http's needs three allocations for is part of the
// exchange here. And it knows whether anybody waits for its end: only then is
// the client worth watching.
type requestContext struct {
	h1.Ending
	base context.Context // the connection's: values only
}

// Value implements [context.Context].
func (c *requestContext) Value(key any) any { return c.base.Value(key) }
