package admin

import (
	"fmt"
	"strings"
	"time"

	"github.com/levee-proxy/levee/proxy"
)

// cacheWords tells of cached answers, and of what requests got from them since
// the start.
func cacheWords(now time.Time, c *proxy.CacheStatus) string {
	var all uint64
	by := map[string]uint64{}
	for _, route := range c.Routes {
		for _, r := range route.Results {
			by[r.Result] += r.Count
			all += r.Count
		}
	}
	words := fmt.Sprintf("%s, %s of %s", count2(uint64(c.Entries), "entry", "entries"), sizeWords(c.Bytes), sizeWords(c.Budget))
	if c.Budget == 0 {
		words = "no route has one"
	}
	if c.Fetching > 0 {
		words += fmt.Sprintf("; %d being fetched, for which %s", c.Fetching, waits(c.Waiting))
	}
	if p := c.Purges; p.Times > 0 {
		words += fmt.Sprintf("; purged %s, the last %s ago, which found %s", count2(p.Times, "time", "times"), span(now.Sub(p.Last)), count(int64(p.LastAnswers), "answer"))
	}
	if all == 0 {
		return words
	}
	share := func(what string) string { return fmt.Sprintf("%.1f%%", 100*float64(by[what])/float64(all)) }
	words += fmt.Sprintf("; of %s since the start ", count(int64(all), "request"))
	var parts []string
	for _, p := range []struct{ result, words string }{
		{"hit", "%s were answered from it"},
		{"stale", "%s stale"},
		{"revalidated", "%s after asking whether it still holds"},
		{"coalesced", "%s by another one's fetch"},
		{"miss", "%s had to be fetched"},
		{"bypass", "%s went by it"},
		{"unsatisfied", "%s wanted nothing else and found nothing"},
		{"fallback", "%s got the fallback"},
	} {
		if by[p.result] > 0 {
			parts = append(parts, fmt.Sprintf(p.words, share(p.result)))
		}
	}
	return words + strings.Join(parts, ", ")
}

// waits says how many others wait.
func waits(n int) string {
	switch n {
	case 0:
		return "nobody else waits"
	case 1:
		return "1 other waits"
	}
	return fmt.Sprintf("%d others wait", n)
}
