package proxy

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/levee-proxy/levee/cache"
	"github.com/levee-proxy/levee/cache/storage"
)

// Purge says what an operator wants to be forgotten. Exactly one of URL, Prefix,
// Group, Route, Upstream and All is set.
type Purge struct {
	// URL with scheme and host, as clients ask Levee for it: all that is cached
	// for it, in all its variants. Parameters that its route leaves out of the
	// key make no difference.
	URL string
	// Prefix purges all URLs that begin with it, byte by byte.
	Prefix string
	// Group is a cache group (RFC 9875) of Origin, as https://example.com.
	Group, Origin string
	// Route purges what was cached on the route of this name, Upstream what was
	// on the routes that now have the upstream of this name.
	Route, Upstream string
	// All purges everything.
	All bool

	// Soft keeps what is purged for trouble: it is stale from now on, and
	// validated before it is used again, or behind its use within
	// staleWhileRevalidate. Otherwise it is as if it had never been.
	Soft bool
}

var (
	// ErrNoCache: no route caches.
	ErrNoCache = errors.New("no route has a cache")
	// ErrPurge: not exactly one thing is to be purged, or it can't be one.
	ErrPurge = errors.New("exactly one of a URL, a prefix, a group with its origin, a route, an upstream, and all is to be purged")
	// ErrUnknown: there is no route or upstream of that name.
	ErrUnknown = errors.New("no such route or upstream")
)

// purgeError is one of the errors above, in words of its own.
type purgeError struct {
	is   error
	text string
}

func (e *purgeError) Error() string { return e.text }
func (e *purgeError) Unwrap() error { return e.is }

// PurgeCache forgets what is cached, also what is being fetched now. It returns
// how many answers it found. The error is, or wraps, ErrNoCache, ErrPurge or
// ErrUnknown, and says what would be right.
func (p *Proxy) PurgeCache(what Purge) (int, error) {
	c := p.o.caching
	parts, gen := c.parts.Load(), p.gen.Load()
	if parts == nil {
		return 0, ErrNoCache
	}
	target, err := gen.purgeTarget(what)
	if err != nil {
		return 0, err
	}
	how, now := storage.Hard, time.Now()
	if what.Soft {
		how = storage.Soft
	}
	parts.changes.all.Add(1) // whoever asks from now on doesn't join what began before
	found := parts.store.Count(target.covers)
	target.purge(parts.store, how, now)
	if how == storage.Hard && !what.All {
		parts.store.Sweep()
	}
	c.purges.note(found, now)
	c.file.purged(how == storage.Hard)
	return found, nil
}

// purgeTarget is what a purge covers. One field is set, or none for everything.
type purgeTarget struct {
	url, prefix string
	groups      []string // as they are labelled
}

func (t *purgeTarget) covers(e *entry) bool {
	switch {
	case t.url != "":
		return e.URL() == t.url
	case t.prefix != "":
		return strings.HasPrefix(e.URL(), t.prefix)
	case t.groups != nil:
		return slices.ContainsFunc(t.groups, e.In)
	}
	return true
}

func (t *purgeTarget) purge(s *storage.Store[stored], how storage.Mode, now time.Time) {
	switch {
	case t.url != "":
		s.PurgeURL(t.url, how, now)
	case t.prefix != "":
		s.PurgePrefix(t.prefix, how, now)
	case t.groups != nil:
		for _, group := range t.groups {
			s.PurgeGroup(group, how, now)
		}
	default:
		s.PurgeAll(how, now)
	}
}

// purgeTarget finds out what is meant, in the words in which it is stored.
func (g *generation) purgeTarget(what Purge) (*purgeTarget, error) {
	named := 0
	for _, is := range [...]bool{what.URL != "", what.Prefix != "", what.Group != "", what.Route != "", what.Upstream != "", what.All} {
		if is {
			named++
		}
	}
	if named != 1 || (what.Group != "") != (what.Origin != "") {
		return nil, ErrPurge
	}
	switch {
	case what.URL != "":
		key, err := g.purgeURL(what.URL)
		return &purgeTarget{url: key}, err
	case what.Prefix != "":
		if _, err := absolute("prefix", what.Prefix); err != nil {
			return nil, err
		}
		return &purgeTarget{prefix: what.Prefix}, nil
	case what.Group != "":
		u, err := absolute("origin", what.Origin)
		if err != nil {
			return nil, err
		}
		of := cache.Request{Scheme: u.Scheme, Host: u.Host}
		return &purgeTarget{groups: []string{groupLabel(of.Origin(), what.Group)}}, nil
	case what.All:
		return &purgeTarget{}, nil
	}
	return g.purgeRoutes(what.Route, what.Upstream)
}

// absolute reads a URL that must have scheme and host, as keys have.
func absolute(name, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, &purgeError{ErrPurge, fmt.Sprintf("the %s %q has to begin with http:// or https:// and a host, as clients ask Levee for it", name, text)}
	}
	return u, nil
}

// purgeURL is a URL as it is stored: as it came, without what the route leaves
// out of its keys.
func (g *generation) purgeURL(text string) (string, error) {
	u, err := absolute("URL", text)
	if err != nil {
		return "", err
	}
	text, _, _ = strings.Cut(text, "#") // clients send no fragment
	rest := text[len(u.Scheme)+len("://"):]
	host, target := rest, "/"
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		host, target = rest[:i], rest[i:]
	}
	host = strings.TrimSuffix(host, ":") // an empty port is the standard one, and isn't sent
	if target[0] == '?' {
		target = "/" + target
	}
	req := cache.Request{Scheme: u.Scheme, Host: host, Target: target}
	if rt := g.router.find(host, u); rt != nil && rt.caching != nil {
		return rt.caching.cfg.URL(&req), nil
	}
	return new(cache.Config).URL(&req), nil
}

// purgeRoutes is what the routes of a name, or of an upstream, have cached.
func (g *generation) purgeRoutes(route, upstream string) (*purgeTarget, error) {
	t := &purgeTarget{groups: []string{}}
	var routes []string
	for i := range g.cfg.Routes {
		rc := &g.cfg.Routes[i]
		if rc.Cache.On() {
			routes = append(routes, rc.Name)
		}
		if rc.Name == route || rc.Upstream == upstream {
			t.groups = append(t.groups, routeLabel(rc.Name))
		}
	}
	if len(t.groups) == 0 {
		text := fmt.Sprintf("no route has the name %q", route)
		if upstream != "" {
			text = fmt.Sprintf("no route has the upstream %q", upstream)
		}
		return nil, &purgeError{ErrUnknown, text + "; those with a cache are: " + strings.Join(routes, ", ")}
	}
	return t, nil
}

// routeLabel is the group of all that was cached on a route. No group of an
// origin has such a label: those begin with a scheme.
func routeLabel(name string) string { return "route " + name }
