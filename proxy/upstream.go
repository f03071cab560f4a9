package proxy

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/internal/telemetry"
	"github.com/levee-proxy/levee/proxy/internal/classes"
	"github.com/levee-proxy/levee/proxy/internal/connections"
	"github.com/levee-proxy/levee/proxy/internal/learned"
)

// Upstream is one service behind the proxy: its endpoints, how they are
// chosen, and what was learned about them. It outlives a reload that leaves
// its configuration as it was.
type Upstream struct {
	engine   string // that reads and writes HTTP/1.1
	cfg      *config.Upstream
	limits   config.Limits
	log      *slog.Logger
	resolver Resolver
	dialer   *connections.Dialer
	targets  []*connections.Target
	metrics  *telemetry.UpstreamMetrics
	classes  *classes.Set // of requests, as the endpoints' limiters number them

	inbound    *inbound     // nil: nothing is known of clients' retries
	retries    *retryPolicy // nil: each request is sent once
	refreshes  *refreshBudget
	refuseWith int // which of the refusals, by status
	mailboxes  mailboxes
	keeper     *learned.Keeper // of what was learned before a restart

	usable atomic.Pointer[[]*endpoint] // what the balancer chooses from

	mu         sync.Mutex
	endpoints  []*endpoint
	resolveErr error
	started    bool
	retired    bool

	stop         context.CancelFunc
	ctx          context.Context
	resolved     chan struct{} // closed once every name was looked up
	resolvedOnce sync.Once
}

// newUpstream builds an upstream without starting anything. What old has
// learned about addresses that both have is taken over.
func newUpstream(engine string, cfg *config.Upstream, limits config.Limits, o *Options, old *Upstream) (*Upstream, error) {
	d, err := connections.NewDialer(engine, cfg, &limits, o.Dial, o.descriptors)
	if err != nil {
		return nil, err
	}
	u := &Upstream{
		engine: engine, cfg: cfg, limits: limits, log: o.Logger, resolver: o.Resolver, dialer: d,
		metrics:  o.Metrics.Upstream(cfg.Name),
		resolved: make(chan struct{}),
		classes:  old.knownClasses(),
		keeper:   o.keeper,
		retries:  newRetryPolicy(cfg, old.policyOf()),
	}
	switch cfg.Concurrency.RefuseWith {
	case "503":
		u.refuseWith = refuse503
	case "429":
		u.refuseWith = refuse429
	default:
		u.refuseWith = refuseAuto
	}
	u.refreshes = newRefreshBudget(cfg, u.retries, old)
	u.inbound = newInbound(cfg, o.Logger, old, time.Now())
	u.ctx, u.stop = context.WithCancel(context.Background())
	u.usable.Store(&[]*endpoint{})
	unknown := false
	for _, s := range cfg.Endpoints {
		t, err := connections.ParseTarget(s)
		if err != nil {
			return nil, err
		}
		u.targets = append(u.targets, t)
	}
	known := old.addressesOf(u.targets)
	u.setResolved(known, nil)
	for _, t := range u.targets {
		unknown = unknown || t.Named() && len(known[t]) == 0
	}
	if !unknown { // requests needn't wait for a resolver that may be down
		u.resolvedOnce.Do(func() { close(u.resolved) })
	}
	u.learnFrom(old)
	return u, nil
}

// sameAs says whether an upstream's configuration asks for what u already is.
func (u *Upstream) sameAs(engine string, cfg *config.Upstream, limits config.Limits) bool {
	return u != nil && engine == u.engine && limits.ResponseHeaderBytes == u.limits.ResponseHeaderBytes && reflect.DeepEqual(u.cfg, cfg)
}

// refreshFiles reads the files that the configuration names again, which may
// have changed although it hasn't.
func (u *Upstream) refreshFiles() error {
	if err := u.dialer.Reload(); err != nil {
		return fmt.Errorf("upstream %s: %w", u.cfg.Name, err)
	}
	return nil
}

// start begins resolving and health checks.
func (u *Upstream) start() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.started || u.retired {
		return
	}
	u.started = true
	for _, e := range u.endpoints {
		u.startChecks(e)
	}
	for _, t := range u.targets {
		if t.Named() {
			go u.resolveLoop(u.ctx)
			break
		}
	}
}

// retire stops all that runs by itself. Requests in flight, and late ones that
// still hold the old configuration, are served.
func (u *Upstream) retire() {
	u.mu.Lock()
	u.retired = true
	eps := u.endpoints
	u.mu.Unlock()
	u.stop()
	for _, e := range eps {
		e.retire()
	}
}

func (u *Upstream) startChecks(e *endpoint) {
	if u.cfg.HealthCheck == nil {
		return
	}
	ctx, cancel := context.WithCancel(u.ctx)
	e.stop = cancel
	go e.checkHealth(ctx)
}

