package proxy

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/levee-proxy/levee/limiter"
	"github.com/levee-proxy/levee/limiter/storm"
	"github.com/levee-proxy/levee/proxy/internal/clock"
	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// bookkeeper watches that accounts with a detector are opened and closed.
type bookkeeper struct {
	detector
	mu     sync.Mutex
	opened int
	closed map[storm.Outcome]int
	wrong  string
}

func (b *bookkeeper) Arrive(now time.Time, r *storm.Request) {
	b.detector.Arrive(now, r)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opened++
	if r.Attempt < 1 || r.Print == 0 {
		b.wrong = fmt.Sprintf("%+v arrived", *r)
	}
}

func (b *bookkeeper) End(now time.Time, r *storm.Request, o storm.Outcome) {
	b.detector.End(now, r, o)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed == nil {
		b.closed = map[storm.Outcome]int{}
	}
	b.closed[o]++
}

// balance looks whether each account was closed once.
func (b *bookkeeper) balance(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	closed := 0
	for _, n := range b.closed {
		closed += n
	}
	if b.opened == 0 || closed != b.opened || b.wrong != "" {
		t.Errorf("%d accounts were opened, %v closed; %s", b.opened, b.closed, b.wrong)
	}
}

func (a *arena) keepBooks() *bookkeeper {
	in := a.proxy.gen.Load().upstreams["service"].inbound
	b := &bookkeeper{detector: in.detector}
	in.detector = b
	return b
}

// TestAccountOutcomes: what a request comes to, as the detector hears of it.
func TestAccountOutcomes(t *testing.T) {
	for _, test := range []struct {
		name   string
		path   string
		header string
		leave  bool
		want   storm.Outcome
	}{
		{"answered", "/", "", false, storm.Useful},
		{"failed", "/500", "", false, storm.Failed},
		{"refused by the service", "/429", "", false, storm.Failed},
		{"reset", "/reset", "", false, storm.Failed},
		{"broken off", "/part", "", false, storm.Failed},
		{"its client left", "/hold", "", true, storm.Abandoned},
		{"its client's time was over", "/hold", "Grpc-Timeout: 50m", false, storm.Abandoned},
		{"stream", "/events", "", true, storm.Useful},
		{"websocket", "/ws", "Connection: Upgrade\r\nUpgrade: websocket", true, storm.Useful},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArena(t, limited("{mode: fixed, limit: 9}", "", ""))
				books := a.keepBooks()
				header := "X-Name: one"
				if test.header != "" {
					header = test.header
				}
				q := a.ask(test.path, header)
				takes(100 * time.Millisecond)
				if test.leave {
					q.leave()
				}
				synctest.Wait()
				if len(books.closed) != 1 || books.closed[test.want] != 1 {
					t.Errorf("%v, want %v", books.closed, test.want)
				}
				books.balance(t)
			})
		})
	}
}

// TestUsefulness is about what only gRPC says.
func TestUsefulness(t *testing.T) {
	for status, want := range map[string]storm.Outcome{
		"": storm.Useful, "0": storm.Useful, "5": storm.Useful, "12": storm.Useful,
		"4": storm.Failed, "8": storm.Failed, "14": storm.Failed, "13": storm.Failed,
	} {
		resp := &http.Response{StatusCode: 200, Header: http.Header{}}
		if status != "" {
			resp.Header["Grpc-Status"] = []string{status}
		}
		if got := usefulness(resp, true); got != want {
			t.Errorf("gRPC %q: %v", status, got)
		}
		if got := usefulness(resp, false); got != storm.Useful {
			t.Errorf("HTTP with gRPC's %q: %v", status, got)
		}
	}
}

// capture is a log's handler that keeps what it gets.
type capture struct {
	mu    sync.Mutex
	lines strings.Builder
}

func (c *capture) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lines.Write(p)
}

