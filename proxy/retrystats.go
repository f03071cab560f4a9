package proxy

import (
	"sync"
	"time"

	"github.com/levee-proxy/levee/proxy/internal/clock"
)

// RetryStatus is a snapshot of the attempts that Levee makes beyond the first
// at one upstream. What it counts, it counts since the upstream was first seen.
type RetryStatus struct {
	// Attempts is how many may follow a request's first.
	Attempts int `json:"attempts"`
	// Percent and MinPerSecond are the budget's settings, Left is how many
	// retries there is budget for now.
	Percent      float64 `json:"percent"`
	MinPerSecond float64 `json:"minPerSecond"`
	Left         float64 `json:"left"`
	// Sent counts retries, by what they followed; those never made are left out.
	Sent []RetryCount `json:"sent,omitempty"`
	// GivenUp counts retries that were not made, by reason; Hedges second
	// attempts, by what came of them. docs/retries.md explains the words.
	GivenUp map[string]uint64 `json:"givenUp,omitempty"`
	Hedges  map[string]uint64 `json:"hedges,omitempty"`
	// Recent tells of the last seconds.
	Recent RecentRetries `json:"recent"`
}

// RetryCount counts the retries that followed one thing.
type RetryCount struct {
	// On is what they followed, as upstreams[].retry.on has it; or
	// per-try-timeout.
	On        string `json:"on"`
	Succeeded uint64 `json:"succeeded"`
	// Failed is how many ended in something that is retried, or without an answer.
	Failed uint64 `json:"failed"`
}

// RecentRetries tells of the last seconds.
type RecentRetries struct {
	// Over is the time that it tells of, in seconds.
	Over float64 `json:"overSeconds"`
	// Sent counts retries, Succeeded those of them that did.
	Sent      uint64 `json:"sent"`
	Succeeded uint64 `json:"succeeded"`
	// GivenUp counts retries that were not made, by reason.
	GivenUp map[string]uint64 `json:"givenUp,omitempty"`
}

// retryRecent is how many seconds are told of as recent.
const retryRecent = 10

// retryStats counts the retries of an upstream. There are few, so a lock will do.
type retryStats struct {
	mu      sync.Mutex
	counts  [conditions]struct{ succeeded, failed uint64 }
	givenUp [giveUps]uint64
	hedges  [hedgeResults]uint64
	seconds [retryRecent]retrySecond
}

// retrySecond is what was counted within one second.
type retrySecond struct {
	at              int64 // which
	sent, succeeded uint64
	givenUp         [giveUps]uint64
}

// second is that of now. s.mu must be held.
func (s *retryStats) second(now time.Time) *retrySecond {
	at := int64(clock.Since(now) / time.Second)
	sec := &s.seconds[(at%retryRecent+retryRecent)%retryRecent]
	if sec.at != at {
		*sec = retrySecond{at: at}
	}
	return sec
}

// sent counts a retry, once it has ended.
func (s *retryStats) sent(now time.Time, after condition, succeeded bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sec := s.second(now)
	sec.sent++
	if succeeded {
		s.counts[after].succeeded++
		sec.succeeded++
	} else {
		s.counts[after].failed++
	}
}

// gaveUp counts a retry that was not made.
func (s *retryStats) gaveUp(now time.Time, why giveUp) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.givenUp[why]++
	s.second(now).givenUp[why]++
}

// hedged counts what came of a hedge.
func (s *retryStats) hedged(result hedgeResult) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hedges[result]++
}

// status takes a snapshot for people; nil where nothing is retried.
func (p *retryPolicy) status(now time.Time) *RetryStatus {
	if p == nil {
		return nil
	}
	s := &RetryStatus{
		Attempts: p.attempts, Percent: p.budgetCfg.Percent, MinPerSecond: p.budgetCfg.MinPerSecond, Left: p.budget.Left(now),
		GivenUp: map[string]uint64{}, Hedges: map[string]uint64{},
		Recent: RecentRetries{Over: retryRecent, GivenUp: map[string]uint64{}},
	}
	st := p.stats
	st.mu.Lock()
	defer st.mu.Unlock()
	for c, n := range st.counts {
		if n.succeeded+n.failed > 0 {
			s.Sent = append(s.Sent, RetryCount{conditionNames[c], n.succeeded, n.failed})
		}
	}
	add := func(to map[string]uint64, names []string, counts []uint64) {
		for i, n := range counts {
			if n > 0 {
				to[names[i]] += n
			}
		}
	}
	add(s.GivenUp, giveUpNames[:], st.givenUp[:])
	add(s.Hedges, hedgeResultNames[:], st.hedges[:])
	latest := int64(clock.Since(now) / time.Second)
	for i := range st.seconds {
		sec := &st.seconds[i]
		if latest-sec.at >= retryRecent || sec.at > latest {
			continue
		}
		s.Recent.Sent += sec.sent
		s.Recent.Succeeded += sec.succeeded
		add(s.Recent.GivenUp, giveUpNames[:], sec.givenUp[:])
	}
	return s
}
