package e2e

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	keyedRequests = 10_000
	keyedSends    = 5 // of each
	keyedWorkers  = 96
	keyedWindow   = 500 // sends among which those of a key are spread
)

// carrying is a service that counts what it carries out, by key.
type carrying struct {
	mu    sync.Mutex
	times map[string]int
}

func (c *carrying) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Idempotency-Key")
	c.mu.Lock()
	c.times[key]++
	n := c.times[key]
	c.mu.Unlock()
	<-time.After(time.Millisecond) // so that some are under way whenever Levee is killed
	fmt.Fprintf(w, "%s %d", key, n)
}

// life is one process of Levee's, until it is killed.
type life struct {
	url  string
	next chan struct{} // closed once there is another
}

// TestKilledWhileKeyedRequestsRun sends 10,000 keyed requests five times each,
// from many clients at once, and kills Levee twice meanwhile: none of them may
// be carried out twice. A key whose answer was lost with a process is refused
// by the next one.
func TestKilledWhileKeyedRequestsRun(t *testing.T) {
	service := &carrying{times: map[string]int{}}
	s := setup{args: []string{"--log-level", "warn"}, config: fmt.Sprintf(`
listeners: [{address: "127.0.0.1:0"}]
routes: [{name: all, upstream: origin, idempotency: {mode: required}}]
upstreams: [{name: origin, endpoints: ["http://%s"]}]
idempotency: {file: %q, fsync: always}
log: {access: none}
`, origin(t, service.ServeHTTP), filepath.Join(t.TempDir(), "journal"))}

	begun := time.Now()
	process := start(t, s)
	var current atomic.Pointer[life]
	current.Store(&life{"http://" + process.addresses[0], make(chan struct{})})

	var sent atomic.Int64
	kills := make(chan struct{}, 2)
	sends := make(chan string)
	go func() {
		defer close(sends)
		for _, key := range spread() {
			if n := sent.Add(1); n == keyedRequests*keyedSends/3 || n == keyedRequests*keyedSends*2/3 {
				kills <- struct{}{}
			}
			sends <- key
		}
	}()

	client := http1()
	var got tally
	var workers sync.WaitGroup
	for range keyedWorkers {
		workers.Go(func() {
			for key := range sends {
				l := current.Load()
				if !got.send(client, l.url, key) {
					<-l.next // it was killed: go on with the one that comes
				}
			}
		})
	}
	for range cap(kills) {
		<-kills
		process.signal(syscall.SIGKILL)
		process.wait(-1)
		process = start(t, s)
		before := current.Swap(&life{"http://" + process.addresses[0], make(chan struct{})})
		close(before.next)
	}
	workers.Wait()
	took := time.Since(begun)

	once, never, twice := 0, 0, 0
	for i := range keyedRequests {
		key := name(i)
		switch n := service.times[key]; {
		case n == 0:
			never++
			if _, answered := got.answers.Load(key); answered {
				t.Errorf("%s was answered, and never carried out", key)
			}
		case n == 1:
			once++
		default:
			twice++
			t.Errorf("%s was carried out %d times", key, n)
		}
	}
	status := process.status().Proxy.Idempotency
	t.Logf("%d keys, %d sends, 2 kills in %v: carried out once %d, never %d, twice %d", keyedRequests, keyedRequests*keyedSends, took.Round(time.Millisecond), once, never, twice)
	t.Logf("answers: %d first, %d replayed, %d in doubt (409), %d refused (503 or 429), %d other, %d without an answer; at the end %d keys, %d in doubt, journal %d bytes",
		got.first.Load(), got.replayed.Load(), got.doubtful.Load(), got.refused.Load(), got.other.Load(), got.broken.Load(), status.Keys, status.Doubtful, status.Journal.Bytes)
	if twice > 0 || got.different.Load() > 0 {
		t.Errorf("%d keys were carried out twice, %d sends got another answer than their twins", twice, got.different.Load())
	}
	if once < keyedRequests*9/10 {
		t.Errorf("only %d keys were carried out", once)
	}
	if got.other.Load() > 0 {
		t.Errorf("%d sends got an answer that nobody expects", got.other.Load())
	}
	if status.Doubtful == 0 || status.Doubtful > 2*keyedWorkers {
		t.Errorf("%d keys are in doubt; each kill leaves those that were under way", status.Doubtful)
	}
	// What was answered before the first kill is remembered behind the second.
	for i := range 20 {
		key := name(i)
		got.first.Store(0)
		if !got.send(client, current.Load().url, key) || got.first.Load() > 0 || service.times[key] > 1 {
			t.Errorf("%s was forgotten", key)
		}
	}
}

func name(i int) string { return fmt.Sprintf("key-%05d", i) }

// spread lists each key five times, near each other and in no order.
func spread() []string {
	var all []string
	for i := range keyedRequests {
		for range keyedSends {
			all = append(all, name(i))
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for from := 0; from < len(all); from += keyedWindow {
		window := all[from:min(from+keyedWindow, len(all))]
		random.Shuffle(len(window), func(i, j int) { window[i], window[j] = window[j], window[i] })
	}
	return all
}

// tally counts what clients were told.
type tally struct {
	first, replayed, doubtful, refused, other, broken, different atomic.Int64

	answers sync.Map // by key
}

// send sends a keyed request. False: Levee is gone.
func (c *tally) send(client *http.Client, url, key string) bool {
	request, err := http.NewRequest(http.MethodPost, url, strings.NewReader(key))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Idempotency-Key", key)
	answer, err := client.Do(request)
	if err != nil {
		c.broken.Add(1)
		return false
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil {
		c.broken.Add(1)
		return false
	}
	switch answer.StatusCode {
	case http.StatusOK:
		if answer.Header.Get("Idempotency-Replayed") != "" {
			c.replayed.Add(1)
		} else {
			c.first.Add(1)
		}
		if before, twin := c.answers.LoadOrStore(key, string(body)); twin && before != string(body) {
			c.different.Add(1)
		}
	case http.StatusConflict:
		c.doubtful.Add(1)
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		c.refused.Add(1)
	default:
		c.other.Add(1)
	}
	return true
}
