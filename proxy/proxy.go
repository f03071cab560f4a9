package proxy

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/internal/telemetry"
	"github.com/levee-proxy/levee/proxy/internal/connections"
	"github.com/levee-proxy/levee/proxy/internal/learned"
	"github.com/levee-proxy/levee/proxy/internal/listening"
	"github.com/levee-proxy/levee/proxy/internal/memory"
)

// Options are what a proxy needs from outside. The zero value works: silent,
// unmeasured, with the system's network and resolver.
type Options struct {
	// Logger takes the proxy's own lines. Default: none are written.
	Logger *slog.Logger
	// ErrorLog takes net/http's complaints about clients. Default: discarded.
	ErrorLog *log.Logger
	// Access takes a record of each request. Default: none is kept.
	Access *telemetry.AccessLog
	// Metrics counts. Default: nothing is counted.
	Metrics *telemetry.Metrics
	// Resolver looks names of upstreams up. Default: the system's.
	Resolver Resolver
	// Dial opens connections to upstreams. Default: a [net.Dialer]'s.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	descriptors *connections.Budget
	keeper      *learned.Keeper
	guard       *guard
	caching     *caching
}

func (o *Options) defaults() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.ErrorLog == nil {
		o.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	}
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	o.descriptors = connections.NewBudget(listening.UpstreamCap())
	o.keeper = learned.New(o.Logger)
	o.guard = newGuard(o.Logger)
	o.caching = newCaching(o.Logger)
}

// Proxy is a running Levee: its listeners, and the configuration in force. It
// is an [http.Handler] too, so that any Go server can put it in its path.
type Proxy struct {
	o         Options
	gen       atomic.Pointer[generation]
	draining  atomic.Bool
	serving   atomic.Bool
	inflight  atomic.Int64
	panics    atomic.Uint64
	lastShed  atomic.Int64 // when a request was shed last, as clock.Since; 0: not lately
	places    sync.Map     // where panics were logged
	exchanges exchanges
	started   time.Time

	base    context.Context // of all requests of our listeners
	cutAll  context.CancelCauseFunc
	slots   *listening.Slots
	memory  memory.Guard
	mu      sync.Mutex // one change at a time
	sockets map[string]*listener
	old     sync.WaitGroup // engines that run out
	closed  bool
}

// New builds a proxy for cfg, which must have come from package config, and
// binds its listeners. Nothing is served before Start. It fails when an
// address can't be bound or a file that the configuration names can't be used.
func New(cfg *config.Config, o Options) (*Proxy, error) {
	o.defaults()
	p := &Proxy{o: o, slots: listening.NewSlots(1), sockets: map[string]*listener{}}
	p.memory.Read, p.memory.Tell = memory.Limited(), p.o.caching.squeeze
	p.o.caching.file.caches = p.cachesURL
	p.base, p.cutAll = context.WithCancelCause(context.Background())
	p.o.keeper.Load(cfg.State, time.Now())
	if err := p.apply(cfg); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Start begins to serve.
func (p *Proxy) Start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.serving.Swap(true) {
		return
	}
	p.started = time.Now()
	for _, u := range p.gen.Load().upstreams {
		u.start()
	}
	for _, l := range p.sockets {
		go l.serve()
	}
	go p.memory.Watch(p.base)
	p.o.keeper.Start(p.learned)
	p.o.caching.file.start()
}

// Reload takes a new configuration whole, or, with an error, not at all.
// Requests in flight finish on the one that they started with; upstreams and
// listeners that stay as they are keep their connections and what they have
// learned.
func (p *Proxy) Reload(cfg *config.Config) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.draining.Load() {
		return errors.New("shutting down")
	}
	return p.apply(cfg)
}

// apply makes everything for cfg that can fail, then switches over. p.mu must
// be held, or p unshared.
func (p *Proxy) apply(cfg *config.Config) (err error) {
	old := p.gen.Load()
	if err := p.o.guard.check(cfg); err != nil {
		return err
	}
	gen, err := newGeneration(cfg, &p.o, old)
	if err != nil {
		return err
	}
	fresh := map[string]*listener{}
	engines := map[string]*engine{}
	defer func() {
		if err == nil {
			return
		}
		for _, l := range fresh {
			l.raw.Close()
		}
		for _, e := range engines {
			e.close()
		}
		gen.retireExcept(old)
	}()
	for i := range cfg.Listeners {
		lc := &cfg.Listeners[i]
		l := p.sockets[lc.Address]
		if l == nil {
			raw, err := bind(lc.Address)
			if err != nil {
				return fmt.Errorf("listener %s: %w", lc.Address, err)
			}
			l = newListener(lc, raw, p.slots)
			fresh[lc.Address] = l
		}
		if l.cfg != nil && old.cfg.Engine == cfg.Engine && sameEngine(l.cfg, lc, &old.cfg.Limits, &cfg.Limits) {
			continue
		}
		e, err := newEngine(cfg.Engine, lc, &cfg.Limits, p, p.base, p.o.ErrorLog)
		if err != nil {
			return fmt.Errorf("listener %s: %w", lc.Address, err)
		}
		engines[lc.Address] = e
	}

	if err := p.o.caching.configure(cfg); err != nil {
		return err
	}

	// Nothing fails from here on.
	p.o.guard.configure(cfg, time.Now())
	p.gen.Store(gen)
	p.o.keeper.Configure(cfg.State)
	p.slots.Resize(listening.ConnectionCap(&cfg.Limits))
	if p.serving.Load() {
		for _, u := range gen.upstreams {
			u.start()
		}
	}
	keep := map[string]bool{}
	for i := range cfg.Listeners {
		lc := &cfg.Listeners[i]
		keep[lc.Address] = true
		l := p.sockets[lc.Address]
		if l == nil {
			l = fresh[lc.Address]
			p.sockets[lc.Address] = l
		}
		e := engines[lc.Address]
		if e == nil {
			e = l.engine.Load()
		}
		if before := l.configure(lc, e, listening.ListenerCap(lc, &cfg.Limits)); before != nil && before != e {
			p.retireEngine(before, lc.Timeouts.Idle)
		}
		if fresh[lc.Address] != nil && p.serving.Load() {
			go l.serve()
		}
	}
	for address, l := range p.sockets {
		if !keep[address] {
			delete(p.sockets, address)
			l.close()
			p.retireEngine(l.engine.Load(), l.cfg.Timeouts.Idle)
		}
	}
	if old != nil {
		old.retireExcept(gen)
	}
	return nil
}

