package proxy

import (
	"net/http"
	"time"

	"github.com/levee-proxy/levee/cache"
	"github.com/levee-proxy/levee/cache/storage"
)

// freshenByHead takes what the upstream's answer to a HEAD says of the stored
// answer to GET (RFC 9111, section 4.3.5): either its fields are brought up to
// date, or it was replaced at the service, and is stale from now on.
//
// Not every client may have a say in what others get: as with a GET, not one
// whose request was authorized, nor one with a field that isn't listed.
func (x *exchange) freshenByHead(resp *http.Response, now time.Time) {
	t := &x.turn
	if x.r.Method != http.MethodHead || t.entry == nil || t.asked.IsZero() || resp.StatusCode != http.StatusOK {
		return
	}
	for name := range x.r.Header {
		if name == "Authorization" || t.route.cfg.Unlisted != cache.UnlistedPass && !t.route.cfg.Listed(name) {
			return
		}
	}
	old := t.entry
	before := make(http.Header, len(old.Header))
	old.Header.CopyTo(before)
	answer := &cache.Response{Status: resp.StatusCode, Header: resp.Header, Requested: t.asked, Received: now}
	n := t.route.cfg.FreshenByHead(&t.req, &old.Policy.Policy, before, old.Body.Len(), answer)
	fresh := storage.Entry[stored]{Header: old.Header, Body: old.Body}
	switch {
	case n.Holds && n.Drop:
		t.parts.store.Remove(old)
		return
	case n.Holds && !n.Store: // this client's answer isn't for others; of theirs it says nothing
		return
	case n.Holds && n.Policy.SameVariant(&old.Policy.Policy):
		fresh.Policy, fresh.Header = stored{shortened(&n.Policy), &marks{}, old.Policy.cost}, storage.Pack(n.Header)
	default:
		fresh.Policy = stored{old.Policy.Expired(now), &marks{}, old.Policy.cost}
	}
	t.parts.store.Update(t.head, old, x.labels(t.route, &t.req, &fresh.Policy.Policy), fresh)
}
