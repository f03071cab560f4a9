package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/levee-proxy/levee/limiter"
	"github.com/levee-proxy/levee/proxy/internal/classes"
	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// limited is one route to one endpoint with a fixed limit.
func limited(concurrency, route, more string) string {
	return fmt.Sprintf(`
apiVersion: levee/v1
listeners: [{address: "127.0.0.1:0"}]
routes: [{name: all, upstream: service%s}]
upstreams: [{name: service, endpoints: ["$UPSTREAM"], concurrency: %s}]
%s`, route, concurrency, more)
}

// arena is a proxy in virtual time before a service that does as the path says
// and, where it is /hold, answers when it is told to.
type arena struct {
	*virtual
	release chan struct{} // each lets one held request go

	mu      sync.Mutex
	arrived []string // X-Name of each request, as they came
	header  http.Header
}

func newArena(t *testing.T, yaml string) *arena {
	a := &arena{release: make(chan struct{})}
	a.virtual = newVirtual(t, yaml, a.serve)
	return a
}

func (a *arena) serve(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.arrived, a.header = append(a.arrived, r.Header.Get("X-Name")), r.Header
	a.mu.Unlock()
	hold := func() {
		select {
		case <-a.release:
		case <-r.Context().Done():
		}
	}
	switch r.URL.Path {
	case "/hold":
		hold()
	case "/grpc/call":
		w.Header().Set("Content-Type", "application/grpc")
	case "/read":
		io.Copy(io.Discard, r.Body)
	case "/readhold":
		io.Copy(io.Discard, r.Body)
		hold()
	case "/early":
		http.NewResponseController(w).EnableFullDuplex()
		takes(20 * time.Millisecond)
		io.WriteString(w, "x")
		http.NewResponseController(w).Flush()
	case "/slow":
		takes(20 * time.Millisecond)
	case "/500", "/503", "/429":
		var code int
		fmt.Sscanf(r.URL.Path, "/%d", &code)
		w.WriteHeader(code)
	case "/reset":
		panic(http.ErrAbortHandler)
	case "/part":
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "part")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case "/events", "/body":
		if r.URL.Path == "/events" {
			w.Header().Set("Content-Type", "text/event-stream")
		}
		io.WriteString(w, "x")
		http.NewResponseController(w).Flush()
		hold()
	case "/ws":
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		w.WriteHeader(http.StatusSwitchingProtocols)
		c, rw, _ := http.NewResponseController(w).Hijack()
		io.Copy(c, rw) // which may have the first byte already
		c.Close()
	}
}

// names are those of the requests that reached the service.
func (a *arena) names() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(a.arrived, " ")
}

func (a *arena) endpoint() *endpoint {
	return a.proxy.gen.Load().upstreams["service"].endpoints[0]
}

// want compares what is inflight, queued and streaming, once all is quiet.
func (a *arena) want(inflight, queued, streams int) {
	a.t.Helper()
	synctest.Wait()
	e := a.endpoint()
	s := e.limiter.Status(time.Now())
	if s.Inflight != inflight || s.Queued != queued || int(e.streams.Load()) != streams || int(e.waiting.Load()) != queued {
		a.t.Errorf("%d inflight, %d queued (%d wait), %d streams; want %d, %d, %d", s.Inflight, s.Queued, e.waiting.Load(), e.streams.Load(), inflight, queued, streams)
	}
}

// asked is a request on its way, on a connection of its own.
type asked struct {
	t    *testing.T
	conn net.Conn
	br   *bufio.Reader
	done chan struct{}
	resp *http.Response
	err  error
}

// ask sends a request for a path, with header lines.
func (v *virtual) ask(path string, header ...string) *asked {
	v.t.Helper()
	q := &asked{t: v.t, conn: v.connect(), done: make(chan struct{})}
	q.br = bufio.NewReader(q.conn)
	fmt.Fprintf(q.conn, "GET %s HTTP/1.1\r\n%s\r\n\r\n", path, strings.Join(append(header, "Host: h"), "\r\n"))
	go func() {
		defer close(q.done)
		if q.resp, q.err = http.ReadResponse(q.br, nil); q.err == nil {
			q.resp.Body = io.NopCloser(q.resp.Body)
		}
	}()
	synctest.Wait()
	return q
}

// status is the answer's, -1 for none that was sound; it waits for it.
func (q *asked) status() int {
	<-q.done
	if q.err != nil {
		return -1
	}
	return q.resp.StatusCode
}

