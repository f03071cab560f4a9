package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/levee-proxy/levee/proxy/internal/signals"
)

// keyed is a configuration with a guarded route. What more is appended to its
// idempotency settings.
func keyed(more string) string {
	return strings.Replace(simple, "upstream: service}]", "upstream: service, idempotency: {mode: optional"+more+"}}]", 1)
}

// post sends a keyed request. No key: none is sent.
func post(t *testing.T, url, key, body string, header ...string) (*http.Response, string) {
	t.Helper()
	resp, text, err := tryPost(t.Context(), url, key, body, header...)
	if err != nil {
		t.Fatal(err)
	}
	return resp, text
}

func tryPost(ctx context.Context, url, key, body string, header ...string) (*http.Response, string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	if key != "" {
		r.Header.Set(signals.IdempotencyKeyHeader, key)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp, string(text), err
}

// wantGuard checks an answer of the guard's own.
func wantGuard(t *testing.T, resp *http.Response, status int, words string) {
	t.Helper()
	if said := resp.Header.Get("Proxy-Status"); resp.StatusCode != status || !strings.Contains(said, words) {
		t.Errorf("got %d %q, want %d with %q", resp.StatusCode, said, status, words)
	}
}

func TestKeyedRequests(t *testing.T) {
	var calls atomic.Int64
	up := service(t, func(w http.ResponseWriter, r *http.Request) {
		n := calls.Add(1)
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Call", fmt.Sprint(n))
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, "%s %d", body, n)
	})
	p := start(t, keyed(""), up.URL, Options{})

	resp, body := post(t, p.url+"/charge", "k1", "10 EUR")
	if resp.StatusCode != 201 || body != "10 EUR 1" || resp.Header.Get(replayedHeader) != "" {
		t.Fatalf("first: %d %q %v", resp.StatusCode, body, resp.Header)
	}
	for _, form := range []string{"k1", `"k1"`} { // one key in both forms
		resp, body = post(t, p.url+"/charge", form, "10 EUR")
		if resp.StatusCode != 201 || body != "10 EUR 1" || resp.Header.Get(replayedHeader) != "true" || resp.Header.Get("X-Call") != "1" {
			t.Fatalf("twin: %d %q %v", resp.StatusCode, body, resp.Header)
		}
	}
	resp, _ = post(t, p.url+"/charge", "k1", "20 EUR")
	wantGuard(t, resp, 422, "was used for another request")
	resp, _ = post(t, p.url+"/charge", "k1", "20 EUR", "Content-Type", "application/grpc")
	if resp.StatusCode != 200 || resp.Header.Get("Grpc-Status") != "3" {
		t.Errorf("a gRPC call: %d %v", resp.StatusCode, resp.Header)
	}
	resp, _ = post(t, p.url+"/other", "k1", "10 EUR")
	wantGuard(t, resp, 422, "was used for another request")
	resp, _ = post(t, p.url+"/charge", strings.Repeat("x", 256), "10 EUR")
	wantGuard(t, resp, 400, "from 1 to 255 characters")
	resp, _ = post(t, p.url+"/charge", "k2", strings.Repeat("x", 2<<20))
	wantGuard(t, resp, 413, "is limited")
	if !resp.Close { // too much is left of its body
		t.Error("the answer doesn't say that it is the last on its connection")
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
	for range 2 { // without a key each one is for itself
		post(t, p.url+"/charge", "", "10 EUR")
	}
	if n := calls.Load(); n != 3 {
		t.Errorf("%d calls, want 3", n)
	}
	s := p.Status().Idempotency
	if r := s.Routes[0].Results; r["first"] != 1 || r["replayed"] != 2 || r["mismatch"] != 3 || r["malformed"] != 1 || r["too_large"] != 1 {
		t.Errorf("counted %v", r)
	}
	if s.Keys != 1 || s.BodyBytes != 0 || s.Waiting != 0 {
		t.Errorf("status %+v", s)
	}
}

func TestKeyRequired(t *testing.T) {
	up := service(t, func(http.ResponseWriter, *http.Request) {})
	p := start(t, strings.Replace(keyed(""), "optional", "required, methods: [POST, PUT]", 1), up.URL, Options{})
	resp, _ := post(t, p.url, "", "x")
	wantGuard(t, resp, 400, "needs an Idempotency-Key")
	if resp, _ := get(t, p.url); resp.StatusCode != 200 {
		t.Errorf("a GET got %d", resp.StatusCode)
	}
}

// Identity is a part of the key: nobody gets another's answer by its key.
func TestKeysBelongToClients(t *testing.T) {
	up := service(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Header.Get("X-Client")) })
	p := start(t, keyed("")+"clients: {identity: \"header:X-Client\"}\n", up.URL, Options{})
	long := strings.Repeat("a", 200) // not cut, unlike where clients are only told apart
	for _, client := range []string{"alice", "bob", long + "1", long + "2"} {
		if resp, body := post(t, p.url, "same", "x", "X-Client", client); body != client || resp.Header.Get(replayedHeader) != "" {
			t.Errorf("%s got the answer of %s", client, body)
		}
	}
}

