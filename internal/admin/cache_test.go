package admin

import (
	"testing"

	"github.com/levee-proxy/levee/proxy"
)

func TestCacheIsTold(t *testing.T) {
	results := func(r ...proxy.CacheResult) []proxy.CachedRoute { return []proxy.CachedRoute{{Name: "a", Results: r}} }
	for _, c := range []struct {
		status proxy.CacheStatus
		want   string
	}{
		{proxy.CacheStatus{Budget: 64 << 20}, "0 entries, 0 bytes of 64 MiB"},
		{proxy.CacheStatus{Budget: 64 << 20, Entries: 1, Bytes: 500, Fetching: 2, Waiting: 1}, "1 entry, 500 bytes of 64 MiB; 2 being fetched, for which 1 other waits"},
		{
			proxy.CacheStatus{Budget: 64 << 20, Entries: 12, Bytes: 20 << 20, Fetching: 1, Routes: results(
				proxy.CacheResult{Result: "hit", Rung: "fresh", Count: 900}, proxy.CacheResult{Result: "stale", Rung: "stale-if-error", Count: 20},
				proxy.CacheResult{Result: "stale", Rung: "stale-on-overload", Count: 30}, proxy.CacheResult{Result: "miss", Rung: "none", Count: 50},
			)},
			"12 entries, 20 MiB of 64 MiB; 1 being fetched, for which nobody else waits; of 1000 requests since the start 90.0% were answered from it, 5.0% stale, 5.0% had to be fetched",
		},
		{
			proxy.CacheStatus{Budget: 64 << 20, Purges: proxy.PurgeStatus{Times: 2, Answers: 5, Last: at("08:55:00"), LastAnswers: 1}},
			"0 entries, 0 bytes of 64 MiB; purged 2 times, the last 5m ago, which found 1 answer",
		},
		{proxy.CacheStatus{Routes: results(proxy.CacheResult{Result: "fallback", Rung: "fallback", Count: 1})}, "no route has one; of 1 request since the start 100.0% got the fallback"},
	} {
		if got := cacheWords(at("09:00:00"), &c.status); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}