// shed is the reason for which it was refused.
func (q *asked) shed() string {
	if q.status() < 0 {
		return ""
	}
	return q.resp.Header.Get(signals.ShedHeader)
}

func TestAdmissionAtTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArena(t, limited("{mode: fixed, limit: 2, queue: {length: 1}}", "", ""))
		one, two := a.ask("/hold", "X-Name: one"), a.ask("/hold", "X-Name: two")
		a.want(2, 0, 0)
		three := a.ask("/hold", "X-Name: three") // waits
		a.want(2, 1, 0)
		four := a.ask("/hold", "X-Name: four") // and nobody else may
		if four.status() != 503 || four.shed() != "queue_full" {
			t.Errorf("%d, %s", four.status(), four.shed())
		}
		if got := a.names(); got != "one two" {
			t.Errorf("%s reached the service", got)
		}
		a.release <- struct{}{}
		a.want(2, 0, 0)
		if got := a.names(); got != "one two three" {
			t.Errorf("%s reached the service", got)
		}
		a.release <- struct{}{}
		a.release <- struct{}{}
		a.want(0, 0, 0)
		for _, q := range []*asked{one, two, three} {
			if q.status() != 200 {
				t.Errorf("answered %d", q.status())
			}
		}
	})
}

// TestQueueOrder: by priority, which trusted peers may say; within it, first
// attempts before retries, and in their order.
func TestQueueOrder(t *testing.T) {
	for _, test := range []struct{ name, trusted, want string }{
		{"trusted", "forwarding: {trusted: [192.0.2.1]}", "running critical one two default retry later background"},
		{"not trusted", "", "running background default one two critical retry later"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArena(t, limited("{mode: fixed, limit: 1}", "", "priority: {header: X-Priority}\n"+test.trusted))
				a.ask("/hold", "X-Name: running")
				a.ask("/hold", "X-Name: background", "X-Priority: background")
				a.ask("/hold", "X-Name: retry", "X-Envoy-Attempt-Count: 2")
				a.ask("/hold", "X-Name: default", "X-Priority: nonsense")
				a.ask("/hold", "X-Name: one", "X-Priority: 3")
				a.ask("/hold", "X-Name: two", "X-Priority: 3")
				a.ask("/hold", "X-Name: critical", "X-Priority: critical")
				a.ask("/hold", "X-Name: later", "Grpc-Previous-Rpc-Attempts: 3")
				a.want(1, 7, 0)
				for range 8 {
					a.release <- struct{}{}
					synctest.Wait()
				}
				if got := a.names(); got != test.want {
					t.Errorf("%s", got)
				}
				a.want(0, 0, 0)
			})
		})
	}
}

func TestPriorityIsPassedOn(t *testing.T) {
	for _, test := range []struct{ name, route, more, sent, want string }{
		{"none configured", "", "", "critical", "critical"}, // then it is a header like any other
		{"the route's", ", priority: background", "priority: {header: X-Priority}", "", "background"},
		{"not believed", ", priority: 6", "priority: {header: X-Priority}", "critical", "6"},
		{"believed", "", "priority: {header: X-Priority}\nforwarding: {trusted: [192.0.2.1]}", "critical", "critical"},
		{"nonsense", "", "priority: {header: X-Priority}\nforwarding: {trusted: [192.0.2.1]}", "9", "default"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArena(t, limited("{mode: adaptive}", test.route, test.more))
				header := []string{"X-Name: x"}
				if test.sent != "" {
					header = append(header, "X-Priority: "+test.sent, "X_Priority: critical")
				}
				if s := a.ask("/", header...).status(); s != 200 {
					t.Fatal(s)
				}
				if got := strings.Join(a.header["X-Priority"], "|"); got != test.want {
					t.Errorf("the upstream got %q", got)
				}
				if twin := a.header["X_priority"]; twin != nil && strings.Contains(test.more, "priority") {
					t.Errorf("its twin went through: %v", twin)
				}
			})
		})
	}
}

// leave closes the client's connection, and lets pass the time until that is noticed.
func (q *asked) leave() {
	q.conn.Close()
	takes(leavesWithin)
}

// leavesWithin is how long the lean engine may take to notice: twice the interval of
// its looks.
const leavesWithin = 101 * time.Millisecond

