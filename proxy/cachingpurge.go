package proxy

import (
	"errors"
	"time"

	"github.com/levee-proxy/levee/cache/storage"
)

// Purge says what an operator wants to be forgotten. Exactly one of URL, Prefix,
// Group and All is set.
type Purge struct {
	// URL with scheme and host, as clients ask for it: all that is cached for it,
	// in all its variants. Parameters that the route leaves out of its keys must
	// be left out.
	URL string
	// Prefix purges all URLs that begin with it.
	Prefix string
	// Group is a cache group (RFC 9875) of Origin, as https://example.com:443.
	Group, Origin string
	// All purges everything.
	All bool

	// Soft keeps what is purged for trouble: it is stale from now on, and
	// validated before it is used again. Otherwise it is as if it had never been.
	Soft bool
}

var (
	// ErrNoCache: no route caches.
	ErrNoCache = errors.New("proxy: no route has a cache")
	// ErrPurge: not exactly one thing is to be purged.
	ErrPurge = errors.New("proxy: exactly one of a URL, a prefix, a group with its origin, and all is to be purged")
)

// PurgeCache forgets what is cached, also what is being fetched now. It returns
// how many URLs or groups were found that it names; for all, how many entries
// there were. The error is ErrNoCache or ErrPurge.
func (p *Proxy) PurgeCache(what Purge) (int, error) {
	parts := p.o.caching.parts.Load()
	if parts == nil {
		return 0, ErrNoCache
	}
	named := 0
	for _, is := range [...]bool{what.URL != "", what.Prefix != "", what.Group != "", what.All} {
		if is {
			named++
		}
	}
	if named != 1 || (what.Group != "") != (what.Origin != "") {
		return 0, ErrPurge
	}
	how, now := storage.Hard, time.Now()
	if what.Soft {
		how = storage.Soft
	}
	parts.changes.all.Add(1) // whoever asks from now on doesn't join what began before
	found := false
	switch {
	case what.URL != "":
		found = parts.store.PurgeURL(what.URL, how, now)
	case what.Group != "":
		found = parts.store.PurgeGroup(groupLabel(what.Origin, what.Group), how, now)
	case what.Prefix != "":
		return parts.store.PurgePrefix(what.Prefix, how, now), nil
	default:
		entries := parts.store.Stats().Entries
		parts.store.PurgeAll(how, now)
		return entries, nil
	}
	if found {
		return 1, nil
	}
	return 0, nil
}
