package connections

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/proxy/h1"
	"github.com/levee-proxy/levee/proxy/h1/client"
	"github.com/levee-proxy/levee/proxy/internal/tlsfiles"
)

// dialFunc opens a byte stream, as [net.Dialer.DialContext] does.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Target is a configured endpoint.
type Target struct {
	config.Endpoint
	Name, Port string // of Address; empty for a socket
}

// ParseTarget reads an endpoint's URL, as the configuration has it.
func ParseTarget(s string) (*Target, error) {
	e, err := config.ParseEndpoint(s)
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", s, err)
	}
	t := &Target{Endpoint: e}
	if e.Network == "tcp" {
		t.Name, t.Port, err = net.SplitHostPort(e.Address)
	}
	return t, err
}

// Named says whether the host is a DNS name that may stand for several
// addresses. localhost isn't: its two are one service, and the dialer tries both.
func (t *Target) Named() bool {
	return t.Network == "tcp" && t.Name != "localhost" && net.ParseIP(t.Name) == nil
}

// Dialer opens connections for one upstream.
type Dialer struct {
	dial        dialFunc
	budget      *Budget
	timeouts    config.UpstreamTimeouts
	tls         *tls.Config
	authorities *tlsfiles.Authorities // nil: the system's
	lean        *h1.Limits            // of answers over HTTP/1.1; nil: net/http reads them
	transports  map[transportKind]*http.Transport
}

// transportKind is what a new connection may speak.
type transportKind int

const (
	http1Only transportKind = iota
	http2Only               // without TLS, by prior knowledge
	negotiate               // whichever the TLS handshake settles on
)

// NewDialer returns a dialer for an upstream of the configuration. Files that it
// names are read, and an error is theirs.
func NewDialer(engine string, up *config.Upstream, limits *config.Limits, dial dialFunc, budget *Budget) (*Dialer, error) {
	tlsConfig, authorities, err := tlsfiles.Client(&up.TLS)
	if err != nil {
		return nil, fmt.Errorf("upstream %s: %w", up.Name, err)
	}
	d := &Dialer{dial: dial, budget: budget, authorities: authorities, timeouts: up.Timeouts, tls: tlsConfig, transports: map[transportKind]*http.Transport{}}
	for kind, protocols := range map[transportKind]func(*http.Protocols){
		http1Only: func(p *http.Protocols) { p.SetHTTP1(true) },
		http2Only: func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) },
		negotiate: func(p *http.Protocols) { p.SetHTTP1(true); p.SetHTTP2(true) },
	} {
		t := &http.Transport{
			Proxy:                  nil, // the environment has no say in where requests go
			DisableCompression:     true,
			DialContext:            d.dialPlain,
			DialTLSContext:         d.dialTLS,
			MaxResponseHeaderBytes: int64(limits.ResponseHeaderBytes),
			ExpectContinueTimeout:  time.Second,
			Protocols:              new(http.Protocols),
			HTTP2: &http.HTTP2Config{
				MaxReadFrameSize:              16 << 10,
				MaxDecoderHeaderTableSize:     4 << 10,
				MaxReceiveBufferPerConnection: 1 << 20,
				MaxReceiveBufferPerStream:     256 << 10,
				SendPingTimeout:               30 * time.Second,
				PingTimeout:                   15 * time.Second,
			},
		}
		protocols(t.Protocols)
		d.transports[kind] = t
	}
	if engine == config.EngineLean {
		d.lean = &h1.Limits{HeadBytes: int(limits.ResponseHeaderBytes)}
	}
	return d, nil
}

// Reload reads the authorities' file again, if there is one, which may have changed.
func (d *Dialer) Reload() error {
	if d.authorities == nil {
		return nil
	}
	return d.authorities.Reload()
}

// NewPool returns a pool of connections to an endpoint's address: of so many at
// most, 0 for any number, each kept for so long while nobody uses it.
func (d *Dialer) NewPool(t *Target, address string, most int, idle time.Duration) *Pool {
	p := &Pool{max: most, idle: idle, prefers: t.Scheme == "h2c", budget: d.budget}
	p.Dial = func(ctx context.Context, h1only bool) (*Conn, error) { return d.connect(ctx, t, address, p, h1only) }
	d.budget.enter(p)
	return p
}

// Probe opens a connection that no pool knows, to see whether it can be had. It
// isn't to be released, but closed.
func (d *Dialer) Probe(ctx context.Context, t *Target, address string) (*Conn, error) {
	probes := &Pool{idle: time.Second, budget: d.budget} // counts one connection and forgets it
	probes.open = 1
	return d.connect(ctx, t, address, probes, false)
}

// dialling travels through net/http's transport to our dial functions in the
// context: what to dial, and the wire that came of it.
type dialling struct {
	target  *Target
	address string
	pool    *Pool
	h1only  bool
	wire    *wireConn
	h2      bool
	made    net.Conn // a connection that is there already
}

type diallingKey struct{}

