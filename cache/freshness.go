package cache

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// initialAge is how old a response was when it came (RFC 9111 §4.2.3): by its
// Date, or by its Age and the time it was under way, whichever is more. Clocks
// that are ahead or go backwards make it no younger than new.
func initialAge(resp *Response, date time.Time) time.Duration {
	apparent := since(date, resp.Received)
	corrected := add(readAge(resp.Header["Age"]), since(resp.Requested, resp.Received))
	return max(apparent, corrected)
}

// readAge reads Age (RFC 9111 §5.1): the first member if somebody made a list
// of it, and nothing if that isn't a number.
func readAge(lines []string) time.Duration {
	if len(lines) == 0 {
		return 0
	}
	first, _, _ := strings.Cut(lines[0], ",")
	age, _ := parseSeconds(trim(first))
	return age
}

// Age is how old the response is (RFC 9111 §4.2.3). The wall clock may jump,
// and after a restart it is the only one: the age is never below what it was at
// the beginning.
func (p *Policy) Age(now time.Time) time.Duration {
	return add(p.initialAge, since(p.received, now))
}

// lifetime is for how long a response is fresh (RFC 9111 §4.2.1). Freshness
// that can't be read, or is given twice and differently, is none.
func (c *Config) lifetime(resp *Response, rc *responseControl, p *Policy, date time.Time) time.Duration {
	switch expires := resp.Header["Expires"]; {
	case rc.sMaxAge.said:
		return rc.sMaxAge.value
	case rc.maxAge.said:
		return rc.maxAge.value
	case len(expires) > 0 && !rc.targeted:
		for _, line := range expires[1:] {
			if line != expires[0] {
				return 0
			}
		}
		at, valid := ParseDate(trim(expires[0]), resp.Received)
		if !valid {
			return 0
		}
		return since(date, at)
	case slices.Contains(c.NegativeStatuses, resp.Status) && c.NegativeTTL > 0:
		return c.NegativeTTL
	case resp.Status < 400 && heuristicallyCacheable(resp.Status) && c.DefaultTTL > 0:
		return c.DefaultTTL
	case p.lastModified != unsaid && (heuristicallyCacheable(resp.Status) || rc.has(public)):
		return min(since(time.Unix(p.lastModified, 0), date)/10, c.heuristicMax()) // §4.2.2
	}
	return 0
}

// FreshFor is how long an answer stays fresh after now, below zero if it is
// stale: what Cache-Status calls ttl.
func (p *Policy) FreshFor(now time.Time) time.Duration { return p.lifetime - p.Age(now) }

// errorStatus tells that a stored response is itself an error of the upstream.
func (p *Policy) errorStatus() bool { return int(p.status) >= http.StatusInternalServerError }