// TestLeavingTheQueue: nobody waits any more, so it is never sent.
func TestLeavingTheQueue(t *testing.T) {
	for _, test := range []struct {
		name, route string
		leave       func(*asked)
		status      int
		shed        string // and counted so; "": as one who left
	}{
		{"the client leaves", "", func(q *asked) { q.leave() }, -1, ""},
		{"the deadline passes", ", timeout: 50ms", func(*asked) { takes(51 * time.Millisecond) }, 429, "deadline"},
		{"the queue is no silence of the service's", ", responseTimeout: 50ms", func(*asked) { takes(120 * time.Millisecond) }, 503, "overload"},
		{"it waits for too long", "", func(*asked) { takes(time.Second) }, 503, "overload"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				yaml := limited("{mode: fixed, limit: 1}", test.route+", match: {pathPrefix: /hold}", "")
				yaml = strings.Replace(yaml, "routes: [", "routes: [{name: held, match: {pathPrefix: /events}, upstream: service}, ", 1)
				a := newArena(t, strings.Replace(yaml, "limit: 1", "limit: 1, streams: 1", 1))
				a.ask("/events", "X-Name: stream") // takes the one stream there may be
				a.ask("/events", "X-Name: running")
				a.want(1, 0, 1)
				q := a.ask("/hold", "X-Name: waiting")
				a.want(1, 1, 1)
				test.leave(q)
				a.want(1, 0, 1)
				if q.status() != test.status || q.shed() != test.shed {
					t.Errorf("%d %q", q.status(), q.shed())
				}
				counted := a.endpoint().limiter.Status(time.Now())
				if left := test.shed == ""; left != (counted.Cancelled == 1) || left != (len(counted.Sheds) == 0) || !left && counted.Sheds[0].Reason != test.shed {
					t.Errorf("%d counted as having left, %v as shed", counted.Cancelled, counted.Sheds)
				}
				if got := a.names(); got != "stream running" {
					t.Errorf("%s reached the service", got)
				}
				a.release <- struct{}{}
				a.release <- struct{}{}
				a.want(0, 0, 0)
			})
		})
	}
}

// TestDeadlineThatCantBeMet: what the service takes is known, so a request
// with less time than that isn't sent.
func TestDeadlineThatCantBeMet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArena(t, limited("{mode: adaptive}", "", "forwarding: {trusted: [192.0.2.1]}"))
		for range 50 {
			if s := a.ask("/slow").status(); s != 200 {
				t.Fatal(s)
			}
		}
		if q := a.ask("/slow", "X-Envoy-Expected-Rq-Timeout-Ms: 15"); q.status() != 429 || q.shed() != "deadline" {
			t.Errorf("with 15 ms for 20 ms of work: %d %q", q.status(), q.shed())
		}
		if q := a.ask("/slow", "X-Envoy-Expected-Rq-Timeout-Ms: 50"); q.status() != 200 {
			t.Errorf("with 50 ms for 20 ms of work: %d", q.status())
		}
		if n := len(a.arrived); n != 51 {
			t.Errorf("%d reached the service", n)
		}
		a.want(0, 0, 0)
	})
}

// TestPermitsComeBack: whatever becomes of a request, at whatever stage, in
// the end nothing is held.
func TestPermitsComeBack(t *testing.T) {
	const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13"
	gone := func(q *asked) { q.leave() }
	for _, test := range []struct {
		name, path, header string
		inflight, streams  int // while it runs
		end                func(*arena, *asked)
		status             int
	}{
		{name: "success", path: "/", status: 200},
		{name: "not found", path: "/nothing", status: 200},
		{name: "500", path: "/500", status: 500},
		{name: "503", path: "/503", status: 503},
		{name: "429", path: "/429", status: 429},
		{name: "reset before the header", path: "/reset", status: 502},
		{name: "reset in the body", path: "/part", status: 200},
		{name: "client leaves before the header", path: "/hold", inflight: 1, end: func(_ *arena, q *asked) { gone(q) }, status: -1},
		{name: "client leaves in the body", path: "/body", inflight: 1, end: func(_ *arena, q *asked) { gone(q) }, status: 200},
		{name: "client leaves a stream", path: "/events", streams: 1, end: func(_ *arena, q *asked) { gone(q) }, status: 200},
		{name: "client leaves what became a stream", path: "/body", inflight: 1, end: func(a *arena, q *asked) {
			takes(streamAfter)
			a.want(0, 0, 1)
			gone(q)
			takes(streamAfter / 4) // the older it is, the more rarely it is looked at
		}, status: 200},
		{name: "deadline before the header", path: "/hold", header: "X-Envoy-Expected-Rq-Timeout-Ms: 300", inflight: 1, end: func(*arena, *asked) { takes(400 * time.Millisecond) }, status: 504},
		{name: "deadline in the body", path: "/body", header: "X-Envoy-Expected-Rq-Timeout-Ms: 300", inflight: 1, end: func(*arena, *asked) { takes(400 * time.Millisecond) }, status: 200},
		{name: "upgrade that its client ends", path: "/ws", header: upgrade, streams: 1, end: func(_ *arena, q *asked) { gone(q) }, status: 101},
		{name: "upgrade refused", path: "/", header: upgrade, status: 200},
		{name: "body ends", path: "/body", inflight: 1, end: func(a *arena, _ *asked) { a.release <- struct{}{} }, status: 200},
		{name: "stream ends", path: "/events", streams: 1, end: func(a *arena, _ *asked) { a.release <- struct{}{} }, status: 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArena(t, limited("{mode: fixed, limit: 4}", "", "forwarding: {trusted: [192.0.2.1]}"))
				header := []string{"X-Name: x"}
				if test.header != "" {
					header = append(header, test.header)
				}
				q := a.ask(test.path, header...)
				a.want(test.inflight, 0, test.streams)
				if test.end != nil {
					test.end(a, q)
				}
				a.want(0, 0, 0)
				if s := q.status(); s != test.status {
					t.Errorf("answered %d, want %d (%v)", s, test.status, q.err)
				}
				if n := a.proxy.inflight.Load(); n != 0 {
					t.Errorf("%d requests are still inflight", n)
				}
			})
		})
	}
}

