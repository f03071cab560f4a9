package proxy

import (
	"crypto/sha256"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/levee-proxy/levee/cache"
	"github.com/levee-proxy/levee/cache/storage"
	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// routeCache is what a route's configuration says of caching.
type routeCache struct {
	cfg    cache.Config
	object int64 // the most that one answer may take; 0: as all have it
	query  int64 // the largest content of a QUERY that is read; 0: none is

	// salt goes into every key: the names of what takes part in it or is left out,
	// so that after a change of them nothing is found that was told apart by others.
	salt storage.Key
}

var unlisted = map[string]cache.Unlisted{
	config.UnlistedBypass: cache.UnlistedBypass,
	config.UnlistedDrop:   cache.UnlistedDrop,
	config.UnlistedPass:   cache.UnlistedPass,
}

// newRouteCache is nil where a route doesn't cache.
func newRouteCache(rc *config.Route, cfg *config.Config) (*routeCache, error) {
	rt := &rc.Cache
	if !rt.On() {
		return nil, nil
	}
	out := &routeCache{
		cfg: cache.Config{
			DefaultTTL:           time.Duration(rt.DefaultTTL),
			NegativeTTL:          time.Duration(rt.Negative.TTL),
			StaleWhileRevalidate: time.Duration(rt.StaleWhileRevalidate),
			StaleIfError:         time.Duration(rt.StaleIfError),
			StaleOnOverload:      time.Duration(rt.StaleOnOverload),
			LastKnownGood:        time.Duration(rt.LastKnownGood),
			IgnoreClients:        !rt.ClientDirectives,
			KeyHeaders:           append([]string(nil), rt.Key.Headers...),
			KeyCookies:           rt.Key.Cookies,
			DropQuery:            rt.Key.IgnoreQuery,
			AllowHeaders:         append([]string(nil), rt.RequestHeaders...),
			Unlisted:             unlisted[rt.UnlistedHeaders],
		},
		object: int64(rt.ObjectBytes),
		query:  int64(rt.QueryBytes),
	}
	for _, text := range rt.Negative.NegativeStatuses() {
		status, _ := strconv.Atoi(text)
		out.cfg.NegativeStatuses = append(out.cfg.NegativeStatuses, status)
	}
	var salted []string
	if len(cfg.Forwarding.Trusted) > 0 {
		// What trusted peers say of the request reaches the upstream, and services
		// make links and redirects of it.
		out.cfg.KeyHeaders = append(out.cfg.KeyHeaders, xForwardedProto, xForwardedHost, xForwardedPort)
		out.cfg.KeyForwarded = true
		salted = append(salted, forwardedField)
	}
	if names := slices.Concat(out.cfg.KeyHeaders, []string{""}, out.cfg.KeyCookies, []string{""}, out.cfg.DropQuery, salted); len(names) > 2 {
		out.salt = sha256.Sum256([]byte(strings.Join(names, "\n")))
	}
	// What Levee itself reads, and tells the upstream in its own words.
	for _, name := range []string{
		cfg.Forwarding.RequestIDHeader, cfg.Deadline.Header, cfg.Priority.Header,
		signals.GoogleClientHeader, signals.StainlessAttemptHeader, signals.RestliAttemptHeader,
	} {
		if name != "" {
			out.cfg.AllowHeaders = append(out.cfg.AllowHeaders, name)
		}
	}
	return out, out.cfg.Validate()
}

// fallback is an answer that always can be given.
type fallback struct {
	cfg    *config.Fallback
	header http.Header
	body   []byte
}

// newFallback is nil where a route has none.
func newFallback(cfg *config.Fallback) *fallback {
	if cfg == nil {
		return nil
	}
	f := &fallback{cfg: cfg, header: http.Header{}, body: []byte(cfg.Body)}
	for _, field := range cfg.Headers {
		f.header.Add(field.Name, field.Value)
	}
	if !has(f.header, "Content-Type") && len(f.body) > 0 {
		f.header["Content-Type"] = []string{plainTextContentType}
	}
	if !has(f.header, "Cache-Control") { // a cache on the way must not take it for the service's
		f.header["Cache-Control"] = []string{"no-store"}
	}
	if bodyAllowed(cfg.Status) {
		f.header["Content-Length"] = []string{strconv.Itoa(len(f.body))}
	}
	return f
}

// spares says whether a request of the route that can't be served may have
// another answer than a refusal.
func (rt *route) spares() bool { return rt.caching != nil || rt.fallback != nil }