// setResolved takes the addresses found for names, and keeps those of names
// that aren't in found. Addresses that stay keep all that is known of them.
func (u *Upstream) setResolved(found map[*connections.Target][]string, failed error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if failed != nil && u.resolveErr == nil {
		what := "resolving failed; the last good addresses stay"
		if len(u.endpoints) == 0 {
			what = "resolving failed, and no address is known yet"
		}
		u.log.Warn(what, "upstream", u.cfg.Name, "error", failed)
	}
	u.resolveErr = failed
	type key struct {
		t       *connections.Target
		address string
	}
	known := map[key]*endpoint{}
	for _, e := range u.endpoints {
		known[key{e.target, e.address}] = e
	}
	now := time.Now()
	var next []*endpoint
	for _, t := range u.targets {
		for _, address := range u.addresses(t, found) {
			e := known[key{t, address}]
			if e == nil {
				e = u.newEndpoint(t, address, now)
				if len(u.endpoints) > 0 {
					e.startRamp(now) // among others that are warm, a new one is not
				}
				if u.started && !u.retired {
					u.startChecks(e)
				}
			}
			delete(known, key{t, address})
			next = append(next, e)
		}
	}
	for _, gone := range known {
		gone.retire()
	}
	u.endpoints = next
	u.rebuild()
}

// addresses lists what a target stands for now. u.mu must be held.
func (u *Upstream) addresses(t *connections.Target, found map[*connections.Target][]string) []string {
	switch {
	case t.Network == "unix":
		return []string{t.Address}
	case !t.Named():
		return []string{t.Address}
	}
	if addrs, ok := found[t]; ok {
		return addrs
	}
	var kept []string
	for _, e := range u.endpoints {
		if e.target == t {
			kept = append(kept, e.address)
		}
	}
	return kept
}

func (u *Upstream) newEndpoint(t *connections.Target, address string, now time.Time) *endpoint {
	e := &endpoint{up: u, target: t, address: address, since: now}
	e.limiter = newLimiter(&u.cfg.Concurrency, u.keeper.Recall(u.cfg.Name, address, now, u.classes.Add), now)
	e.pool = u.dialer.NewPool(t, address, u.cfg.MaxConnections, time.Duration(u.cfg.Timeouts.Idle))
	return e
}

// addressesOf gives the addresses that u, which may be nil, knows for targets
// of another configuration's.
func (u *Upstream) addressesOf(targets []*connections.Target) map[*connections.Target][]string {
	if u == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	m := map[*connections.Target][]string{}
	for _, t := range targets {
		for _, e := range u.endpoints {
			if e.target.URL == t.URL {
				m[t] = append(m[t], e.address)
			}
		}
	}
	return m
}

// knownClasses are those of u; new ones, where it is nil.
func (u *Upstream) knownClasses() *classes.Set {
	if u == nil {
		return classes.New()
	}
	return u.classes
}

// learnFrom takes over what old, which may be nil, has learned at the same
// addresses: their latencies and their limits. A limit that is configured as it
// was is taken over itself, with those that are inflight and those that wait:
// it is still the same service that does their work.
//
// Who is out of use stays so where nothing but the list of endpoints has
// changed: other changes may be what mends it. An address that is new among
// known ones begins with a ramp.
func (u *Upstream) learnFrom(old *Upstream) {
	if old == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	old.mu.Lock()
	defer old.mu.Unlock()
	now := time.Now()
	type key struct{ url, address string }
	known := make(map[key]*endpoint, len(old.endpoints))
	for _, o := range old.endpoints {
		known[key{o.target.URL, o.address}] = o
	}
	same := *u.cfg
	same.Endpoints = old.cfg.Endpoints
	judged := reflect.DeepEqual(&same, old.cfg)
	var fresh []*endpoint
	for _, e := range u.endpoints {
		o := known[key{e.target.URL, e.address}]
		if o == nil {
			fresh = append(fresh, e)
			continue
		}
		e.latency.Take(&o.latency, now)
		switch {
		case o.limiter == nil:
		case u.cfg.Concurrency == old.cfg.Concurrency:
			e.limiter = o.limiter
		default:
			learned := o.limiter.State()
			e.limiter = newLimiter(&u.cfg.Concurrency, &learned, now)
		}
		if judged {
			e.succeed(o, now)
		}
	}
	if len(fresh) < len(u.endpoints) {
		for _, e := range fresh {
			e.startRamp(now)
		}
	}
	u.rebuild()
}

// isResolved says whether names were looked up for the first time.
func (u *Upstream) isResolved() bool {
	select {
	case <-u.resolved:
		return true
	default:
		return false
	}
}

// await waits until names were looked up for the first time.
func (u *Upstream) await(ctx context.Context) {
	select {
	case <-u.resolved:
	default:
		select {
		case <-u.resolved:
		case <-ctx.Done():
		}
	}
}

// status takes a snapshot for people.
func (u *Upstream) status(now time.Time) UpstreamStatus {
	u.mu.Lock()
	eps, err := u.endpoints, u.resolveErr
	u.mu.Unlock()
	s := UpstreamStatus{Name: u.cfg.Name, Endpoints: make([]EndpointStatus, 0, len(eps))}
	for _, e := range eps {
		s.Endpoints = append(s.Endpoints, e.status(now))
	}
	if err != nil {
		s.ResolveError = err.Error()
	}
	s.Storm = u.inbound.status(now, u.classes)
	s.Retries = u.retries.status(now)
	s.Refreshes = u.refreshes.status()
	return s
}

func (e *endpoint) scheme() string {
	if e.target.Scheme == "https" {
		return "https"
	}
	return "http"
}