// retireEngine lets an engine's connections run out: each is told to close
// with its next answer, and one that has none within the idle time is closed.
func (p *Proxy) retireEngine(e *engine, idle config.Duration) {
	p.old.Go(func() { _ = e.retire(p.base, time.Duration(idle), func() {}) })
}

// retireExcept retires the upstreams that next, which may be nil, doesn't share.
func (g *generation) retireExcept(next *generation) {
	for name, u := range g.upstreams {
		if next == nil || next.upstreams[name] != u {
			u.retire()
		}
	}
}

// Drain ends serving without failing a request: not ready at once; for delay
// everything is served on, each answer telling its client to connect anew;
// then no new connections are taken, and what is in flight is finished until
// ctx ends. What runs longer is cut, and counted in the error. Each part of
// it that was done before isn't done again.
func (p *Proxy) Drain(ctx context.Context, delay time.Duration) error {
	p.draining.Store(true)
	pause(delay, ctx.Done())
	p.mu.Lock()
	p.closed = true
	sockets := p.sockets
	p.sockets = map[string]*listener{}
	p.mu.Unlock()

	var wg sync.WaitGroup
	var left atomic.Int64
	count := func() { left.Store(max(left.Load(), p.inflight.Load())) }
	for _, l := range sockets {
		wg.Go(func() {
			if p.serving.Load() {
				l.close()
			} else {
				l.raw.Close()
			}
			// Clients that keep their connections busy learn from an answer that
			// it was the last; only what stays quiet for a while is closed on them.
			_ = l.engine.Load().retire(ctx, drainGrace, count)
		})
	}
	wg.Wait()
	// Tunnels aren't the server's any more: wait for them here.
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for p.inflight.Load() > 0 && ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	count()
	p.o.caching.file.finish(ctx)
	p.Close()
	if n := left.Load(); n > 0 {
		return fmt.Errorf("the drain time was over with %d request(s) still running; they were cut", n)
	}
	return nil
}

// drainGrace is how long a draining proxy leaves quiet connections open.
const drainGrace = 500 * time.Millisecond

// Close ends everything at once. After Drain it has nothing left to cut.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.draining.Store(true)
	sockets := p.sockets
	p.sockets = map[string]*listener{}
	p.mu.Unlock()
	p.cutAll(errStopped)
	for _, l := range sockets {
		if p.serving.Load() {
			l.close()
		} else {
			l.raw.Close()
		}
		if e := l.engine.Load(); e != nil {
			e.close()
		}
	}
	p.old.Wait()
	p.o.guard.close()
	p.o.caching.close()
	p.o.caching.file.finish(p.base)
	p.o.keeper.Close()
	if g := p.gen.Load(); g != nil {
		g.retireExcept(nil)
	}
}

// Ready says whether new requests should come: listening, configured and not
// draining. It says nothing about the upstreams: a proxy that is taken out of
// use because its upstream is slow makes the others' load worse.
func (p *Proxy) Ready() bool { return p.serving.Load() && !p.draining.Load() }

// Draining says whether a stop has begun.
func (p *Proxy) Draining() bool { return p.draining.Load() }

// Addrs are the addresses that the listeners are bound to, in no order.
func (p *Proxy) Addrs() []net.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	var addrs []net.Addr
	for _, l := range p.sockets {
		addrs = append(addrs, l.raw.Addr())
	}
	return addrs
}

// Status takes a snapshot for people and the admin API.
func (p *Proxy) Status() Status {
	now := time.Now()
	s := Status{Draining: p.draining.Load(), Inflight: p.inflight.Load(), Panics: p.panics.Load()}
	_, s.ConnectionsRefused, s.LastRefused = p.o.descriptors.Status()
	s.State = p.o.keeper.Tell()
	s.Idempotency = p.o.guard.status(now)
	s.Cache = p.o.caching.status()
	p.mu.Lock()
	s.Started = p.started
	for _, lc := range p.gen.Load().cfg.Listeners {
		if l := p.sockets[lc.Address]; l != nil {
			s.Listeners = append(s.Listeners, l.status())
		}
	}
	p.mu.Unlock()
	g := p.gen.Load()
	for _, up := range g.cfg.Upstreams {
		s.Upstreams = append(s.Upstreams, g.upstreams[up.Name].status(now))
	}
	return s
}

// firstPanicAt says whether no panic was seen at this place before: the stack
// tells one place from another, without goroutine numbers and addresses.
func (p *Proxy) firstPanicAt(stack []byte) bool {
	var place strings.Builder
	for line := range strings.Lines(string(stack)) {
		if strings.HasPrefix(line, "\t") {
			file, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			place.WriteString(file)
		}
	}
	_, seen := p.places.LoadOrStore(place.String(), true)
	return !seen
}

var _ http.Handler = (*Proxy)(nil)
