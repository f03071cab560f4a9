package proxy

import (
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/levee-proxy/levee/proxy/internal/listening"
)

// virtual is a proxy between in-memory pipes, for tests in virtual time: an
// hour takes no time, and nothing depends on the machine's speed.
type virtual struct {
	t      *testing.T
	proxy  *Proxy
	engine *engine
}

// newVirtual must be called inside a synctest bubble.
func newVirtual(t *testing.T, yaml string, service http.HandlerFunc) *virtual {
	t.Helper()
	upstream := newFeed()
	server := &http.Server{Handler: service}
	go server.Serve(upstream)
	return newVirtualTo(t, yaml, Options{
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			ours, theirs := pipe()
			upstream.give(theirs)
			return ours, nil
		},
	}, func() { server.Close() })
}

func newVirtualTo(t *testing.T, yaml string, o Options, stop func()) *virtual {
	t.Helper()
	cfg := parse(t, yaml, "http://10.0.0.1:80")
	o.defaults()
	p := &Proxy{o: o, slots: listening.NewSlots(1000), sockets: map[string]*listener{}}
	p.memory.Read = func() (used, limit uint64) { return 0, 0 }
	p.base, p.cutAll = context.WithCancelCause(context.Background())
	gen, err := newGeneration(cfg, &p.o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.o.caching.configure(cfg); err != nil {
		t.Fatal(err)
	}
	p.gen.Store(gen)
	for _, u := range gen.upstreams {
		u.start()
	}
	e, err := newEngine(cfg.Engine, &cfg.Listeners[0], &cfg.Limits, p, p.base, p.o.ErrorLog)
	if err != nil {
		t.Fatal(err)
	}
	v := &virtual{t, p, e}
	t.Cleanup(func() {
		e.close()
		p.cutAll(errStopped)
		p.o.caching.close()
		gen.retireExcept(nil)
		stop()
		synctest.Wait()
	})
	return v
}

// connect opens a client's connection.
func (v *virtual) connect() net.Conn {
	ours, theirs := pipe()
	c := &clientConn{Conn: theirs, scheme: "http"}
	c.setPeer("192.0.2.1:1234")
	v.engine.handle(c)
	v.t.Cleanup(func() { ours.Close() })
	return ours
}
