package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/internal/idempotency"
	"github.com/levee-proxy/levee/proxy/internal/clients"
)

// guard sees to it that a keyed request reaches its upstream once at most, on
// routes that ask for it. It has one store for all of them.
//
// What is to happen to a request is decided by the store's claim on its key,
// and the claim is written down before the request is sent. Whatever goes wrong
// from then on (a panic, a lost answer, a killed process) leaves a key that is
// taken, which is refused rather than sent again.
type guard struct {
	log    *slog.Logger
	bodies *clients.Room // bytes of keyed requests' bodies that are held
	twins  *clients.Room // requests that wait for their twin's answer

	mu     sync.Mutex
	store  *idempotency.Local // nil: no route is guarded, and none was
	file   string             // the store's
	closed bool
	runs   sync.WaitGroup
	counts map[string]*guardCounts // by route
}

// maxTwins is how many requests may wait for their twins' answers at once.
const maxTwins = 4096

func newGuard(log *slog.Logger) *guard {
	return &guard{log: log, bodies: clients.NewRoom(0), twins: clients.NewRoom(maxTwins), counts: map[string]*guardCounts{}}
}

// check says why a configuration can't be taken.
func (g *guard) check(cfg *config.Config) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.store != nil && cfg.Idempotency.File != g.file {
		return fmt.Errorf("idempotency.file can't change while Levee runs: keys would be lost (in use is %q); restart it", g.file)
	}
	return nil
}

// configure takes a configuration that was checked. The store is opened with
// the first one that guards a route, and stays.
func (g *guard) configure(cfg *config.Config, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bodies.Resize(int64(cfg.Idempotency.Bytes))
	o := idempotency.Options{
		File: cfg.Idempotency.File, Sync: idempotency.Sync(cfg.Idempotency.Fsync), Retention: time.Duration(cfg.Idempotency.Retention),
		Entries: cfg.Idempotency.Entries, Bytes: int64(cfg.Idempotency.Bytes), Logger: g.log,
	}
	switch {
	case g.store != nil:
		g.store.Configure(o)
	case cfg.Guarded() && !g.closed:
		g.store, g.file = idempotency.Open(o, now), o.File
	}
}

var errNoStore = fmt.Errorf("%w: it isn't open", idempotency.ErrUnavailable)

// begin asks the store.
func (g *guard) begin(ctx context.Context, r idempotency.Request) (idempotency.Claim, error) {
	store := g.opened()
	if store == nil {
		return idempotency.Claim{}, errNoStore
	}
	return store.Begin(ctx, r)
}

func (g *guard) opened() *idempotency.Local {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.store
}

// goes runs f, which close waits for. False: it is too late to begin.
func (g *guard) goes(f func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.runs.Go(f)
	return true
}

// close waits for what runs, which must have been told to end, and ends the store.
func (g *guard) close() {
	g.mu.Lock()
	g.closed = true
	store := g.store
	g.mu.Unlock()
	g.runs.Wait()
	if store != nil {
		store.Close()
	}
}

// ForgetKey frees an idempotency key that is in doubt, named as its answer did
// (409, "Reference …"): the next request with it is sent to the upstream. The
// error says why it couldn't be.
func (p *Proxy) ForgetKey(ctx context.Context, reference string) error {
	key, err := idempotency.ParseKey(reference)
	if err != nil {
		return err
	}
	store := p.o.guard.opened()
	if store == nil {
		return idempotency.ErrNoDoubt
	}
	return store.Forget(ctx, key)
}

// result is what became of a request on a guarded route.
type result uint8

const (
	resultFirst result = iota
	resultReplayed
	resultJoined
	resultMismatch
	resultMissing
	resultMalformed
	resultTooLarge
	resultInDoubt
	resultLost
	resultStoreFailed
	resultFull
	results
)

var resultNames = [results]string{
	resultFirst:       "first",
	resultReplayed:    "replayed",
	resultJoined:      "joined",
	resultMismatch:    "mismatch",
	resultMissing:     "missing",
	resultMalformed:   "malformed",
	resultTooLarge:    "too_large",
	resultInDoubt:     "in_doubt",
	resultLost:        "answer_lost",
	resultStoreFailed: "store_failed",
	resultFull:        "full",
}

func (r result) String() string { return resultNames[r] }

// guardCounts are one route's.
type guardCounts [results]atomic.Uint64

// count notes what became of a request.
func (g *guard) count(x *exchange, r result) {
	x.record.Idempotency = r.String()
	g.mu.Lock()
	c := g.counts[x.route.cfg.Name]
	if c == nil {
		c = &guardCounts{}
		g.counts[x.route.cfg.Name] = c
	}
	g.mu.Unlock()
	c[r].Add(1)
}

// resultOf is how a store's error is counted.
func resultOf(err error) result {
	if errors.Is(err, idempotency.ErrFull) {
		return resultFull
	}
	return resultStoreFailed
}