// Twins that come while the first is under way get its answer, and only it
// reaches the upstream.
func TestTwinsJoin(t *testing.T) {
	var calls atomic.Int64
	release := make(chan struct{})
	up := service(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		<-release
		io.WriteString(w, "once")
	})
	p := start(t, keyed(""), up.URL, Options{})
	var wg sync.WaitGroup
	var replayed atomic.Int64
	for range 8 {
		wg.Go(func() {
			resp, body, err := tryPost(t.Context(), p.url, "k", "x")
			if err != nil || resp.StatusCode != 200 || body != "once" {
				t.Errorf("%v %q %v", resp, body, err)
				return
			}
			if resp.Header.Get(replayedHeader) == "true" {
				replayed.Add(1)
			}
		})
	}
	eventually(t, "seven wait", func() bool { return p.Status().Idempotency.Waiting == 7 })
	close(release)
	wg.Wait()
	if calls.Load() != 1 || replayed.Load() != 7 {
		t.Errorf("%d calls, %d replayed", calls.Load(), replayed.Load())
	}
}

// A client that leaves finds its answer when it comes back.
func TestRunOutlivesItsClient(t *testing.T) {
	var calls atomic.Int64
	came, release := make(chan struct{}), make(chan struct{})
	up := service(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		close(came)
		<-release
		io.WriteString(w, "done")
	})
	p := start(t, keyed(""), up.URL, Options{})
	ctx, leave := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _, _, _ = tryPost(ctx, p.url, "k", "x") })
	<-came
	leave()
	wg.Wait()
	close(release)
	resp, body := post(t, p.url, "k", "x")
	if body != "done" || resp.Header.Get(replayedHeader) != "true" || calls.Load() != 1 {
		t.Errorf("%q %v, %d calls", body, resp.Header, calls.Load())
	}
	eventually(t, "nothing is inflight", func() bool { return p.Status().Inflight == 0 })
}

// What the upstream answers is final, a failure too, unless it says that it
// did nothing.
func TestWhichAnswersAreFinal(t *testing.T) {
	for _, c := range []struct {
		status int
		shed   string
		final  bool
	}{
		{200, "", true},
		{302, "", true},
		{400, "", true},
		{404, "", true},
		{500, "", true},
		{502, "", true},
		{503, "", true},
		{408, "", false},
		{425, "", false},
		{429, "", false},
		{503, "overload", false},
		{500, "overload", true},
	} {
		var calls atomic.Int64
		up := service(t, func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			if c.shed != "" {
				w.Header().Set(signals.ShedHeader, c.shed)
			}
			w.WriteHeader(c.status)
		})
		p := start(t, keyed(""), up.URL, Options{})
		transport := http.DefaultTransport.(*http.Transport).Clone()
		client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		for range 2 {
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url, strings.NewReader("x"))
			r.Header.Set(signals.IdempotencyKeyHeader, "k")
			resp, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != c.status {
				t.Errorf("%d %s: got %d", c.status, c.shed, resp.StatusCode)
			}
		}
		transport.CloseIdleConnections()
		if want := map[bool]int64{true: 1, false: 2}[c.final]; calls.Load() != want {
			t.Errorf("%d %q: %d calls, want %d", c.status, c.shed, calls.Load(), want)
		}
	}
}

