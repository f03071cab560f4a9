package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// fill asks for n answers of so many bytes, by several clients at once, and
// counts those that were not answered.
func fill(l *levee, n int) (refused int64) {
	var next, failed atomic.Int64
	done := make(chan struct{})
	const clients = 8
	for range clients {
		go func() {
			defer func() { done <- struct{}{} }()
			client := http1()
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				if status, _, err := askNamed(client, l, fmt.Sprintf("/%d", i)); err != nil || status != http.StatusOK {
					failed.Add(1)
				}
			}
		}()
	}
	for range clients {
		<-done
	}
	return failed.Load()
}

func newFilled(t *testing.T, most string, env ...string) *levee {
	body := strings.Repeat("x", 64<<10)
	address := origin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=3600")
		io.WriteString(w, body)
	})
	return start(t, setup{env: env, config: fmt.Sprintf(`
listeners: [{address: "127.0.0.1:0"}]
log: {access: none}
cache: {bytes: %s}
routes: [{upstream: origin, cache: {mode: on}}]
upstreams: [{name: origin, endpoints: ["http://%s"], concurrency: {mode: off}}] # a busy machine is no short memory
`, most, address)})
}

// TestCacheKeepsToItsMemory: a process whose cache is full and always gets
// something new has little more resident than the cache's bytes and what it had
// without them, although nobody has told it of a limit.
func TestCacheKeepsToItsMemory(t *testing.T) {
	const budget = 128 << 20
	l := newFilled(t, "128MiB")
	fill(l, 100)
	rest := l.memory("VmRSS") - 100*64<<10
	if n := fill(l, 4000); n > 0 { // 250 MiB
		t.Errorf("%d were refused", n)
	}
	c := l.status().Proxy.Cache
	got := l.memory("VmRSS")
	t.Logf("%d MiB are resident, %d MiB cached, %d MiB were resident before", got>>20, c.Bytes>>20, rest>>20)
	if c.Bytes < budget*9/10 || c.Evicted == 0 {
		t.Errorf("only %d bytes are cached: that shows nothing", c.Bytes)
	}
	const slack = 16 << 20 // is left for garbage, however small the cache
	if most := int64(budget*115/100+slack) + max(rest, 0); got > most {
		t.Errorf("%d MiB are resident, want at most %d", got>>20, most>>20)
	}
}

// TestShortMemoryShrinksTheCache: a cache that is larger than what the process may
// take gives way, and nobody is refused for it.
func TestShortMemoryShrinksTheCache(t *testing.T) {
	l := newFilled(t, "128MiB", "GOMEMLIMIT=80MiB")
	if n := fill(l, 4000); n > 0 {
		t.Errorf("%d were refused", n)
	}
	c := l.status().Proxy.Cache
	t.Logf("%d MiB are resident, %d of %d MiB cached", l.memory("VmRSS")>>20, c.Bytes>>20, c.Budget>>20)
	if c.Budget >= 80<<20 || c.Budget < 10<<20 {
		t.Errorf("%d MiB are left to the cache", c.Budget>>20)
	}
}
