package storm

import (
	"math"
	"math/bits"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"
)

// MaxClasses is how many classes are told apart, as many as a limiter does.
const MaxClasses = 64

// kind is what is counted.
type kind uint8

const (
	arrived         kind = iota // attempts, retries included
	said                        // retries by their own word
	inferred                    // retries by what is remembered
	kept                        // retries of either kind that came back when told to
	orphans                     // retries whose earlier attempts were never seen here
	refusedSaid                 // retries that the budget refused
	refusedInferred             //
	useful
	failed
	shed // by the limiter: those that the budget refused are no sign of congestion
	abandoned
	late // abandoned after far longer than answers usually take
	took // by what was useful, in units of tookUnit

	kinds
)

const (
	slotSpan = int64(250 * time.Millisecond)
	slots    = 40 // 10 s
	inSecond = int(int64(time.Second) / slotSpan)

	stripeBits = 4
	stripes    = 1 << stripeBits

	clientBits  = 9
	clientSlots = 1 << clientBits
)

// stripe counts for some of the goroutines, so that cores don't fight over the
// counters of a busy class. Its numbers only grow, and wrap.
type stripe struct {
	class  [MaxClasses][kinds]atomic.Uint32
	client [clientSlots][2]atomic.Uint32 // attempts, retries
	first  [priorities]atomic.Uint32     // first attempts that the limiter shed, by priority
	_      [64]byte
}

// tally is how often each kind happened in some time.
type tally [kinds]float64

func (t *tally) retries() float64 { return t[said] + t[inferred] }
func (t *tally) refused() float64 { return t[refusedSaid] + t[refusedInferred] }

// logical is the number of requests before any was retried. A retry whose
// earlier attempts were seen by somebody else is the first that there is here.
func (t *tally) logical() float64 { return max(0, t[arrived]-t.retries()+t[orphans]) }

// amplification is how many attempts are made for one logical request.
func (t *tally) amplification() float64 {
	if t[arrived] == 0 {
		return 1
	}
	return t[arrived] / max(1, t.logical())
}

func (t *tally) retryRatio() float64 {
	if t[arrived] == 0 {
		return 0
	}
	return t.retries() / t[arrived]
}

func (t *tally) add(o *tally) {
	for k := range t {
		t[k] += o[k]
	}
}

// counts is what happened, in all and lately. The stripes are written by
// everyone at any time, the rest belongs to the detector's lock and is brought
// up to date when a slot of time ends.
type counts struct {
	stripe [stripes]atomic.Pointer[stripe] // nil: never used
	few    uint                            // bits of a stripe's number that aren't needed here

	slot       int64 // the current one
	seen       [MaxClasses][kinds]uint32
	seenClient [clientSlots][2]uint32

	total  [kinds]uint64
	ring   [slots]tally            // overall, by slot; the current one is not in it yet
	class  [MaxClasses]tally       // decaying
	client [clientSlots][2]float32 // decaying: attempts, retries
}

// fewer is how many bits a stripe's number has less where there are few
// processors: four stripes each are enough for two of them to meet seldom.
func fewer() uint {
	return uint(max(0, stripeBits-bits.Len(uint(4*runtime.GOMAXPROCS(0)-1))))
}

// of picks the stripe by the request's address: who reuses requests mostly
// does so on the same core.
func (c *counts) of(r *Request) *stripe {
	p := uint64(uintptr(unsafe.Pointer(r)) >> 4)
	s := &c.stripe[p*0x9e3779b97f4a7c15>>(64-stripeBits)>>c.few]
	if s := s.Load(); s != nil {
		return s
	}
	s.CompareAndSwap(nil, new(stripe))
	return s.Load()
}

// used are the stripes that anything was ever counted in.
func (c *counts) used(room *[stripes]*stripe) []*stripe {
	used := room[:0]
	for i := range c.stripe {
		if s := c.stripe[i].Load(); s != nil {
			used = append(used, s)
		}
	}
	return used
}

func clientSlot(client uint64) int {
	return int((client * 0x9e3779b97f4a7c15) >> (64 - clientBits))
}

func (s *stripe) count(class int, k kind) {
	if uint(class) >= MaxClasses {
		class = MaxClasses - 1
	}
	s.class[class][k].Add(1)
}

// useful counts a useful answer, and the time that it took.
func (s *stripe) useful(class int, ns int64) {
	s.count(class, useful)
	s.class[min(uint(class), MaxClasses-1)][took].Add(tookUnits(ns))
}

// decayHalf is the time in which a decaying count halves.
const decayHalf = float64(2 * time.Second)

// roll ends the current slot and begins the one of now. It returns what
// happened in the slot that ended.
func (c *counts) roll(now int64) (ended tally) {
	var room [stripes]*stripe
	used := c.used(&room)
	slot := now / slotSpan
	steps := slot - c.slot
	fade := math.Exp2(-float64(steps*slotSpan) / decayHalf)
	for class := range c.seen {
		var sum [kinds]uint32
		for _, s := range used {
			for k := range sum {
				sum[k] += s.class[class][k].Load()
			}
		}
		for k := range sum {
			n := sum[k] - c.seen[class][k]
			c.seen[class][k] = sum[k]
			ended[k] += float64(n)
			c.total[k] += uint64(n)
			c.class[class][k] = (c.class[class][k] + float64(n)) * fade
		}
	}
	for i := range c.client {
		var sum [2]uint32
		for _, s := range used {
			sum[0] += s.client[i][0].Load()
			sum[1] += s.client[i][1].Load()
		}
		for j := range sum {
			c.client[i][j] = (c.client[i][j] + float32(sum[j]-c.seenClient[i][j])) * float32(fade)
		}
		c.seenClient[i] = sum
	}
	c.ring[c.slot%slots] = ended
	for s := c.slot + 1; s <= min(slot, c.slot+slots); s++ {
		c.ring[s%slots] = tally{}
	}
	c.slot = slot
	return ended
}

// last is what happened in the last n slots that have ended.
func (c *counts) last(n int) (sum tally) {
	for i := 1; i <= n && c.slot-int64(i) >= 0; i++ {
		sum.add(&c.ring[(c.slot-int64(i))%slots])
	}
	return sum
}
