package config

import (
	"slices"
	"time"
)

// The modes of a route's cache.
const (
	CacheOff = "off"
	CacheOn  = "on"
)

// What becomes of a request with a header field that a cache doesn't know.
const (
	UnlistedBypass = "bypass"
	UnlistedDrop   = "drop"
	UnlistedPass   = "pass"
)

// The places where Levee stands, as --mode has them.
const (
	ModeIngress = "ingress"
	ModeEgress  = "egress"
)

// egressStale is how long a caller's own Levee serves what is stale, in trouble.
const egressStale = Duration(10 * time.Minute)

// On says whether the route caches.
func (c *RouteCache) On() bool { return c.Mode == CacheOn }

// NegativeStatuses are those of answers that there is nothing: Statuses, or its default.
func (n *NegativeCache) NegativeStatuses() []string {
	if len(n.Statuses) == 0 {
		return []string{"404", "410"}
	}
	return n.Statuses
}

// Serves says whether a request with this method gets the fallback.
func (f *Fallback) Serves(method string) bool {
	if len(f.Methods) == 0 {
		return method == "GET" || method == "HEAD" || method == "QUERY"
	}
	return slices.Contains(f.Methods, method)
}

// Caches says whether any route has a cache.
func (c *Config) Caches() bool {
	return slices.ContainsFunc(c.Routes, func(r Route) bool { return r.Cache.On() })
}

// mode turns caching on beside a caller, where the file says nothing about it.
func (o *overrider) mode(value string) {
	switch value {
	case "", ModeIngress:
		return
	case ModeEgress:
	default:
		o.add(position{flag: "--mode"}, KindEnum, "must be ingress or egress, and %s isn't%s", quote(value), didYouMean(value, []string{ModeIngress, ModeEgress}))
		return
	}
	unwritten := func(path string) bool {
		_, written := o.at[path]
		if !written {
			o.take("--mode", path)
		}
		return !written
	}
	for i := range o.cfg.Routes {
		c, path := &o.cfg.Routes[i].Cache, join(index("routes", i), "cache")
		if unwritten(join(path, "mode")) {
			c.Mode = CacheOn
		}
		if !c.On() {
			continue
		}
		if unwritten(join(path, "staleIfError")) {
			c.StaleIfError = egressStale
		}
		if unwritten(join(path, "staleOnOverload")) {
			c.StaleOnOverload = egressStale
		}
	}
}

// cache looks at the cache's memory and file.
func (v *validator) cache() {
	c := &v.cfg.Cache
	if most := c.Bytes / 4; c.ObjectBytes > most && !v.bad["cache.bytes"] && !v.bad["cache.objectBytes"] {
		v.problem("cache.objectBytes", KindConflict, "%s is more than a quarter of cache.bytes (%s): a few answers would push out all others; write at most %s", c.ObjectBytes, c.Bytes, most)
	}
	const path = "cache.snapshot.file"
	for other, file := range map[string]string{"state.file": v.cfg.State.File, "idempotency.file": v.cfg.Idempotency.File} {
		if c.Snapshot.File != "" && c.Snapshot.File == file && !v.bad[path] && !v.bad[other] {
			v.problem(path, KindConflict, "%s is %s already%s; write another path", v.hide(path, file), other, v.inLine(other))
		}
	}
}

// routeCache looks at a route's cache and fallback.
func (v *validator) routeCache(path string, r *Route) {
	c := &r.Cache
	if at := join(path, "cache.objectBytes"); c.ObjectBytes > v.cfg.Cache.ObjectBytes && !v.bad[at] && !v.bad["cache.objectBytes"] {
		v.problem(at, KindConflict, "%s is more than the cache's own objectBytes (%s); raise that, or write less", c.ObjectBytes, v.cfg.Cache.ObjectBytes)
	}
	for key, list := range map[string][]string{
		"cache.key.headers": c.Key.Headers, "cache.key.cookies": c.Key.Cookies, "cache.key.ignoreQuery": c.Key.IgnoreQuery,
		"cache.requestHeaders": c.RequestHeaders, "cache.negative.statuses": c.Negative.Statuses,
	} {
		v.distinct(join(path, key), list)
	}
	for i, name := range c.RequestHeaders {
		if at := index(join(path, "cache.requestHeaders"), i); slices.Contains(c.Key.Headers, name) && !v.bad[at] {
			v.problem(at, KindConflict, "%s is in key.headers too, and so is passed on already; remove one of the two", v.hide(at, name))
		}
	}
	if f := r.Fallback; f != nil {
		v.fallback(join(path, "fallback"), f)
	}
}

// distinct refuses what is listed twice.
func (v *validator) distinct(path string, list []string) {
	for i, value := range list {
		if at := index(path, i); value != "" && !v.bad[at] && slices.Contains(list[:i], value) {
			v.problem(at, KindConflict, "%s is listed twice; remove one of the two", v.hide(at, value))
		}
	}
}

func (v *validator) fallback(path string, f *Fallback) {
	v.distinct(join(path, "methods"), f.Methods)
	if (f.Status == 204 || f.Status == 304) && f.Body != "" && !v.bad[join(path, "body")] {
		v.problem(join(path, "body"), KindConflict, "an answer with status %d has no body; remove it, or write another status", f.Status)
	}
	for i, h := range f.Headers {
		if own := map[string]bool{"Cache-Status": true, "Proxy-Status": true, "Date": true, "Content-Length": true}; own[h.Name] {
			at := join(index(join(path, "headers"), i), "name")
			v.problem(at, KindValue, "%s is written by Levee itself; remove it", v.hide(at, h.Name))
		}
	}
}

// cacheWarnings tells of what has no effect or lets clients choose others' answers.
func (v *validator) cacheWarnings(warn func(path, format string, args ...any)) {
	if v.cfg.Cache.Snapshot.File != "" && !v.cfg.Caches() {
		warn("cache.snapshot.file", "has no effect: no route has cache: {mode: on}")
	}
	for i := range v.cfg.Routes {
		path := join(index("routes", i), "cache")
		c := &v.cfg.Routes[i].Cache
		if _, written := v.at[path]; written && !c.On() {
			if _, said := v.at[join(path, "mode")]; !said {
				warn(path, "has no effect: its mode is off by default; write mode: on")
			}
		}
		if c.On() && c.UnlistedHeaders == UnlistedPass {
			warn(join(path, "unlistedHeaders"), "any client can choose, by a header field that is in no key, what all others get; it is safe only where the upstream's Vary names all fields that it looks at")
		}
	}
}