// A request that may have been carried out, and of which no answer came, is
// never sent again.
func TestInDoubt(t *testing.T) {
	for _, c := range []struct {
		name   string
		then   func(w http.ResponseWriter)
		status int
	}{
		{"reset before the header", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, 502},
		{"reset in the body", func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "some of it")
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, 502},
	} {
		var calls atomic.Int64
		up := service(t, func(w http.ResponseWriter, r *http.Request) {
			if calls.Add(1) == 1 {
				c.then(w)
			}
		})
		p := start(t, keyed(""), up.URL, Options{})
		resp, _ := post(t, p.url, "k", "x")
		if resp.StatusCode != c.status {
			t.Errorf("%s: got %d", c.name, resp.StatusCode)
		}
		for range 2 {
			resp, _ = post(t, p.url, "k", "x")
			wantGuard(t, resp, 409, "may have been carried out")
		}
		if resp, _ := post(t, p.url, "k", "x", "Content-Type", "application/grpc"); resp.Header.Get("Grpc-Status") != "9" {
			t.Errorf("%s: a gRPC call: %v", c.name, resp.Header)
		}
		if calls.Load() != 1 {
			t.Errorf("%s: %d calls", c.name, calls.Load())
		}
		// An operator who knows better frees the key.
		_, reference, _ := strings.Cut(resp.Header.Get("Proxy-Status"), "Reference ")
		if err := p.ForgetKey(t.Context(), strings.TrimSuffix(reference, `"`)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if resp, _ = post(t, p.url, "k", "x"); resp.StatusCode != 200 || calls.Load() != 2 {
			t.Errorf("%s: a freed key: %d, %d calls", c.name, resp.StatusCode, calls.Load())
		}
		for _, wrong := range []string{reference, "", "xyz", strings.Repeat("0", 64)} {
			if p.ForgetKey(t.Context(), wrong) == nil {
				t.Errorf("%s: %q was forgotten", c.name, wrong)
			}
		}

		p = start(t, keyed(", inDoubt: pass"), up.URL, Options{})
		calls.Store(0)
		post(t, p.url, "k", "x")
		if resp, _ := post(t, p.url, "k", "x"); resp.StatusCode != 200 || calls.Load() != 2 {
			t.Errorf("%s: with inDoubt: pass: %d, %d calls", c.name, resp.StatusCode, calls.Load())
		}
	}
}

// What was never sent leaves its key free.
func TestNothingWasSent(t *testing.T) {
	up := service(t, func(http.ResponseWriter, *http.Request) {})
	url := up.URL
	up.Close()
	p := start(t, keyed(""), url, Options{})
	for range 2 {
		resp, _ := post(t, p.url, "k", "x")
		wantAnswer(t, resp, 502, errRefused)
	}
	if s := p.Status().Idempotency; s.Keys != 0 || s.Routes[0].Results["first"] != 2 {
		t.Errorf("status %+v", s)
	}
}

// An answer that is too large is streamed, and remembered as given.
func TestLargeAnswers(t *testing.T) {
	large := strings.Repeat("0123456789", 10_000)
	for _, contentType := range []string{"text/plain", "text/event-stream"} {
		var calls atomic.Int64
		up := service(t, func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			w.Header().Set("Content-Type", contentType)
			io.WriteString(w, large)
		})
		p := start(t, keyed(", answerLimit: 64KiB"), up.URL, Options{})
		if resp, body := post(t, p.url, "k", "x"); resp.StatusCode != 200 || body != large || resp.Header.Get("Content-Type") != contentType {
			t.Errorf("%s: %d, %d bytes", contentType, resp.StatusCode, len(body))
		}
		resp, _ := post(t, p.url, "k", "x")
		wantGuard(t, resp, 409, "was answered already, with status 200")
		if calls.Load() != 1 {
			t.Errorf("%s: %d calls", contentType, calls.Load())
		}
	}
}

