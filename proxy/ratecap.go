package proxy

import (
	"hash/maphash"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"github.com/levee-proxy/levee/config"
)

// rateCaps are the caps on one route's requests: for all clients together and
// for each by itself.
//
// Buckets of clients are kept in least-recently-used order and bounded in
// number: the coldest is forgotten. A forgotten client comes back to a full
// bucket, so forgetting errs on the side of serving. They are split into
// shards, each with its own lock and its own share of the bound.
type rateCaps struct {
	total     *rate.Limiter // nil: unlimited
	perClient *config.Rate  // nil: unlimited
	seed      maphash.Seed
	shards    [16]clientShard
}

type clientShard struct {
	mu      sync.Mutex
	clients *simplelru.LRU[string, *rate.Limiter]
}

// newRateCaps returns nil where nothing is capped.
func newRateCaps(cfg *config.RateLimit, remembered int) *rateCaps {
	if cfg == nil || (cfg.Total == nil && cfg.PerClient == nil) {
		return nil
	}
	c := &rateCaps{perClient: cfg.PerClient, seed: maphash.MakeSeed()}
	if cfg.Total != nil {
		c.total = newBucket(cfg.Total)
	}
	if cfg.PerClient != nil {
		for i := range c.shards {
			c.shards[i].clients, _ = simplelru.NewLRU[string, *rate.Limiter](max(1, remembered/len(c.shards)), nil)
		}
	}
	return c
}

func newBucket(r *config.Rate) *rate.Limiter {
	burst := r.Burst
	if burst == 0 {
		burst = max(1, int(r.PerSecond))
	}
	return rate.NewLimiter(rate.Limit(r.PerSecond), burst)
}

// admit takes a token for a request of client at now, or says how long to wait
// for one and whose cap it is. A client's own bucket is asked first, so that
// what is over a client's cap doesn't use up the others' common one.
func (c *rateCaps) admit(client string, now time.Time) (wait time.Duration, whose string) {
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

func (c *rateCaps) limiter(client string) *rate.Limiter {
	s := &c.shards[maphash.String(c.seed, client)%uint64(len(c.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.clients.Get(client)
	if !ok {
		l = newBucket(c.perClient)
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

func rateLimited(wait time.Duration, whose string) *answer {
	return &answer{
		status: http.StatusTooManyRequests, kind: errDenied,
		details: "rate limit of the " + whose, retryAfter: max(wait, time.Second),
	}
}