// rush is many clients in virtual time, each of which asks again until it is
// answered or has tried four times: at once, or as it is told.
type rush struct {
	*arena
	path    string
	says    bool // that they are retries
	heeds   bool // what it is told
	mu      sync.Mutex
	answers map[string]int // by status, reason and what was told
	retried int            // answered usefully after a refusal
	clients int
}

func (c *rush) run(over time.Duration, everyMS int, header ...string) {
	var all sync.WaitGroup
	end := time.Now().Add(over)
	for time.Now().Before(end) {
		c.clients++
		n := c.clients
		all.Go(func() { c.client(n, header) })
		takes(time.Duration(everyMS) * time.Millisecond)
	}
	all.Wait()
}

func (c *rush) client(n int, header []string) {
	conn := c.connect()
	defer conn.Close()
	br := bufio.NewReader(conn)
	for retry := range 4 {
		fmt.Fprintf(conn, "GET %s?n=%d HTTP/1.1\r\nHost: h\r\n%s", cmp.Or(c.path, "/slow"), n, strings.Join(append(header, ""), "\r\n"))
		if c.says {
			fmt.Fprintf(conn, "X-Stainless-Retry-Count: %d\r\n", retry)
		}
		io.WriteString(conn, "\r\n")
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			c.t.Error(err)
			return
		}
		io.Copy(io.Discard, resp.Body)
		c.mu.Lock()
		c.answers[strings.TrimSpace(fmt.Sprint(resp.StatusCode, " ", resp.Header.Get(signals.ShedHeader), " ", tells(resp.Header)))]++
		if resp.StatusCode == http.StatusOK && retry > 0 {
			c.retried++
		}
		c.mu.Unlock()
		after, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		switch {
		case resp.StatusCode == http.StatusOK:
			return
		case c.heeds && err != nil:
			return
		case c.heeds:
			takes(time.Duration(after) * time.Second)
		default:
			takes(time.Millisecond)
		}
	}
}

func (c *rush) count(holds ...string) (n int) {
	for answer, m := range c.answers {
		if func() bool {
			for _, h := range holds {
				if !strings.Contains(answer, h) {
					return false
				}
			}
			return true
		}() {
			n += m
		}
	}
	return n
}

// TestStorm: twice what the service can do is asked, and each refused client
// asks three times more at once. It becomes a storm within a second, retries
// over their share are refused, clients are told to stop, a line says so; and
// when they leave off, all becomes calm again by itself.
func TestStorm(t *testing.T) {
	t.Run("clients that say so", func(t *testing.T) { testStorm(t, true) })
	t.Run("clients that say nothing", func(t *testing.T) { testStorm(t, false) })
}

func testStorm(t *testing.T, says bool) {
	synctest.Test(t, func(t *testing.T) {
		// Two at once, 20 ms each: a hundred in a second.
		a := newArena(t, limited("{mode: fixed, limit: 2, queue: {length: 4}}", "", ""))
		u := a.proxy.gen.Load().upstreams["service"]
		log := &capture{}
		u.inbound.log = slog.New(slog.NewTextHandler(log, nil))
		books := a.keepBooks()
		c := &rush{arena: a, says: says, answers: map[string]int{}}

		c.run(time.Second+300*time.Millisecond, 5)
		if s := u.inbound.detector.State(); s != storm.Storm {
			t.Errorf("after a second: %v, %+v", s, u.inbound.detector.Status(time.Now()))
		}
		clear(c.answers)
		c.retried = 0
		c.run(5*time.Second, 5)
		useful, refused := c.count("200"), c.count("429", "X-Envoy-Ratelimited: true, X-Should-Retry: false")
		if useful < 475 || c.retried*10 > useful+5 {
			t.Errorf("%d answered, %d of them retries: %v", useful, c.retried, c.answers)
		}
		if refused < 1500 || refused != c.count("429") || c.count("503") > 0 {
			t.Errorf("%d were told to stop: %v", refused, c.answers)
		}
		if sheds := a.endpoint().limiter.Status(time.Now()).Sheds; !strings.Contains(fmt.Sprint(sheds), "retry_budget") {
			t.Errorf("counted %v", sheds)
		}
		st := a.proxy.Status().Upstreams[0].Storm
		if st.Mode != "bound" || st.State != "storm" || st.Recent.Amplification < 1.5 || !st.Budget.Bound || st.Told["stop"] < 1500 || st.Retries[0].Seen+st.Retries[1].Seen < 1400 || (st.Retries[0].Seen > 0) != says ||
			len(st.Changes) == 0 || len(st.Classes) != 1 || st.Classes[0].Class != "all" || len(st.Clients) != 1 || st.Clients[0].Share != 1 || st.Entered["storm"] == 0 {
			t.Errorf("told of as %+v", st)
		}
		takes(time.Minute)
		synctest.Wait()
		if s := u.inbound.detector.State(); s != storm.Calm || u.inbound.runs {
			t.Errorf("a minute later: %v, time passes %v", s, u.inbound.runs)
		}
		for _, want := range []string{"level=WARN", "upstream=service", "to=storm", "to=calm", "were retries"} {
			if !strings.Contains(log.lines.String(), want) {
				t.Errorf("no %q in the log:\n%s", want, log.lines.String())
			}
		}
		books.balance(t)
	})
}