// TestStreamsHaveALimit: those that are known to become one are refused when
// there are as many as may be; one that has become one keeps its permit until
// there is room, and is never cut.
func TestStreamsHaveALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArena(t, limited("{mode: fixed, limit: 4, streams: 1, refuseWith: 429}", "", ""))
		a.ask("/events", "Accept: text/event-stream")
		a.want(0, 0, 1)
		upgrade := []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13"}
		for _, q := range []*asked{a.ask("/events", "Accept: text/event-stream"), a.ask("/ws", upgrade...)} {
			if q.status() != 429 || q.shed() != "streams" {
				t.Errorf("%d %q", q.status(), q.shed())
			}
		}
		if n := a.endpoint().streamsShed.Load(); n != 2 {
			t.Errorf("%d counted", n)
		}
		late := a.ask("/body")
		takes(5 * streamAfter)
		a.want(1, 0, 1)
		a.release <- struct{}{} // the first to have come: the event stream
		synctest.Wait()
		takes(streamAfter)
		a.want(0, 0, 1)
		a.release <- struct{}{}
		a.want(0, 0, 0)
		if body, err := io.ReadAll(late.resp.Body); late.status() != 200 || string(body) != "x" || err != nil {
			t.Errorf("%d %q %v", late.status(), body, err)
		}
	})
}

// TestRoomBeforeAQueue: of several endpoints one with room takes the request,
// whatever its latency.
func TestRoomBeforeAQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yaml := strings.Replace(limited("{mode: fixed, limit: 1}", "", ""), `["$UPSTREAM"]`, `["http://10.0.0.1", "http://10.0.0.2", "http://10.0.0.3"]`, 1)
		a := newArena(t, yaml)
		eps := a.proxy.gen.Load().upstreams["service"].endpoints
		eps[2].latency.Observe(time.Now(), 10*time.Second) // nobody would choose it
		for range 3 {
			a.ask("/hold")
		}
		for _, e := range eps {
			if s := e.limiter.Status(time.Now()); s.Inflight != 1 || s.Queued != 0 {
				t.Errorf("%s has %d inflight and %d queued", e.address, s.Inflight, s.Queued)
			}
		}
		for range 3 {
			a.release <- struct{}{}
		}
	})
}