// connect opens a connection to an endpoint's address within the upstream's
// timeouts. The pool has counted it already and is told if nothing came of it.
func (d *Dialer) connect(ctx context.Context, t *Target, address string, p *Pool, h1only bool) (*Conn, error) {
	call := &dialling{target: t, address: address, pool: p, h1only: h1only}
	kind, scheme := http1Only, "http"
	switch {
	case t.Scheme == "https":
		scheme = "https"
		if !h1only {
			kind = negotiate
		}
	case t.Scheme == "h2c":
		if h1only {
			p.Forget()
			return nil, ErrNoUpgrade
		}
		kind = http2Only
		call.h2 = true
	}
	if d.lean != nil && kind != http2Only {
		c, err := d.connectLean(ctx, call, kind == negotiate || h1only && t.Scheme == "https")
		if c != nil || err != nil {
			return c, err
		}
	}
	ctx = context.WithValue(ctx, diallingKey{}, call)
	cc, err := d.transports[kind].NewClientConn(ctx, scheme, "upstream:0")
	if err != nil {
		if call.wire == nil {
			p.Forget()
			return nil, &DialError{err}
		}
		call.wire.Close()
		if call.h2 && ctx.Err() == nil {
			err = ErrNoHTTP2 // the same end as below, seen earlier
		}
		return nil, &DialError{err}
	}
	c := &Conn{cc: cc, wire: call.wire, H2: call.h2}
	call.wire.mu.Lock()
	call.wire.conn = c
	call.wire.mu.Unlock()
	if c.H2 {
		d.awaitSettings(ctx, c)
		if cc.Err() != nil { // which says no more than that it is closed
			cc.Close()
			return nil, &DialError{ErrNoHTTP2}
		}
	}
	return c, nil
}

// connectLean opens a connection for the lean engine. Where TLS settles on
// HTTP/2, it returns nothing, and the connection is call's: net/http takes it.
func (d *Dialer) connectLean(ctx context.Context, call *dialling, secure bool) (*Conn, error) {
	open := d.open
	if secure {
		open = d.openTLS
	}
	nc, err := open(ctx, call)
	switch {
	case err != nil && call.wire != nil:
		call.wire.Close()
		return nil, &DialError{err}
	case err != nil:
		call.pool.Forget()
		return nil, &DialError{err}
	case call.h2:
		call.made, call.wire.rest = nc, nil
		return nil, nil
	}
	call.wire.lean = true
	switch tc, ok := nc.(*tls.Conn); {
	case ok:
		call.wire.rest.above = tc
	case call.wire.direct != nil:
		nc = turningConn{call.wire, call.wire.direct}
	}
	return &Conn{lean: client.New(nc, d.lean), wire: call.wire}, nil
}

// awaitSettings waits until an HTTP/2 server has said how many streams it
// allows. Before, net/http assumes a hundred; those beyond what is allowed would
// be refused, each a request lost. A server that says nothing isn't waited for
// longer than for a connection.
func (d *Dialer) awaitSettings(ctx context.Context, c *Conn) {
	timer := time.NewTimer(time.Duration(d.timeouts.Connect))
	defer timer.Stop()
	select {
	case <-c.wire.settled:
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (d *Dialer) dialPlain(ctx context.Context, _, _ string) (net.Conn, error) {
	call := ctx.Value(diallingKey{}).(*dialling)
	nc, err := d.open(ctx, call)
	if err == nil && call.h2 {
		call.wire.share()
	}
	return nc, err
}

// open opens a connection.
func (d *Dialer) open(ctx context.Context, call *dialling) (net.Conn, error) {
	if !d.budget.acquire() {
		return nil, ErrNoDescriptor
	}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Duration(d.timeouts.Connect), ErrConnectDeadline)
	defer cancel()
	nc, err := d.dial(ctx, call.target.Network, call.address)
	if err != nil {
		d.budget.release()
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			d.budget.refuse()
		}
		if context.Cause(ctx) == ErrConnectDeadline {
			err = ErrConnectDeadline
		}
		return nil, err
	}
	call.wire = newWireConn(nc, call.pool, d.budget)
	return call.wire, nil
}

func (d *Dialer) dialTLS(ctx context.Context, _, _ string) (net.Conn, error) {
	call := ctx.Value(diallingKey{}).(*dialling)
	if call.made != nil {
		return call.made, nil
	}
	return d.openTLS(ctx, call)
}

// openTLS opens a connection with TLS on it.
func (d *Dialer) openTLS(ctx context.Context, call *dialling) (net.Conn, error) {
	nc, err := d.open(ctx, call)
	if err != nil {
		return nil, err
	}
	cfg := d.tls.Clone()
	if d.authorities != nil {
		cfg.RootCAs = d.authorities.Current()
	}
	if cfg.ServerName == "" {
		cfg.ServerName = call.target.Name
	}
	cfg.NextProtos = []string{"h2", "http/1.1"}
	if call.h1only {
		cfg.NextProtos = cfg.NextProtos[1:]
	}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Duration(d.timeouts.TLSHandshake), ErrHandshakeDeadline)
	defer cancel()
	call.wire.writes.Store(handshaking)
	if d.lean != nil {
		call.wire.rest = new(rest)
	}
	tc := tls.Client(nc, cfg)
	if err := tc.HandshakeContext(ctx); err != nil {
		nc.Close()
		if context.Cause(ctx) == ErrHandshakeDeadline {
			err = ErrHandshakeDeadline
		}
		return nil, &HandshakeError{err}
	}
	call.wire.writes.Store(0)
	if call.h2 = tc.ConnectionState().NegotiatedProtocol == "h2"; call.h2 {
		call.wire.share()
	}
	return tc, nil
}