// TestRetriesOfAFailingService: nothing is over the limit, the service fails at
// once, and each failure is asked for four times. First attempts go on being
// passed on, retries hardly, whether they say so or not.
func TestRetriesOfAFailingService(t *testing.T) {
	for _, says := range []bool{true, false} {
		t.Run(fmt.Sprintf("says so: %v", says), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArena(t, limited("{mode: fixed, limit: 100}", "", ""))
				books := a.keepBooks()
				c := &rush{arena: a, path: "/500", says: says, answers: map[string]int{}}
				c.run(time.Second, 5)
				first, sent := c.clients, len(a.arrived)
				clear(c.answers)
				c.run(5*time.Second, 5)
				first, sent = c.clients-first, len(a.arrived)-sent
				if retries := sent - first; first != 1000 || retries > 50 || retries < 1 {
					t.Errorf("of %d requests %d were sent again: %v", first, retries, c.answers)
				}
				if n := c.count("retry_budget"); n < 900 {
					t.Errorf("%d over the budget: %v", n, c.answers)
				}
				synctest.Wait()
				sheds := a.endpoint().limiter.Status(time.Now()).Sheds
				if len(sheds) != 1 || sheds[0].Reason != "retry_budget" || sheds[0].Retries != sheds[0].Count || sheds[0].Count < 900 {
					t.Errorf("counted %+v", sheds)
				}
				books.balance(t)
			})
		})
	}
}

// TestStormOfThoseWhoHeed: clients that do as they are told make no storm: far
// fewer attempts than those that are told nothing, and hardly fewer answers.
func TestStormOfThoseWhoHeed(t *testing.T) {
	attempts := func(settings string, heeds bool) (all, useful int) {
		synctest.Test(t, func(t *testing.T) {
			a := newArena(t, limited("{mode: fixed, limit: 2, queue: {length: 4}}, storm: {"+settings+"}", "", ""))
			c := &rush{arena: a, heeds: heeds, answers: map[string]int{}}
			c.run(5*time.Second, 5)
			all, useful = c.count(), c.count("200")
		})
		return all, useful
	}
	plain, plainUseful := attempts("mode: off", false)
	told, toldUseful := attempts("mode: bound", true)
	t.Logf("told nothing: %d attempts, %d answered; told: %d and %d", plain, plainUseful, told, toldUseful)
	if retries := told - 1000; retries*5 > plain-1000 || toldUseful*100 < plainUseful*95 {
		t.Errorf("%d attempts for %d answers, where nothing is told %d for %d", told, toldUseful, plain, plainUseful)
	}
}

