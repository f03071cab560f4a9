package storm

import (
	"fmt"
	"math"
	"time"
)

// State is how things stand with retries.
type State uint8

// The states.
const (
	// Calm: nothing is refused, and few requests are retries.
	Calm State = iota
	// Watch: requests are shed or fail, or many are retries, but not both.
	Watch
	// Storm: requests are shed or fail, and many of those that come are retries.
	Storm
	// Recovering: a storm is over; retries are let in again step by step.
	Recovering

	states
)

// String is the state as metrics and people have it.
func (s State) String() string { return [...]string{"calm", "watch", "storm", "recovering"}[s] }

const (
	pressedShare = 0.20 // of attempts are retries that nobody invited
	easedShare   = 0.10
	pressedLeast = 5.0
	failedShare  = 0.10
	failedLeast  = 10.0 // a second: fewer failures say little, and their retries do no harm
	downShare    = 0.5
	fewAttempts  = 20.0 // below which a second tells too little

	calmAfter    = int64(5 * time.Second)
	recoverAfter = int64(2 * time.Second)
	easeAfter    = int64(3 * time.Second)
	rampSpan     = float64(10 * time.Second)
	easeMost     = 6 // doublings, one a slot: 1.5 s until what may be no retry isn't bound
	rampMost     = 4 // doublings of the ramp by relapses
	rampTo       = 100.0
)

// judge moves the state.
type judge struct {
	state State
	since int64
	why   string

	congestedAt int64 // when something was last shed, or much failed
	failedAt    int64 // when much last failed
	pressedAt   int64 // when many were last retries
	hardAt      int64 // when not few were last retries
	ramp        float64
	down        bool // most of what is sent fails
	ease        int  // how often retries that may be none have become half as dear
	relapses    int

	changes [16]change
	changed uint64
	entered [states]uint64
}

type change struct {
	at       int64
	from, to State
	why      string
}

func newJudge() judge {
	never := int64(math.MinInt64 / 2)
	return judge{congestedAt: never, failedAt: never, pressedAt: never, hardAt: never, why: "nothing has happened yet"}
}

func (j *judge) to(now int64, s State, why string) {
	j.changes[j.changed%uint64(len(j.changes))] = change{now, j.state, s, why}
	j.changed++
	j.entered[s]++
	j.state, j.since, j.why = s, now, why
}

// look judges what happened lately: in the slot that ended, in the last second,
// and in a longer time, for when a second tells too little. That clients leave is
// only held against the service where they have waited far longer than usual,
// and it is slow, as it says itself by what it does answer.
func (j *judge) look(now, passed int64, ended, second, longer *tally, slow bool) {
	f, span := second, "second"
	if f[arrived] < fewAttempts {
		f, span = longer, "5 seconds"
	}
	broken, lately := second[failed], ended[failed]
	if slow {
		broken += second[late]
		lately += ended[late]
	}
	j.down = broken > downShare*(broken+second[useful])
	broke := broken >= failedLeast && broken >= failedShare*(broken+second[useful])
	congested := second[shed] > 0 || broke
	if ended[shed] > 0 {
		j.congestedAt = now
	}
	if broke && lately > 0 {
		j.congestedAt, j.failedAt = now, now
	}
	if j.congestedAt == now { // as dear as ever, at once
		j.ease = 0
	} else {
		j.ease = min(j.ease+int(passed/slotSpan), easeMost)
	}
	// Those who were told to return are no pressure: they were invited.
	uninvited := f.retries() - f[kept]
	pressed := uninvited >= pressedLeast && uninvited >= pressedShare*f[arrived]
	if pressed {
		j.pressedAt = now
	}
	eased := uninvited < pressedLeast || uninvited < easedShare*f[arrived]
	if !eased {
		j.hardAt = now
	}
	words := func() string {
		return fmt.Sprintf("%.0f%% of %.0f requests in the last %s were retries, %.0f were shed and %.0f failed",
			100*f.retryRatio(), f[arrived], span, f[shed]+f.refused(), f[failed]+f[late])
	}
	switch j.state {
	case Calm:
		if congested && pressed {
			j.to(now, Storm, words())
		} else if congested || pressed {
			j.to(now, Watch, words())
		}
	case Watch:
		if congested && pressed {
			j.to(now, Storm, words())
		} else if now-j.congestedAt >= calmAfter && now-j.pressedAt >= calmAfter {
			j.relapses = 0
			j.to(now, Calm, "for 5s nothing was shed, and few requests were retries")
		}
	case Storm:
		if now-j.congestedAt >= recoverAfter {
			j.ramp = 0
			j.to(now, Recovering, "for 2s nothing was shed and little failed: retries are let in again over "+j.rampTime().String())
		} else if now-j.hardAt >= easeAfter {
			j.to(now, Watch, words())
		}
	case Recovering:
		if congested && pressed {
			j.relapses = min(j.relapses+1, rampMost)
			j.to(now, Storm, "again: "+words())
		} else if congested {
			if now-j.hardAt >= easeAfter {
				j.to(now, Watch, words())
			}
		} else if j.ramp += float64(passed) / float64(j.rampTime()); j.ramp >= 1 {
			if pressed {
				j.to(now, Watch, "retries are let in without a bound again, and many still come")
				return
			}
			j.relapses = 0
			j.to(now, Calm, "retries are let in without a bound again, and nothing was shed meanwhile")
		}
	}
}

// rampTime is how long retries are let in step by step: longer after each relapse.
func (j *judge) rampTime() time.Duration { return time.Duration(rampSpan) << j.relapses }

// bound says which retries need a part of the budget. A first attempt that is
// taken for a retry and refused may leave the service idle; one that only waits
// behind other first attempts doesn't.
type bound uint32

const (
	boundNone bound = iota
	// boundAlike: those that are certainly some, and those that look the same as
	// one that failed shortly before.
	boundAlike
	// boundAll: also guesses, as hardly any request would be answered anyway.
	// Never those that look the same as one whose client merely left: behind an
	// address that many share, whoever leaves would have the others refused.
	boundAll
)

// holds says whether a retry needs a part of the budget.
func (b bound) holds(how belief) bool {
	return how != doubted && (b == boundAll || b == boundAlike && how != guessed)
}

func (j *judge) bound(now int64) bound {
	switch {
	case j.state == Calm, j.state == Watch && now-j.congestedAt > recoverAfter:
		return boundNone
	case j.down:
		return boundAll
	}
	return boundAlike
}

// share is how many retries may be admitted, in percent of useful completions.
func (j *judge) share(percent float64) float64 {
	if j.state != Recovering {
		return percent
	}
	return percent * math.Pow(max(1, rampTo/percent), min(j.ramp, 1))
}
