package proxy

import (
	"sync"
	"time"
)

// purges counts what operators have purged.
type purges struct {
	mu      sync.Mutex
	times   uint64
	answers uint64
	last    time.Time
	found   int // the last time
}

func (p *purges) note(found int, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.times++
	p.answers += uint64(found)
	p.last, p.found = now, found
}

// PurgeStatus tells what operators have purged since the start.
type PurgeStatus struct {
	// Times is how often, Answers how many cached answers that found.
	Times   uint64 `json:"times"`
	Answers uint64 `json:"answers"`
	// Last is when it was done last, and LastAnswers what was found then.
	Last        time.Time `json:"last,omitzero"`
	LastAnswers int       `json:"lastAnswers"`
}

func (p *purges) status() PurgeStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	return PurgeStatus{Times: p.times, Answers: p.answers, Last: p.last, LastAnswers: p.found}
}