// TestObserve: the same storm, only watched: nothing is refused for being a
// retry, and nobody is told anything.
func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArena(t, limited("{mode: fixed, limit: 2, queue: {length: 4}}, storm: {mode: observe}", "", ""))
		c := &rush{arena: a, says: true, answers: map[string]int{}}
		c.run(3*time.Second, 5)
		in := a.proxy.gen.Load().upstreams["service"].inbound
		if s := in.detector.State(); s != storm.Storm {
			t.Errorf("%v", s)
		}
		if n := c.count("retry_budget") + c.count("Ratelimited") + c.count("Retry-After"); n > 0 {
			t.Errorf("%v", c.answers)
		}
	})
}

// TestStormOff: nothing is known, and what requests say of themselves still counts.
func TestStormOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArena(t, limited("{mode: fixed, limit: 1, queue: {length: 0}}, storm: {mode: off}", "", ""))
		if in := a.proxy.gen.Load().upstreams["service"].inbound; in != nil || a.proxy.Status().Upstreams[0].Storm != nil {
			t.Fatalf("%+v", in)
		}
		a.ask("/hold")
		if q := a.ask("/", "X-Envoy-Attempt-Count: 2"); q.status() != 503 || tells(q.resp.Header) != "" {
			t.Errorf("%d %v", q.status(), q.resp.Header)
		}
		if s := a.endpoint().limiter.Status(time.Now()).Sheds; len(s) != 1 || s[0].Retries != 1 {
			t.Errorf("%v", s)
		}
		a.release <- struct{}{}
	})
}

// patient is a detector whose clients leave after a time.
type patient struct {
	detector
	state storm.State
	waits time.Duration
}

func (p *patient) State() storm.State                            { return p.state }
func (p *patient) Patience(*storm.Request) (time.Duration, bool) { return p.waits, true }

// TestPatience: in a storm, a request doesn't wait for a place that it would
// get when its client has left. What can be begun at once is, whatever is
// believed of its client; the upstream hears nothing of that.
func TestPatience(t *testing.T) {
	const short = 15 * time.Millisecond
	for _, test := range []struct {
		name   string
		mode   string
		state  storm.State
		waits  time.Duration
		full   bool
		header string
		want   int
	}{
		{"too short", "bound", storm.Storm, short, true, "X-A: b", 429},
		{"with room", "bound", storm.Storm, short, false, "X-A: b", 200},
		{"long enough", "bound", storm.Storm, 50 * time.Millisecond, true, "X-A: b", 200},
		{"calm", "bound", storm.Calm, short, true, "X-A: b", 200},
		{"watched", "bound", storm.Watch, short, true, "X-A: b", 200},
		{"recovering", "bound", storm.Recovering, short, true, "X-A: b", 200},
		{"observed", "observe", storm.Storm, short, true, "X-A: b", 200},
		{"the client says less", "bound", storm.Storm, time.Minute, true, "X-Envoy-Expected-Rq-Timeout-Ms: 15", 429},
		{"the client says less, with room", "bound", storm.Storm, time.Minute, false, "X-Envoy-Expected-Rq-Timeout-Ms: 15", 429},
		{"the client says more", "bound", storm.Storm, short, true, "X-Envoy-Expected-Rq-Timeout-Ms: 50", 429},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArena(t, limited("{mode: adaptive, max: 1, initial: 1}, storm: {mode: "+test.mode+"}", "", "forwarding: {trusted: [192.0.2.1]}"))
				for range 50 {
					a.ask("/slow").status()
				}
				in := a.proxy.gen.Load().upstreams["service"].inbound
				in.detector = &patient{in.detector, test.state, test.waits}
				if test.full {
					a.ask("/hold")
				}
				q := a.ask("/slow", test.header)
				takes(5 * time.Millisecond)
				if test.full {
					a.release <- struct{}{}
				}
				if got := q.status(); got != test.want {
					t.Errorf("%d, want %d", got, test.want)
				}
				takes(50 * time.Millisecond)
				if test.header == "X-A: b" && a.header.Get("X-Envoy-Expected-Rq-Timeout-Ms") != "" {
					t.Error("the upstream is told what was only inferred")
				}
			})
		})
	}
}

