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
	failedLeast  = 3.0
	fewAttempts  = 20.0 // below which a second tells too little

	calmAfter    = int64(5 * time.Second)
	recoverAfter = int64(2 * time.Second)
	easeAfter    = int64(3 * time.Second)
	rampSpan     = float64(10 * time.Second)
	rampMost     = 4 // doublings of the ramp by relapses
	rampTo       = 100.0
)

// judge moves the state.
type judge struct {
	state State
	since int64
	why   string

	congestedAt, pressedAt, easyAt int64 // when last seen; easyAt: since when few are retries
	ramp                           float64
	relapses                       int

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
	return judge{congestedAt: never, pressedAt: never, why: "nothing has happened yet"}
}

func (j *judge) to(now int64, s State, why string) {
	j.changes[j.changed%uint64(len(j.changes))] = change{now, j.state, s, why}
	j.changed++
	j.entered[s]++
	j.state, j.since, j.why = s, now, why
}

// look judges what happened lately.
func (j *judge) look(now, passed int64, second, longer *tally) {
	f, span := second, "second"
	if f[arrived] < fewAttempts {
		f, span = longer, "5 seconds"
	}
	broken := second[failed] + second[abandoned]
	congested := second[shed] > 0 || broken >= failedLeast && broken >= failedShare*(broken+second[useful])
	uninvited := f.retries() - f[kept]
	pressed := uninvited >= pressedLeast && uninvited >= pressedShare*f[arrived]
	eased := uninvited < pressedLeast || uninvited < easedShare*f[arrived]
	if congested {
		j.congestedAt = now
	}
	if pressed {
		j.pressedAt = now
	}
	if !eased || j.easyAt > now {
		j.easyAt = now
	}
	words := func() string {
		return fmt.Sprintf("%.0f%% of %.0f requests in the last %s were retries, %.0f were shed and %.0f failed",
			100*f.retryRatio(), f[arrived], span, f[shed]+f.refused(), f[failed]+f[abandoned])
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
		} else if eased && now-j.easyAt >= easeAfter {
			j.to(now, Watch, words())
		}
	case Recovering:
		if congested && pressed {
			j.relapses = min(j.relapses+1, rampMost)
			j.to(now, Storm, "again: "+words())
		} else if congested {
			if now-j.easyAt >= easeAfter {
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

// bound says whether the budget bounds retries.
func (j *judge) bound(now int64) bool {
	return j.state == Storm || j.state == Recovering || j.state == Watch && now-j.congestedAt <= recoverAfter
}

// share is how many retries may be admitted, in percent of useful completions.
func (j *judge) share(percent float64) float64 {
	if j.state != Recovering {
		return percent
	}
	return percent * math.Pow(max(1, rampTo/percent), min(j.ramp, 1))
}
