package clients

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/levee-proxy/levee/config"
)

// TestRateCaps is a table of moments: who asks, and how long he must wait.
func TestRateCaps(t *testing.T) {
	t0 := time.Now()
	c := NewCaps(&config.RateLimit{
		Total:     &config.Rate{PerSecond: 10, Burst: 5},
		PerClient: &config.Rate{PerSecond: 1, Burst: 2},
	}, 1000)
	for i, tc := range []struct {
		at     time.Duration
		client string
		wait   time.Duration
		whose  string
	}{
		{0, "a", 0, ""},
		{0, "a", 0, ""},
		{0, "a", time.Second, "client"}, // a's own burst is used up
		{0, "b", 0, ""},
		{0, "b", 0, ""},
		{0, "c", 0, ""},
		{0, "d", 100 * time.Millisecond, "route"}, // and now everyone's
		{100 * time.Millisecond, "e", 0, ""},
		{500 * time.Millisecond, "a", 500 * time.Millisecond, "client"},
		{time.Second, "a", 0, ""},
		{-time.Hour, "a", time.Hour + time.Second, "client"}, // a clock that jumps back grants nothing
	} {
		wait, whose := c.Admit(tc.client, t0.Add(tc.at))
		if d := wait - tc.wait; whose != tc.whose || d > time.Millisecond || d < -time.Hour-time.Second || (tc.at >= 0 && d < -time.Millisecond) {
			t.Errorf("%d: %s at %v waits %v for the %s, want %v for the %s", i, tc.client, tc.at, wait, whose, tc.wait, tc.whose)
		}
	}
	if NewCaps(nil, 16) != nil || NewCaps(&config.RateLimit{}, 16) != nil {
		t.Error("caps where nothing is capped")
	}
}

// TestClientsAreForgotten: memory for clients is bounded, the coldest go first.
func TestClientsAreForgotten(t *testing.T) {
	now := time.Now()
	c := NewCaps(&config.RateLimit{PerClient: &config.Rate{PerSecond: 0.001, Burst: 1}}, 160)
	c.Admit("regular", now)
	for i := range 10_000 {
		c.Admit(fmt.Sprint("stranger ", i), now)
		if wait, _ := c.Admit("regular", now); wait == 0 {
			t.Fatalf("a client that keeps asking was forgotten after %d strangers", i)
		}
	}
	n := 0
	for i := range c.shards {
		n += c.shards[i].clients.Len()
	}
	if n > 160 {
		t.Errorf("%d clients are remembered, want at most 160", n)
	}
	if wait, _ := c.Admit("stranger 0", now); wait != 0 {
		t.Error("the coldest was remembered")
	}
}

func TestIdentify(t *testing.T) {
	// {"alg":"none"} . {"sub":"alice"} . nothing
	const token = "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.c2ln"
	for _, tc := range []struct{ mode, name, value, want string }{
		{"ip", "", "", "ip:1.2.3.4"},
		{"header:X-Key", "X-Key", "k1", "header:k1"},
		{"header:X-Key", "X-Other", "k1", "ip:1.2.3.4"},
		{"header:X-Key", "X-Key", strings.Repeat("k", 1000), "header:" + strings.Repeat("k", maxIdentity)},
		{"jwt", "Authorization", token, "jwt:alice"},
		{"jwt", "Authorization", "bearer" + token[6:], "jwt:alice"},
		{"jwt", "Authorization", "Basic abc", "ip:1.2.3.4"},
		{"jwt", "Authorization", "Bearer a.b.c", "ip:1.2.3.4"},
		{"jwt", "Authorization", "Bearer a." + strings.Repeat("A", 100<<10) + ".c", "ip:1.2.3.4"},
		{"tls", "", "", "ip:1.2.3.4"},
	} {
		r := &http.Request{Header: http.Header{}}
		if tc.name != "" {
			r.Header.Set(tc.name, tc.value)
		}
		if got := NewIdentity(tc.mode).Of(r, "1.2.3.4"); got != tc.want {
			t.Errorf("%s with %s: %.40s gives %s, want %s", tc.mode, tc.name, tc.value, got, tc.want)
		}
	}
}
