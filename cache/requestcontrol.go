package cache

import (
	"net/http"
	"strings"
	"time"
)

// wishes are what a client asks of caches: Cache-Control of a request (RFC 9111
// §5.2.1). They are advice; a route may ignore them (see [Config]).
type wishes struct {
	noCache, noStore, onlyIfCached bool

	maxAge, minFresh, maxStale seconds
	anyStale                   bool // max-stale without a number

	staleIfError seconds // RFC 5861 §4 allows it in requests too
}

// newer: the client doesn't want just any fresh answer.
func (w *wishes) newer() bool { return w.noCache || w.maxAge.said || w.minFresh.said }

// readWishes reads Cache-Control, or Pragma where there is none (RFC 9111
// §5.4). It allocates only for escapes in quoted strings.
func readWishes(h http.Header) wishes {
	var w wishes
	lines, found := h["Cache-Control"]
	for _, line := range lines {
		for line != "" {
			var d directive
			d, line, _ = cutDirective(line) // what can't be read is no wish
			w.take(d)
		}
	}
	if !found {
		for _, line := range h["Pragma"] {
			for line != "" {
				var d directive
				d, line, _ = cutDirective(line)
				w.noCache = w.noCache || !d.valued && strings.EqualFold(d.name, "no-cache")
			}
		}
	}
	return w
}

func (w *wishes) take(d directive) {
	is := func(name string) bool { return strings.EqualFold(d.name, name) }
	switch {
	case is("no-cache"):
		w.noCache = true
	case is("no-store"):
		w.noStore = true
	case is("only-if-cached"):
		w.onlyIfCached = true
	case is("max-age"):
		w.maxAge.take(d.value) // a bad one is 0, which asks for validation
	case is("min-fresh"):
		w.minFresh.take(d.value)
	case is("max-stale") && !d.valued:
		w.anyStale = true
	case is("max-stale"):
		w.maxStale.take(d.value)
	case is("stale-if-error"):
		w.staleIfError.take(d.value)
	}
}

// toleratesStale tells how stale an answer the client takes.
func (w *wishes) toleratesStale(staleness time.Duration) bool {
	return w.anyStale || w.maxStale.said && staleness <= w.maxStale.value
}