// TestOwnTimeouts: clients whose time is too short for a service that is well
// say nothing of it, and of others' retries.
func TestOwnTimeouts(t *testing.T) {
	for _, timeout := range []string{"1n", "5m"} {
		synctest.Test(t, func(t *testing.T) {
			a := newArena(t, limited("{mode: adaptive}", "", ""))
			in := a.proxy.gen.Load().upstreams["service"].inbound
			for range 50 {
				a.ask("/slow").status()
			}
			for i := range 100 {
				a.ask("/slow", "Grpc-Timeout: "+timeout).status()
				if got := a.ask("/", fmt.Sprintf("X-Stainless-Retry-Count: %d", 2+i%2)).status(); i > 20 && got != 200 {
					t.Fatalf("%s: a third attempt is refused with %d: %+v", timeout, got, in.detector.Status(time.Now()))
				}
				takes(150 * time.Millisecond)
			}
			if s := in.detector.Status(time.Now()); s.Entered["storm"] > 0 || s.Traffic.Failed+s.Traffic.Shed > 0 {
				t.Errorf("%s: %+v", timeout, s)
			}
		})
	}
}

// TestInboundOverReloads: what is known of the clients stays while its settings
// do, and the learned limits stay also when they change.
func TestInboundOverReloads(t *testing.T) {
	up := service(t, func(http.ResponseWriter, *http.Request) {})
	yaml := func(settings string) string { return limited("{mode: adaptive}, "+settings, "", "") }
	p := start(t, yaml("storm: {percent: 20}"), up.URL, Options{})
	find := func() (*inbound, *limiter.Limiter) {
		u := p.gen.Load().upstreams["service"]
		return u.inbound, u.endpoints[0].limiter
	}
	in, l := find()
	reload := func(settings string) {
		t.Helper()
		if err := p.Reload(parse(t, yaml(settings), up.URL)); err != nil {
			t.Fatal(err)
		}
	}
	reload("storm: {percent: 20}, maxConnections: 7")
	if again, same := find(); again != in || same != l {
		t.Error("another setting changed, and all was forgotten")
	}
	reload("storm: {percent: 30}, maxConnections: 7")
	if again, same := find(); again == in || again.cfg.Percent != 30 || same != l {
		t.Error("the settings aren't in force, or the limit was forgotten")
	}
	reload("storm: {mode: off}, maxConnections: 7")
	if again, same := find(); again != nil || same != l {
		t.Error("it isn't off, or the limit was forgotten")
	}
}

// TestAccountsOverExpress: a request that is looked at below net/http and then
// served is counted once, whatever happens in between.
func TestAccountsOverExpress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const plain = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
		a := newArena(t, limited("{mode: fixed, limit: 1, queue: {length: 0}}", "", ""))
		books := a.keepBooks()
		held := a.ask("/hold")
		q, e := a.connectExpress()
		q.exchange(plain, 1)
		e.answered = 0 // net/http takes the first apart
		for range 2 {
			q.exchange(plain, 1)
		}
		a.release <- struct{}{}
		held.status()
		if got := q.exchange(plain, 1); got != "200" || e.answered != 2 || e.account.in != nil {
			t.Errorf("%s, %d answered; its account is %+v", got, e.answered, e.account.in)
		}
		synctest.Wait()
		if books.opened != 5 || books.closed[storm.Shed] != 3 || books.closed[storm.Useful] != 2 {
			t.Errorf("%d opened, %v closed", books.opened, books.closed)
		}
		// Another configuration takes over between the two looks.
		other := a.proxy.gen.Load().upstreams["service"].inbound
		r := httptest.NewRequest("GET", "/", nil)
		x := &exchange{facts: facts{r: r, gen: a.proxy.gen.Load(), conn: &clientConn{express: e}, route: a.proxy.gen.Load().router.find("h", r.URL), start: time.Now()}}
		x.arrive(x.start)
		e.leaveAccount(&x.account, x.start)
		next := &Upstream{inbound: &inbound{cfg: other.cfg, detector: &scripted{}}}
		y := &exchange{facts: facts{r: r, gen: x.gen, route: &route{upstream: next}, start: time.Now()}}
		y.account = x.conn.takeAccount(r)
		y.arrive(y.start)
		if y.account.in != next.inbound {
			t.Error("it is in another's books")
		}
		// The connection ends before the request gets to its handler.
		x.arrive(x.start)
		e.leaveAccount(&x.account, x.start)
		e.ends()
		e.ends()
		books.balance(t)
	})
}