// A store that can't be used refuses keyed requests, and nobody else.
func TestStoreFails(t *testing.T) {
	var calls atomic.Int64
	up := service(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		calls.Add(1)
		w.Write(body)
	})
	file := filepath.Join(t.TempDir(), "journal")
	if err := os.WriteFile(file, []byte("no journal at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := "idempotency: {file: \"" + file + "\"}\n"
	p := start(t, keyed("")+settings, up.URL, Options{})
	resp, _ := post(t, p.url, "k", "x")
	wantGuard(t, resp, 503, "can't be remembered now")
	if resp.Header.Get(signals.ShedHeader) != guardReason {
		t.Errorf("header %v", resp.Header)
	}
	if calls.Load() != 0 {
		t.Error("an unguarded request passed")
	}
	post(t, p.url, "", "x")
	if s := p.Status().Idempotency; calls.Load() != 1 || s.Journal.Error == "" || s.Journal.Readable || s.Routes[0].Results["store_failed"] != 1 {
		t.Errorf("%d calls, status %+v", calls.Load(), s)
	}
	p = start(t, keyed(", onStoreFailure: pass")+settings, up.URL, Options{})
	for range 2 {
		if resp, body := post(t, p.url, "k", "the body"); resp.StatusCode != 200 || body != "the body" {
			t.Errorf("%d %q", resp.StatusCode, body)
		}
	}
	if n := p.Status().Idempotency.BodyBytes; n != 0 {
		t.Errorf("%d bytes of bodies are held", n)
	}
}

// An answered key outlives a restart, with its answer.
func TestKeysOutliveARestart(t *testing.T) {
	var calls atomic.Int64
	up := service(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, calls.Add(1)) })
	yaml := keyed("") + "idempotency: {file: \"" + filepath.Join(t.TempDir(), "journal") + "\"}\n"
	p := start(t, yaml, up.URL, Options{})
	post(t, p.url, "k", "x")
	if err := p.Reload(parse(t, keyed(""), up.URL)); err == nil || !strings.Contains(err.Error(), "idempotency.file can't change") {
		t.Errorf("a reload moved the journal: %v", err)
	}
	p.Close()
	p = start(t, yaml, up.URL, Options{})
	if resp, body := post(t, p.url, "k", "x"); body != "1" || resp.Header.Get(replayedHeader) != "true" || calls.Load() != 1 {
		t.Errorf("%q, %d calls", body, calls.Load())
	}
}

// A request that waits for its twin waits no longer than its client.
func TestTwinsDeadline(t *testing.T) {
	release := make(chan struct{})
	up := service(t, func(w http.ResponseWriter, r *http.Request) { <-release })
	p := start(t, keyed("")+"forwarding: {trusted: [127.0.0.1]}\ndeadline: {header: X-Timeout}\n", up.URL, Options{})
	var wg sync.WaitGroup
	wg.Go(func() { _, _, _ = tryPost(t.Context(), p.url, "k", "x") })
	eventually(t, "the first is under way", func() bool { return p.Status().Idempotency != nil && p.Status().Idempotency.Running == 1 })
	resp, _ := post(t, p.url, "k", "x", "X-Timeout", "20ms")
	wantGuard(t, resp, 504, "the deadline was over")
	close(release)
	wg.Wait()
	// The first client's own deadline doesn't end the run either.
	late := make(chan struct{})
	slow := service(t, func(w http.ResponseWriter, r *http.Request) { <-late; io.WriteString(w, "late") })
	p = start(t, keyed("")+"forwarding: {trusted: [127.0.0.1]}\ndeadline: {header: X-Timeout}\n", slow.URL, Options{})
	resp, _ = post(t, p.url, "k", "x", "X-Timeout", "20ms")
	wantGuard(t, resp, 504, "the deadline was over")
	close(late)
	if resp, body := post(t, p.url, "k", "x"); resp.StatusCode != 200 || body != "late" {
		t.Errorf("%d %q", resp.StatusCode, body)
	}
}

