package proxy

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"
	"unsafe"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/internal/telemetry"
	"github.com/levee-proxy/levee/limiter"
	"github.com/levee-proxy/levee/proxy/internal/clients"
	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// generation is one configuration turned into working parts. It never changes,
// but for what it remembers of its own: a request holds the one that it began with until it ends.
type generation struct {
	cfg             *config.Config
	name            string
	router          *router
	upstreams       map[string]*Upstream
	trusted         trustedPeers
	identity        clients.Identity
	requestIDHeader string
	deadlineHeader  string
	priorityHeader  string // "": none
	refusals        *refusals
	vouched         map[string]bool         // fields whose underscored twins are dropped, in lower case
	noRoute         *telemetry.RouteMetrics // for requests that no route takes
	forwards        forwards
}

// route is a configured route, bound to its upstream. What each request needs of
// it stands together: among thousands of routes nothing of one is in the
// processor's caches, and each place to look at is a wait for memory. All of it
// is two lines of such a cache, and begins with one, as Go puts what is of that
// size. Whoever finds it has both loaded, with the one that its requests are
// counted in (see pathNode.expect).
type route struct {
	caching     *routeCache // nil: nothing is cached
	caps        *clients.Caps
	metrics     *telemetry.RouteMetrics
	upstream    *Upstream
	fallback    *fallback    // nil: there is none
	cacheCounts *cacheCounts // nil: neither

	name     string
	timeouts routeTimeouts
	class    int32            // of its requests, in the upstream's classes
	priority limiter.Priority // of its requests that say none
	guards   bool             // some of its requests are guarded by their Idempotency-Key
	level    string           // priority, as configured
	cfg      *config.Route    // of which no usual request needs anything

	_ [16]byte // so that the next one begins with a line
}

// routeLines is what a route takes.
const routeLines = int(unsafe.Sizeof(route{})) / 64

// routeTimeouts are a route's. 0: none.
type routeTimeouts struct{ whole, answer time.Duration }

// bind makes the route of a configuration's.
func (rt *route) bind(cfg *config.Route) {
	level, _ := config.ParsePriority(cfg.Priority)
	rt.cfg, rt.name, rt.level, rt.priority = cfg, cfg.Name, cfg.Priority, limiter.Priority(level)
	rt.guards = cfg.Idempotency.Guarding()
	rt.timeouts = routeTimeouts{whole: time.Duration(cfg.Timeout), answer: time.Duration(cfg.ResponseTimeout)}
}

// newGeneration builds the parts for cfg. Upstreams that stay as they are in
// old, which may be nil, are taken over, with their connections and all that
// they have learned; so are the buckets of rate caps that stay as they are.
func newGeneration(cfg *config.Config, o *Options, old *generation) (_ *generation, err error) {
	g := &generation{
		cfg: cfg, name: cfg.Forwarding.Name,
		upstreams:       map[string]*Upstream{},
		trusted:         newTrustedPeers(cfg.Forwarding.Trusted),
		identity:        clients.NewIdentity(cfg.Clients.Identity),
		requestIDHeader: http.CanonicalHeaderKey(cfg.Forwarding.RequestIDHeader),
		deadlineHeader:  http.CanonicalHeaderKey(cfg.Deadline.Header),
		priorityHeader:  http.CanonicalHeaderKey(cfg.Priority.Header),
		refusals:        newRefusals(cfg.Forwarding.Name),
		noRoute:         o.Metrics.Route("none"),
	}
	defer func() {
		if err != nil { // what the upstreams had taken over runs by itself, an ejection's end for one
			g.retireExcept(old)
		}
	}()
	g.vouched = vouchedFields(cfg)
	g.forwards.settings = settings.Add(1)
	for i := range cfg.Upstreams {
		up := &cfg.Upstreams[i]
		var before *Upstream
		if old != nil {
			before = old.upstreams[up.Name]
		}
		if before.sameAs(cfg.Engine, up, cfg.Limits) {
			if err := before.refreshFiles(); err != nil {
				return nil, err
			}
			g.upstreams[up.Name] = before
			continue
		}
		u, err := newUpstream(cfg.Engine, up, cfg.Limits, o, before)
		if err != nil {
			return nil, err
		}
		g.upstreams[up.Name] = u
	}
	var routes []*route
	capped := old.capped(cfg)
	for i := range cfg.Routes {
		rc := &cfg.Routes[i]
		rt := &route{upstream: g.upstreams[rc.Upstream], metrics: o.Metrics.Route(rc.Name)}
		rt.bind(rc)
		rt.class = int32(rt.upstream.classes.Add(rc.Name))
		if was := capped[rc.Name]; was != nil && reflect.DeepEqual(was.cfg.RateLimit, rc.RateLimit) {
			rt.caps = was.caps
		} else {
			rt.caps = clients.NewCaps(rc.RateLimit, cfg.Clients.Remembered)
		}
		if rt.caching, err = newRouteCache(rc, cfg); err != nil {
			return nil, fmt.Errorf("route %s: cache: %w", rc.Name, err)
		}
		if rt.fallback = newFallback(rc.Fallback); rt.spares() {
			rt.cacheCounts = o.caching.countsOf(rc.Name)
		}
		routes = append(routes, rt)
	}
	g.router = newRouter(routes)
	return g, nil
}

// vouchedFields are the fields that Levee writes or believes.
func vouchedFields(cfg *config.Config) map[string]bool {
	m := map[string]bool{}
	for _, name := range []string{
		xForwardedFor, xForwardedHost, xForwardedProto, xForwardedPort, xRealIP, forwardedField, viaField,
		signals.GRPCTimeoutHeader, signals.EnvoyTimeoutHeader, cfg.Forwarding.RequestIDHeader, cfg.Deadline.Header, cfg.Priority.Header,
		"Content-Length", "Transfer-Encoding", "Host",
	} {
		m[strings.ToLower(name)] = true
	}
	if cfg.Guarded() {
		m[strings.ToLower(signals.IdempotencyKeyHeader)] = true
	}
	if name, ok := strings.CutPrefix(cfg.Clients.Identity, "header:"); ok {
		m[strings.ToLower(name)] = true
	}
	return m
}

// capped are the routes with rate caps, by name, of which cfg may take over the
// caps: clients are told apart as before.
func (g *generation) capped(cfg *config.Config) map[string]*route {
	if g == nil || g.cfg.Clients != cfg.Clients {
		return nil
	}
	byName := map[string]*route{}
	for _, rt := range g.router.routes {
		if rt.caps != nil {
			byName[rt.name] = rt
		}
	}
	return byName
}

// sameEngine says whether a listener's engine can stay: all that it was made
// of is the same. The caps on connections aren't part of it.
func sameEngine(a, b *config.Listener, la, lb *config.Limits) bool {
	return a.Timeouts == b.Timeouts && reflect.DeepEqual(a.TLS, b.TLS) && la.HeaderBytes == lb.HeaderBytes && la.HeaderFields == lb.HeaderFields
}
