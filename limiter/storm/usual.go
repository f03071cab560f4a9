package storm

import (
	"math"
	"sync/atomic"
	"time"
)

const (
	usualHalf  = float64(30 * time.Second) // until half of a new usual time is believed
	usualLeast = 8.0                       // answers lately that make a first guess

	// Who leaves sooner than this hasn't waited for long: people close pages, and
	// programs drop what they need no longer. That says nothing of the service.
	lateTimes   = 4
	lateLeast   = 100 * time.Millisecond
	lateUnknown = time.Second // where it isn't known what is usual

	// slower is how many times slower than usual the answers that are useful must
	// be for those who leave late to be held against the service.
	slower = 2

	tookUnit = 16 // bits: what answers took is counted in units of 65.5 µs
)

// usual is how long useful answers take, by class: smoothed over half a minute,
// so that a service that becomes slow isn't at once as usual.
type usual struct {
	class [MaxClasses]atomic.Int64 // ns; 0: unknown
	all   float64                  // in units of took; 0: unknown. Under the detector's lock
}

// tookUnits is a time as it is counted.
func tookUnits(ns int64) uint32 { return uint32(min(max(ns, 0)>>tookUnit, math.MaxInt32>>8)) }

// look takes in what was answered lately.
func (u *usual) look(c *counts, passed float64) {
	weight := 1 - math.Exp2(-passed/usualHalf)
	var all tally
	for i := range u.class {
		t := &c.class[i]
		all.add(t)
		if t[useful] < 1 {
			continue
		}
		was, is := float64(u.class[i].Load()), t[took]/t[useful]*(1<<tookUnit)
		u.class[i].Store(max(1, int64(blend(was, is, weight, t[useful]))))
	}
	if all[useful] >= 1 {
		u.all = blend(u.all, all[took]/all[useful], weight, all[useful])
	}
}

// blend is a smoothed value; the first of them needs enough samples.
func blend(was, is, weight, samples float64) float64 {
	switch {
	case was > 1:
		return was + (is-was)*weight
	case samples >= usualLeast:
		return is
	}
	return was
}

// slow says whether what was answered usefully took much longer than usual, or
// hardly anything was.
func (u *usual) slow(t *tally) bool {
	return t[useful] < t[late] || t[took] > slower*u.all*t[useful]
}

// late says whether who leaves a class at an age has waited far longer than
// useful answers take.
func (u *usual) late(class int, age int64) bool {
	if uint(class) >= MaxClasses {
		class = MaxClasses - 1
	}
	if is := u.class[class].Load(); is > 1 {
		return age >= max(lateTimes*is, int64(lateLeast))
	}
	return age >= int64(lateUnknown)
}