// Bodies of keyed requests take as much memory as they may, all together, and
// none once they are over.
func TestBodiesAreBounded(t *testing.T) {
	release := make(chan struct{})
	up := service(t, func(http.ResponseWriter, *http.Request) { <-release })
	p := start(t, keyed("")+"idempotency: {bytes: 1MiB}\n", up.URL, Options{})
	large := strings.Repeat("x", 700<<10)
	var wg sync.WaitGroup
	wg.Go(func() { _, _, _ = tryPost(t.Context(), p.url, "k1", large) })
	eventually(t, "one is held", func() bool { return p.Status().Idempotency.Running == 1 })
	resp, _ := post(t, p.url, "k2", large)
	wantGuard(t, resp, 503, "as may")
	close(release)
	wg.Wait()
	if resp, _ := post(t, p.url, "k2", large); resp.StatusCode != 200 {
		t.Errorf("got %d", resp.StatusCode)
	}
	if n := p.Status().Idempotency.BodyBytes; n != 0 {
		t.Errorf("%d bytes are held", n)
	}
}

// A request that was refused before it was sent leaves its key free.
func TestShedKeysAreFree(t *testing.T) {
	release := make(chan struct{})
	var calls atomic.Int64
	up := service(t, func(http.ResponseWriter, *http.Request) {
		calls.Add(1)
		<-release
	})
	yaml := strings.Replace(keyed(""), `["$UPSTREAM"]`, `["$UPSTREAM"], concurrency: {mode: fixed, limit: 1, queue: {length: 0}}`, 1)
	p := start(t, yaml, up.URL, Options{})
	var wg sync.WaitGroup
	wg.Go(func() { _, _, _ = tryPost(t.Context(), p.url, "k1", "x") })
	eventually(t, "one is under way", func() bool { return calls.Load() == 1 })
	resp, _ := post(t, p.url, "k2", "x")
	if resp.Header.Get(signals.ShedHeader) != "queue_full" {
		t.Errorf("got %d %v", resp.StatusCode, resp.Header)
	}
	close(release)
	wg.Wait()
	eventually(t, "k2 goes through", func() bool {
		resp, _ := post(t, p.url, "k2", "x")
		return resp.StatusCode == 200
	})
	if calls.Load() != 2 {
		t.Errorf("%d calls", calls.Load())
	}
}

// A drain waits for what goes on without its client.
func TestDrainWaitsForRuns(t *testing.T) {
	came, release := make(chan struct{}), make(chan struct{})
	up := service(t, func(http.ResponseWriter, *http.Request) {
		close(came)
		<-release
	})
	file := filepath.Join(t.TempDir(), "journal")
	yaml := keyed("") + "idempotency: {file: \"" + file + "\"}\n"
	p := start(t, yaml, up.URL, Options{})
	ctx, leave := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _, _, _ = tryPost(ctx, p.url, "k", "x") })
	<-came
	leave()
	wg.Wait()
	drained := make(chan error, 1)
	go func() { drained <- p.Drain(context.Background(), 0) }()
	eventually(t, "the listener is closed", func() bool { return len(p.Addrs()) == 0 })
	select {
	case err := <-drained:
		t.Fatalf("drained while it ran: %v", err)
	default:
	}
	close(release)
	if err := <-drained; err != nil {
		t.Error(err)
	}
	p = start(t, yaml, up.URL, Options{})
	if resp, _ := post(t, p.url, "k", "x"); resp.StatusCode != 200 || resp.Header.Get(replayedHeader) != "true" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
}

