package proxy

import (
	"strings"
	"testing"
	"time"
)

// TestSqueeze: when memory is short, the cache gives way, step by step and
// before requests are refused; then it takes back what it had.
func TestSqueeze(t *testing.T) {
	cfg := parse(t, strings.Replace(simple, "upstream: service}]", "upstream: service, cache: {mode: on}}]", 1), "http://127.0.0.1:1")
	c := newCaching(nil)
	if err := c.configure(cfg); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	budget := func() int64 { return c.status().Budget }
	c.countsOf("all")
	for _, step := range []struct {
		after time.Duration
		used  uint64
		want  int64
	}{
		{0, 70, 64 << 20},
		{0, 91, 48 << 20},
		{500 * time.Millisecond, 91, 48 << 20},
		{time.Second, 91, 36 << 20},
		{time.Second, 85, 36 << 20},
		{time.Second, 79, 48 << 20},
		{time.Second, 79, 64 << 20},
		{time.Second, 10, 64 << 20},
	} {
		now = now.Add(step.after)
		c.squeeze(step.used, 100, now)
		if got := budget(); got != step.want {
			t.Errorf("at %d%%: %d bytes, want %d", step.used, got, step.want)
		}
	}
	for range 100 {
		now = now.Add(time.Second)
		c.squeeze(96, 100, now)
	}
	if got := budget(); got != squeezedTo {
		t.Errorf("%d bytes are left, want %d", got, squeezedTo)
	}
	if err := c.configure(cfg); err != nil || budget() != 64<<20 {
		t.Errorf("%d bytes after a reload, %v", budget(), err)
	}
}
