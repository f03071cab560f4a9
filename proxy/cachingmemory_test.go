package proxy

import (
	"strings"
	"testing"
	"time"

	"github.com/levee-proxy/levee/cache/storage"
)

// TestSqueeze: when memory is short, the cache gives way, step by step and
// before requests are refused; then it takes back what it had.
func TestSqueeze(t *testing.T) {
	cfg := parse(t, strings.Replace(simple, "upstream: service}]", "upstream: service, cache: {mode: on}}]", 1), "http://127.0.0.1:1")
	c := newCaching(nil)
	if err := c.configure(cfg); err != nil {
		t.Fatal(err)
	}
	collected := make(chan bool, 1000)
	c.collect = func() { collected <- true }
	store := c.parts.Load().store
	for i := range 64 { // as much as there may be
		e := entry{Policy: stored{marks: &marks{}}, Body: storage.NewBody(make([]byte, 1<<20))}
		if err := store.Put(storage.Key{byte(i)}, store.Mark(), storage.Labels{}, e); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	budget := func() int64 { return c.status().Budget >> 20 }
	c.countsOf("all")
	for _, step := range []struct {
		after time.Duration
		used  uint64
		want  int64
	}{
		{0, 70, 64},
		{0, 91, 48},
		{500 * time.Millisecond, 91, 48},
		{time.Second, 91, 36},
		{time.Second, 85, 36},
		{time.Second, 79, 48},
		{time.Second, 79, 64},
		{time.Second, 10, 64},
		{time.Second, 110, 8}, // 30 too many, of the 35 or so that are stored; a quarter stays
	} {
		now = now.Add(step.after)
		if gives := c.squeeze(step.used<<20, 100<<20, now); !gives {
			t.Errorf("at %d%%: nothing to give", step.used)
		}
		if got := budget(); got != step.want {
			t.Errorf("at %d%%: %d MiB, want %d", step.used, got, step.want)
		}
	}
	for range 100 {
		now = now.Add(time.Second)
		c.squeeze(96<<20, 100<<20, now)
	}
	if got := budget(); got != squeezedTo>>20 || c.squeeze(96<<20, 100<<20, now.Add(time.Second)) {
		t.Errorf("%d MiB are left, want %d and nothing to give", got, squeezedTo>>20)
	}
	for range 3 {
		<-collected
	}
	if err := c.configure(cfg); err != nil || budget() != 64 {
		t.Errorf("%d MiB after a reload, %v", budget(), err)
	}
}