// Trailers are a part of the answer, for the first one and for its twins.
func TestTrailersAreReplayed(t *testing.T) {
	for name, trailers := range map[string]func(w http.ResponseWriter, then func()){
		"announced": func(w http.ResponseWriter, then func()) {
			w.Header().Set("Trailer", "X-Sum")
			then()
			w.Header().Set("X-Sum", "42")
		},
		"unannounced": func(w http.ResponseWriter, then func()) {
			then()
			http.NewResponseController(w).Flush()
			w.Header().Set(http.TrailerPrefix+"X-Sum", "42")
		},
	} {
		up := service(t, func(w http.ResponseWriter, r *http.Request) {
			trailers(w, func() { io.WriteString(w, "body") })
		})
		p := start(t, keyed(""), up.URL, Options{})
		for _, replayed := range []string{"", "true"} {
			resp, body := post(t, p.url, "k", "x")
			if body != "body" || resp.Trailer.Get("X-Sum") != "42" || resp.Header.Get(replayedHeader) != replayed {
				t.Errorf("%s, replayed %q: %q %v %v", name, replayed, body, resp.Header, resp.Trailer)
			}
		}
	}
}

// Over HTTP/2, on both sides, all is the same.
func TestKeyedRequestsHTTP2(t *testing.T) {
	var calls atomic.Int64
	url, _ := h2cService(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %d", body, calls.Add(1))
	})
	p := start(t, keyed(""), url, Options{})
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols}
	defer transport.CloseIdleConnections()
	for range 3 {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url, strings.NewReader("x"))
		r.Header.Set(signals.IdempotencyKeyHeader, "k")
		resp, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.ProtoMajor != 2 || string(body) != "x 1" {
			t.Errorf("%s %d %q", resp.Proto, resp.StatusCode, body)
		}
	}
}

// A keyed request's body that stands still, or that takes longer than the
// route has time for, is given up on; nothing was sent, and nothing is held.
func TestSlowKeyedBodies(t *testing.T) {
	for _, c := range []struct {
		name, route, listener string
		status                int
	}{
		{"stands still", "", ", timeouts: {read: 500ms}", http.StatusRequestTimeout},
		{"out of time", ", timeout: 50ms", "", http.StatusGatewayTimeout},
	} {
		up := service(t, func(http.ResponseWriter, *http.Request) { t.Errorf("%s: it was sent", c.name) })
		yaml := strings.Replace(keyed(""), `"127.0.0.1:0"`, `"127.0.0.1:0"`+c.listener, 1)
		yaml = strings.Replace(yaml, "upstream: service,", "upstream: service"+c.route+",", 1)
		p := start(t, yaml, up.URL, Options{})
		client := dialRaw(t, p)
		client.send("POST / HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nContent-Length: 10\r\n\r\nhalf ")
		if resp, _ := client.answer("POST"); resp.StatusCode != c.status {
			t.Errorf("%s: got %d %v", c.name, resp.StatusCode, resp.Header)
		}
		eventually(t, c.name+": nothing is held", func() bool {
			s := p.Status()
			return s.Inflight == 0 && s.Idempotency.BodyBytes == 0 && s.Idempotency.Keys == 0
		})
	}
}

// A client whose uploads stand still, on a route without a timeout, leaves room
// for others' bodies.
func TestStalledBodiesLeaveRoom(t *testing.T) {
	up := service(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	})
	p := start(t, keyed("")+"idempotency: {bytes: 1MiB}\nclients: {identity: \"header:X-Who\"}\n", up.URL, Options{})
	const size = 64 << 10
	refused := 0
	for i := range 20 {
		c, err := net.Dial("tcp", p.Addrs()[0].String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		before := p.Status().Idempotency.BodyBytes
		fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: h\r\nX-Who: greedy\r\nIdempotency-Key: k%d\r\nContent-Length: %d\r\n\r\n", i, size+1)
		go c.Write(make([]byte, size))
		answered := make(chan int, 1)
		go func() {
			if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil {
				answered <- resp.StatusCode
			}
		}()
		eventually(t, "the body is held or refused", func() bool {
			select {
			case status := <-answered:
				if status != http.StatusServiceUnavailable {
					t.Fatalf("answered %d", status)
				}
				refused++
				return true
			default:
				return p.Status().Idempotency.BodyBytes == before+size
			}
		})
	}
	body := strings.Repeat("x", size)
	if resp, got := post(t, p.url, "mine", body, "X-Who", "modest"); resp.StatusCode != 200 || got != body || refused < 10 {
		t.Errorf("another's body is answered %d, after %d of 20 were refused", resp.StatusCode, refused)
	}
}