// TestStormLines: the log has no line for each of many changes.
func TestStormLines(t *testing.T) {
	log := &capture{}
	flips := &patient{detector: storm.New(storm.Config{}, clock.At(0))}
	in := newInbound(&parse(t, limited("{mode: fixed, limit: 1}", "", ""), "http://10.0.0.1").Upstreams[0], slog.New(slog.NewTextHandler(log, nil)), nil, clock.At(0))
	in.detector, in.runs = flips, true
	for i := range 100 {
		flips.state = storm.State(1 + i%2)
		in.look(clock.At(0))
		in.look(clock.At(0))
	}
	in.look(clock.At(0))
	if n := strings.Count(log.lines.String(), "\n"); n != stormLines {
		t.Errorf("%d lines", n)
	}
	flips.state = storm.Watch
	in.look(clock.At(stormLineEvery))
	if !strings.HasSuffix(log.lines.String(), " suppressed=90\n") {
		t.Errorf("the last line says\n%s", log.lines.String())
	}
}

// TestConcurrentAccounts: many requests at once, while the state changes.
func TestConcurrentAccounts(t *testing.T) {
	up := service(t, func(w http.ResponseWriter, r *http.Request) {
		if rand.IntN(3) == 0 {
			w.WriteHeader(500)
		}
	})
	p := start(t, limited("{mode: fixed, limit: 2, queue: {length: 1}}", "", ""), up.URL, Options{})
	in := p.gen.Load().upstreams["service"].inbound
	books := &bookkeeper{detector: in.detector}
	in.detector = books
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 100 {
				r := httptest.NewRequest("GET", fmt.Sprintf("/%d", i%7), nil)
				r.Header.Set("X-Envoy-Attempt-Count", fmt.Sprint(1+i%3))
				p.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
	all.Wait()
	books.balance(t)
}

// BenchmarkAccount is what a request costs that is let in while all is calm:
// its signals and its fingerprint are read, and its account is kept.
func BenchmarkAccount(b *testing.B) {
	up := httptest.NewServer(http.NotFoundHandler())
	defer up.Close()
	p, err := New(parse(b, limited("{mode: fixed, limit: 1}", "", ""), up.URL), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	for name, lines := range map[string][]string{
		"plain":      {"GET /a/path?with=query", "Accept: */*", "User-Agent: x"},
		"request id": {"GET /a/path?with=query", "Accept: */*", "User-Agent: x", "X-Request-Id: 0af7651916cd43dd8448eb211c80319c"},
		"AWS":        {"POST /", "User-Agent: x", "Amz-Sdk-Request: attempt=1; max=3", "Amz-Sdk-Invocation-Id: 5e8fa1b2-0000-4000-8000-000000000000"},
	} {
		b.Run(name, func(b *testing.B) {
			x := exchangeOf(b, lines...)
			x.gen, x.clientHash = p.gen.Load(), 7
			x.route = x.gen.router.find("h", x.r.URL)
			now := clock.At(0)
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(50 * time.Microsecond)
				x.arrive(now)
				if x.overBudget(now) {
					b.Fatal("refused")
				}
				x.account.settle(storm.Useful)
				x.account.close(now)
			}
		})
	}
}
