package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// asking is a request under way.
type asking struct {
	o    *origin
	conn net.Conn
	br   *bufio.Reader
	resp *http.Response
}

// ask sends a request and doesn't wait for its answer.
func (o *origin) ask(path string, header ...string) *asking {
	o.t.Helper()
	c := o.connect()
	var lines strings.Builder
	for _, line := range header {
		lines.WriteString(line + "\r\n")
	}
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: example.com\r\n%s\r\n", path, lines.String())
	return &asking{o: o, conn: c, br: bufio.NewReader(c)}
}

// begins waits for the answer's header.
func (a *asking) begins() *http.Response {
	a.o.t.Helper()
	req, _ := http.NewRequest("GET", "http://example.com/", nil)
	var err error
	if a.resp, err = http.ReadResponse(a.br, req); err != nil {
		a.o.t.Fatal(err)
	}
	return a.resp
}

// reads reads so much of the body as is expected.
func (a *asking) reads(want string) {
	a.o.t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(a.resp.Body, got); err != nil || string(got) != want {
		a.o.t.Errorf("read %q, %v; want %q", got, err, want)
	}
}

// ends reads the body to its end.
func (a *asking) ends(want string) {
	a.o.t.Helper()
	rest, err := io.ReadAll(a.resp.Body)
	if err != nil || string(rest) != want {
		a.o.t.Errorf("the rest is %q, %v; want %q", rest, err, want)
	}
}

// paced answers in steps: each value of step is a piece of the body, which goes
// out at once; an empty one cuts it off.
type paced struct {
	header []string
	step   chan string
}

func newPaced(header ...string) *paced { return &paced{header, make(chan string)} }

func (p *paced) serve(w http.ResponseWriter, r *http.Request) {
	gives("", p.header...)(w, r)
	http.NewResponseController(w).Flush()
	for piece := range p.step {
		if piece == "" {
			panic(http.ErrAbortHandler)
		}
		io.WriteString(w, piece)
		http.NewResponseController(w).Flush()
	}
}

// TestAllReadOneFetch: who asks for what is being fetched gets its bytes as they
// come, also when the one whose fetch it was has left.
func TestAllReadOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := newPaced("Cache-Control: max-age=60")
		o := newOrigin(t, caches("", "", ""), slow.serve)
		first := o.ask("/")
		synctest.Wait()
		second := o.ask("/")
		if said := first.begins().Header.Get("Cache-Status"); said != "levee; fwd=uri-miss; stored; ttl=60" {
			t.Errorf("the first one's status is %q", said)
		}
		if said := second.begins().Header.Get("Cache-Status"); said != "levee; fwd=uri-miss; collapsed; ttl=60" && said != "levee; fwd=uri-miss; stored; collapsed; ttl=60" {
			t.Errorf("the second one's status is %q", said)
		}
		slow.step <- "one "
		first.reads("one ")
		second.reads("one ")
		first.conn.Close()
		synctest.Wait()
		slow.step <- "two "
		second.reads("two ")
		third := o.ask("/")
		third.begins()
		third.reads("one two ")
		close(slow.step)
		second.ends("")
		third.ends("")
		if n := o.asked(); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
		synctest.Wait() // until all is stored: answers may end before
		if r := o.get("/"); r.body != "one two " || !strings.Contains(r.status(), "hit") {
			t.Errorf("%q %q", r.body, r.status())
		}
	})
}

// TestFetchOutlivesItsClient: nobody waits any more, and it is stored all the same.
func TestFetchOutlivesItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := newPaced("Cache-Control: max-age=60")
		o := newOrigin(t, caches("", "", ""), slow.serve)
		only := o.ask("/")
		only.begins()
		only.conn.Close()
		synctest.Wait()
		slow.step <- "all"
		close(slow.step)
		synctest.Wait()
		if r := o.get("/"); r.body != "all" || !strings.Contains(r.status(), "hit") || o.asked() != 1 {
			t.Errorf("%q %q", r.body, r.status())
		}
	})
}

// TestUncacheableGoesThroughTheLimiter: when an answer turns out to be for one
// client alone, the others go on by themselves, never more at once than may.
func TestUncacheableGoesThroughTheLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := newPaced("Cache-Control: private")
		o := newOrigin(t, caches("", "", ""), slow.serve)
		var all []*asking
		for range 10 {
			all = append(all, o.ask("/"))
			synctest.Wait()
		}
		// The first one's answer has begun and is its own: of the other nine, three
		// have found a permit, and the rest was refused.
		s := o.proxy.Status()
		if n := o.asked(); n != 4 || s.Upstreams[0].Endpoints[0].Admission.Inflight != 4 || s.Cache.Waiting != 0 {
			t.Errorf("%d requests, %+v, %+v", n, s.Upstreams[0].Endpoints[0].Admission, s.Cache)
		}
		close(slow.step)
		refused := 0
		for _, a := range all {
			if a.begins(); a.resp.StatusCode == 503 {
				refused++
			}
		}
		if refused != 6 {
			t.Errorf("%d refused, want 6", refused)
		}
		synctest.Wait()
		if r := o.get("/"); r.status() != "levee; fwd=uri-miss" {
			t.Errorf("%q", r.status())
		}
	})
}

