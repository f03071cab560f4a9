package storage

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	recentSlots    = 4096
	recentPrefixes = 64
)

// Past remembers purges for the sake of fills that they overtook, and of what a
// snapshot would bring back: tags live only as long as their entries, and what is
// being fetched has none yet. Texts share slots by their hash; where two meet, a
// response is not stored that could have been, which costs one more fetch.
//
// A store that takes another one's place takes over its Past.
type Past struct {
	last   atomic.Uint64 // the number of the last purge
	all    atomic.Uint64
	seed   maphash.Seed
	urls   [recentSlots]atomic.Uint64
	groups [recentSlots]atomic.Uint64

	lock     sync.Mutex
	prefixes [recentPrefixes]struct {
		text string
		n    uint64
	}
	next      int
	forgotten uint64 // the last prefix purge that is no longer listed
}

// NewPast is one in which nothing was purged.
func NewPast() *Past { return &Past{seed: maphash.MakeSeed()} }

func (p *Past) slot(text string) uint64 { return maphash.String(p.seed, text) % recentSlots }

func (p *Past) url(text string, n uint64) { raise(&p.urls[p.slot(text)], n) }

func (p *Past) group(text string, n uint64) { raise(&p.groups[p.slot(text)], n) }

func (p *Past) prefix(text string, n uint64) {
	p.lock.Lock()
	defer p.lock.Unlock()
	at := &p.prefixes[p.next]
	p.forgotten = max(p.forgotten, at.n)
	at.text, at.n = strings.Clone(text), n
	p.next = (p.next + 1) % recentPrefixes
}

// covers says whether a purge after m covers what has these labels.
func (p *Past) covers(l Labels, m Mark) bool {
	n := uint64(m)
	if p.all.Load() > n || p.urls[p.slot(l.URL)].Load() > n {
		return true
	}
	for _, g := range l.Groups {
		if p.groups[p.slot(g)].Load() > n {
			return true
		}
	}
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.forgotten > n {
		return true
	}
	for _, at := range p.prefixes {
		if at.n > n && strings.HasPrefix(l.URL, at.text) {
			return true
		}
	}
	return false
}
