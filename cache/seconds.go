package cache

import "time"

// maxSeconds is what a number of seconds counts as that is greater than can be
// represented (RFC 9111 §1.2.2): about 68 years.
const maxSeconds = 1 << 31

// longest is the longest duration in any calculation here. Two of them added
// don't overflow, and every sum is cut to it.
const longest = maxSeconds * time.Second

// seconds is a value of delta-seconds that a directive may give.
type seconds struct {
	value time.Duration
	said  bool
	// bad: not a number, or two different ones. RFC 9111 §4.2.1 lets such a
	// freshness count as none, which is the careful reading.
	bad bool
}

// parseSeconds reads delta-seconds: digits alone (RFC 9111 §1.2.2).
func parseSeconds(s string) (time.Duration, bool) {
	if s == "" {
		return 0, false
	}
	n := int64(0)
	for i := range len(s) {
		c := s[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = min(n*10+int64(c-'0'), maxSeconds)
	}
	return time.Duration(n) * time.Second, true
}

// take notes a directive's argument. A second one that differs makes both bad.
func (s *seconds) take(argument string) {
	value, ok := parseSeconds(argument)
	s.takeParsed(value, ok)
}

func (s *seconds) takeParsed(value time.Duration, ok bool) {
	if !ok || s.said && s.value != value {
		s.bad = true
	}
	s.said, s.value = true, value
	if s.bad {
		s.value = 0
	}
}

// add adds durations that are each at most longest, and cuts the sum to it.
func add(a, b time.Duration) time.Duration { return clamp(a + b) }

// clamp cuts a duration to what may be reckoned with: none is negative.
func clamp(d time.Duration) time.Duration { return min(max(d, 0), longest) }

// since is the time from a to b, never negative: a clock may go backwards.
func since(a, b time.Time) time.Duration { return clamp(b.Sub(a)) }