// TestTruncatedAnswersAreNotStored, and nobody takes one for the whole.
func TestTruncatedAnswersAreNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := newPaced("Cache-Control: max-age=60", "Content-Length: 100")
		o := newOrigin(t, caches("", "", ""), slow.serve)
		first, second := o.ask("/"), o.ask("/")
		slow.step <- "part"
		first.begins()
		second.begins()
		slow.step <- ""
		for _, a := range []*asking{first, second} {
			if rest, err := io.ReadAll(a.resp.Body); err == nil || string(rest) != "part" {
				t.Errorf("read %q, %v", rest, err)
			}
		}
		o.asked()
		o.says(gives("whole", "Cache-Control: max-age=60"))
		o.wants(o.get("/"), 200, "whole", "levee; fwd=uri-miss; stored; ttl=60", 1)
	})
}

// TestVariants: each gets its own, also of those who waited for another's.
func TestVariants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		o := newOrigin(t, caches("", "", ""), func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Vary", "Accept-Language")
			w.Header().Set("Cache-Control", "max-age=60")
			<-release
			io.WriteString(w, r.Header.Get("Accept-Language"))
		})
		all := map[string][]*asking{}
		for _, language := range []string{"de", "en", "de", "fr", "en"} {
			all[language] = append(all[language], o.ask("/", "Accept-Language: "+language))
		}
		synctest.Wait()
		if n := o.asked(); n != 1 {
			t.Errorf("%d requests, want 1: it isn't known yet that there are variants", n)
		}
		close(release)
		for language, askings := range all {
			for _, a := range askings {
				a.begins()
				a.ends(language)
			}
		}
		if n := o.asked(); n != 2 {
			t.Errorf("%d further requests, want 2", n)
		}
		synctest.Wait() // until all is stored: answers may end before
		for _, language := range []string{"de", "en", "fr"} {
			if r := o.get("/", "Accept-Language: "+language); r.body != language || !strings.Contains(r.status(), "hit") {
				t.Errorf("%q %q", r.body, r.status())
			}
		}
	})
}

// TestARefusalIsToldToAllWhoWaited: a leader that is refused doesn't make each
// of the others try, and none of them waits for ever.
func TestARefusalIsToldToAllWhoWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		o := newOrigin(t, strings.Replace(caches("", "", ""), "queue: {length: 0}", "queue: {length: 1}", 1), func(w http.ResponseWriter, r *http.Request) { <-hold })
		for i := range 4 {
			o.ask(fmt.Sprintf("/hold%d", i))
		}
		synctest.Wait()
		o.asked()
		var all []*asking
		for range 20 {
			all = append(all, o.ask("/"))
		}
		began := time.Now()
		for _, a := range all {
			if a.begins(); a.resp.StatusCode != 503 || a.resp.Header.Get(signals.ShedHeader) == "" {
				t.Errorf("%d %v", a.resp.StatusCode, a.resp.Header)
			}
		}
		if n, took := o.asked(), time.Since(began); n != 0 || took > 10*time.Second {
			t.Errorf("%d requests, after %v", n, took)
		}
		close(hold)
	})
}

// TestAFailureIsTriedByOneAtATime: who waited behind one that failed takes over,
// after a pause, and the rest waits on.
func TestAFailureIsTriedByOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		o := newOrigin(t, caches("", "", ""), func(w http.ResponseWriter, r *http.Request) {
			n++
			if n == 1 {
				time.Sleep(time.Millisecond)
				w.Header().Set("X-Own", "1")
				w.WriteHeader(500)
				io.WriteString(w, "oh")
				return
			}
			gives("fine", "Cache-Control: max-age=60")(w, r)
		})
		first := o.ask("/")
		synctest.Wait()
		second, third := o.ask("/"), o.ask("/")
		// The first gets the upstream's own words.
		if first.begins(); first.resp.StatusCode != 500 || first.resp.Header.Get("X-Own") != "1" {
			t.Errorf("%d %v", first.resp.StatusCode, first.resp.Header)
		}
		first.ends("oh")
		for _, a := range []*asking{second, third} {
			a.begins()
			a.ends("fine")
		}
		if o.asked() != 2 {
			t.Error("more than one took over")
		}
	})
}