// TestReloadKeepsLimits: what was learned about an address outlives a change
// of its upstream's configuration, class by class.
func TestReloadKeepsLimits(t *testing.T) {
	up := service(t, func(http.ResponseWriter, *http.Request) {})
	two := func(first, second, more string) string {
		return fmt.Sprintf(`
apiVersion: levee/v1
listeners: [{address: "127.0.0.1:0"}]
routes: [{name: %s, match: {pathPrefix: /%s}, upstream: service}, {name: %s, match: {pathPrefix: /%s}, upstream: service}]
upstreams: [{name: service, endpoints: ["$UPSTREAM"], %s}]`, first, first, second, second, more)
	}
	p := start(t, two("a", "b", "concurrency: {initial: 20}"), up.URL, Options{})
	for range 50 {
		get(t, p.url+"/a")
		get(t, p.url+"/b")
	}
	u := p.gen.Load().upstreams["service"]
	before := u.endpoints[0].limiter.State()
	names := u.classes.Names()
	if err := p.Reload(parse(t, two("b", "c", "maxConnections: 7, concurrency: {max: 5000}"), up.URL)); err != nil {
		t.Fatal(err)
	}
	after := p.gen.Load().upstreams["service"]
	if after == u {
		t.Fatal("the upstream wasn't made anew")
	}
	s := after.endpoints[0].limiter.State()
	if s.Limit != before.Limit || len(s.Classes) != len(before.Classes) {
		t.Errorf("%v became %v", before, s)
	}
	for _, rt := range p.gen.Load().router.routes {
		if now := after.classes.Names(); now[rt.class] != rt.cfg.Name {
			t.Errorf("route %s has the class %q", rt.cfg.Name, now[rt.class])
		}
	}
	if names[0] != "a" || names[1] != "b" || after.classes.Number("b") != 1 || after.classes.Number("c") != 2 || after.classes.Number("d") != classes.Other {
		t.Errorf("%q became %q", names[:3], after.classes.Names()[:4])
	}
}

// TestClassesAreGRPCs: a client can call any request a gRPC call, and a service
// of another kind may answer any path. No class comes of it.
func TestClassesAreGRPCs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArena(t, limited("{mode: adaptive}", "", ""))
		for path, want := range map[string]int{"/made/up": classes.Other, "/grpc/call": 1} {
			if s := a.ask(path, "Content-Type: application/grpc").status(); s != 200 {
				t.Fatal(s)
			}
			if n := a.endpoint().up.classes.Number(path); n != want {
				t.Errorf("%s has class %d, want %d", path, n, want)
			}
		}
	})
}

// TestOutcomes: what an answer's header says of the service.
func TestOutcomes(t *testing.T) {
	for _, test := range []struct {
		status int
		grpc   string
		shed   bool
		want   limiter.Outcome
	}{
		{200, "", false, limiter.Success},
		{301, "", false, limiter.Success},
		{404, "", false, limiter.Success},
		{429, "", false, limiter.Ignored},
		{429, "", true, limiter.Dropped},
		{500, "", false, limiter.Ignored},
		{501, "", false, limiter.Ignored},
		{502, "", false, limiter.Dropped},
		{503, "", false, limiter.Dropped},
		{504, "", false, limiter.Dropped},
		{200, "0", false, limiter.Success},
		{200, "5", false, limiter.Success},
		{200, "14", false, limiter.Dropped},
		{200, "8", false, limiter.Ignored},
		{200, "8", true, limiter.Dropped},
		{200, "4", false, limiter.Late},
		{200, "13", false, limiter.Ignored},
	} {
		h := http.Header{}
		if test.grpc != "" {
			h.Set("Grpc-Status", test.grpc)
		}
		if test.shed {
			h.Set(signals.ShedHeader, "overload")
		}
		if got := outcomeOf(&http.Response{StatusCode: test.status, Header: h}, test.grpc != ""); got != test.want {
			t.Errorf("%+v: %d", test, got)
		}
	}
}

// TestReloadKeepsPermits: what is inflight stays so when an upstream's
// configuration changes: the service is the same.
func TestReloadKeepsPermits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const one = "{mode: fixed, limit: 1, queue: {length: 0}}"
		a := newArena(t, limited(one, "", ""))
		held := a.ask("/hold")
		reload := func(concurrency, route string) {
			text := strings.Replace(limited(concurrency, route, ""), "concurrency:", "timeouts: {connect: 2s}, concurrency:", 1)
			old := a.proxy.gen.Load()
			gen, err := newGeneration(parse(t, text, "http://10.0.0.1:80"), &a.proxy.o, old)
			if err != nil {
				t.Fatal(err)
			}
			a.proxy.gen.Store(gen)
			old.retireExcept(gen)
			t.Cleanup(func() { gen.retireExcept(nil) })
		}
		reload(one, "")
		a.want(1, 0, 0)
		if q := a.ask("/"); q.shed() != "queue_full" {
			t.Errorf("%d %q", q.status(), q.shed())
		}
		a.release <- struct{}{}
		if s := held.status(); s != 200 {
			t.Error(s)
		}
		a.want(0, 0, 0)
		reload("{mode: fixed, limit: 2, queue: {length: 0}}", ", priority: critical")
		if got := a.endpoint().limiter.Status(time.Now()).Limit; got != 2 {
			t.Errorf("the limit is %v", got)
		}
		if s := a.ask("/").status(); s != 200 {
			t.Error(s)
		}
	})
}
