package proxy

import (
	"net/http"
	"time"

	"github.com/levee-proxy/levee/cache"
)

// invalidate drops what the answer to a request makes worthless, before its
// client hears of it: what that client asks for next must not be what was.
func (p *Proxy) invalidate(x *exchange, resp *http.Response) {
	parts := p.o.caching.parts.Load()
	if x.route.caching == nil || parts == nil || x.fetch != nil {
		return
	}
	switch x.r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return
	}
	req := cacheRequest(x)
	what := x.route.caching.cfg.Invalidates(&req, &cache.Response{Status: resp.StatusCode, Header: resp.Header})
	if len(what.URLs) == 0 && len(what.Groups) == 0 {
		return
	}
	p.o.caching.invalidations.Add(1)
	now := time.Now()
	for _, url := range what.URLs {
		parts.dropURL(url, now)
	}
	for _, group := range what.Groups {
		parts.dropGroup(groupLabel(what.Origin, group), now)
	}
}