// TestRefreshes: of a stale answer there is one at a time, and where it is
// refused or fails, one later.
func TestRefreshes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, caches(", staleWhileRevalidate: 1h", "", ""), gives("one", "Cache-Control: max-age=1"))
		o.get("/")
		time.Sleep(2 * time.Second)
		o.asked()
		o.says(fails(503))
		for range 10 {
			if r := o.get("/"); r.body != "one" {
				t.Errorf("%d %q", r.StatusCode, r.body)
			}
		}
		synctest.Wait()
		if n := o.asked(); n != 1 {
			t.Errorf("%d refreshes, want 1", n)
		}
		time.Sleep(2 * time.Second)
		hold := make(chan struct{})
		o.says(func(w http.ResponseWriter, r *http.Request) {
			<-hold
			gives("two", "Cache-Control: max-age=60")(w, r)
		})
		for range 10 {
			if r := o.get("/"); r.body != "one" {
				t.Errorf("%d %q", r.StatusCode, r.body)
			}
		}
		synctest.Wait()
		if n := o.asked(); n != 1 {
			t.Errorf("%d refreshes, want 1", n)
		}
		close(hold)
		synctest.Wait()
		if r := o.get("/"); r.body != "two" || !strings.HasPrefix(r.status(), "levee; hit; ttl=") {
			t.Errorf("%q %q", r.body, r.status())
		}
		for range 40 { // each of these is asked as its end comes near
			time.Sleep(time.Second)
			o.get("/")
		}
		synctest.Wait()
		if e := o.proxy.gen.Load().upstreams["service"].endpoints[0]; e.refreshes.Load() != 0 || e.limiter.Free(time.Now()) != 4 {
			t.Errorf("%d refreshes are counted, %d permits free", e.refreshes.Load(), e.limiter.Free(time.Now()))
		}
	})
}

// TestRefreshesLeaveRoom: many keys expire at once, and what somebody waits for
// finds a permit all the same.
func TestRefreshesLeaveRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, caches(", staleWhileRevalidate: 1h", "", ""), gives("one", "Cache-Control: max-age=1"))
		for i := range 50 {
			o.get(fmt.Sprintf("/%d", i))
		}
		time.Sleep(2 * time.Second)
		o.asked()
		hold := make(chan struct{})
		o.says(func(http.ResponseWriter, *http.Request) { <-hold })
		for i := range 50 {
			if r := o.get(fmt.Sprintf("/%d", i)); r.body != "one" {
				t.Errorf("%d %q", r.StatusCode, r.body)
			}
		}
		synctest.Wait()
		if n := o.asked(); n == 0 || n > 2 {
			t.Errorf("%d refreshes of 4 permits, want 1 or 2", n)
		}
		close(hold)
	})
}

// TestFallbackWithoutCache: a route may have only that.
func TestFallbackWithoutCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yaml := limited("{mode: fixed, limit: 1, queue: {length: 0}}, retry: {attempts: 0}", ", fallback: {body: '{}', headers: [{name: content-type, value: application/json}]}", "")
		o := newOrigin(t, yaml, breaks)
		r := o.get("/")
		o.wants(r, 200, "{}", "levee; fwd=bypass; detail=fallback-error", 1)
		if r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Content-Length") != "2" {
			t.Errorf("%v", r.Header)
		}
		o.wants(o.send("HEAD", "/"), 200, "", "levee; fwd=bypass; detail=fallback-error", 1)
		if r = o.send("POST", "/", "Content-Length: 0"); r.StatusCode != 502 || r.status() != "" {
			t.Errorf("a POST got %d %v", r.StatusCode, r.Header)
		}
		o.asked()
		o.says(fails(404))
		o.wants(o.get("/"), 404, "", "", 1)
	})
}

// TestInterimAnswers reach the client whose request was sent, and nobody else:
// they are neither shared nor stored.
func TestInterimAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		under, answer := make(chan struct{}), make(chan struct{})
		o := newOrigin(t, caches("", "", ""), func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			close(under)
			<-answer
			w.Header().Del("Link")
			gives("one", "Cache-Control: max-age=60")(w, r)
		})
		ask := func() func() string {
			c := o.connect()
			fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n")
			return func() string {
				all, _ := io.ReadAll(c)
				return string(all)
			}
		}
		first := ask()
		<-under
		second := ask()
		synctest.Wait()
		close(answer)
		const early = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\n"
		if got := first(); !strings.HasPrefix(got, early) || strings.Count(got, "Link") != 1 || !strings.HasSuffix(got, "one") {
			t.Errorf("its own client got %q", got)
		}
		if got := second(); !strings.HasPrefix(got, "HTTP/1.1 200 OK") || strings.Contains(got, "Link") || !strings.Contains(got, "collapsed") {
			t.Errorf("who waited got %q", got)
		}
		synctest.Wait()
		if got := ask()(); !strings.HasPrefix(got, "HTTP/1.1 200 OK") || strings.Contains(got, "Link") || !strings.Contains(got, "hit") {
			t.Errorf("from the cache came %q", got)
		}
	})
}
