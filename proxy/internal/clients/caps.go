package clients

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"github.com/levee-proxy/levee/config"
)

// Caps are the caps on one route's requests: for all clients together and
// for each by itself.
//
// Buckets of clients are kept in least-recently-used order and bounded in
// number: the coldest is forgotten. A forgotten client comes back to a full
// bucket, so forgetting errs on the side of serving. They are split into
// shards, each with its own lock and its own share of the bound.
type Caps struct {
	total     *rate.Limiter // nil: unlimited
	perClient *config.Rate  // nil: unlimited
	seed      maphash.Seed
	shards    [16]shard
}

type shard struct {
	mu      sync.Mutex
	clients *simplelru.LRU[string, *rate.Limiter]
}

// NewCaps returns nil where nothing is capped.
func NewCaps(cfg *config.RateLimit, remembered int) *Caps {
	if cfg == nil || (cfg.Total == nil && cfg.PerClient == nil) {
		return nil
	}
	c := &Caps{perClient: cfg.PerClient, seed: maphash.MakeSeed()}
	if cfg.Total != nil {
		c.total = NewBucket(cfg.Total)
	}
	if cfg.PerClient != nil {
		for i := range c.shards {
			c.shards[i].clients, _ = simplelru.NewLRU[string, *rate.Limiter](max(1, remembered/len(c.shards)), nil)
		}
	}
	return c
}

// NewBucket returns a limiter of a rate, by default with a burst of what comes in
// a second, one at least.
func NewBucket(r *config.Rate) *rate.Limiter {
	burst := r.Burst
	if burst == 0 {
		burst = max(1, int(r.PerSecond))
	}
	return rate.NewLimiter(rate.Limit(r.PerSecond), burst)
}

// ByClient says whether it matters who asks.
func (c *Caps) ByClient() bool { return c.perClient != nil }

// Admit takes a token for a request of client at now, or says how long to wait
// for one and whose cap it is. A client's own bucket is asked first, so that
// what is over a client's cap doesn't use up the others' common one.
func (c *Caps) Admit(client string, now time.Time) (wait time.Duration, whose string) {
	if c.perClient != nil {
		if wait := take(c.limiter(client), now); wait > 0 {
			return wait, "client"
		}
	}
	if c.total != nil {
		if wait := take(c.total, now); wait > 0 {
			return wait, "route"
		}
	}
	return 0, ""
}

func (c *Caps) limiter(client string) *rate.Limiter {
	s := &c.shards[maphash.String(c.seed, client)%uint64(len(c.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.clients.Get(client)
	if !ok {
		l = NewBucket(c.perClient)
		s.clients.Add(client, l)
	}
	return l
}

// take takes a token at now, or returns the time until there is one.
func take(l *rate.Limiter, now time.Time) time.Duration {
	r := l.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}
