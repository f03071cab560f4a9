package storm

import (
	"math"
	"time"
)

// What follows from what was counted is worked out when a slot of time ends, by
// whoever comes first then, with the detector's lock held. Everybody else only
// loads what it comes to.

// roll ends a slot of time, and judges.
func (d *Detector) roll(now int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pass(now)
}

// pass is roll with the lock held.
func (d *Detector) pass(now int64) {
	if now < d.due.Load() {
		return // another was quicker
	}
	began := d.counts.slot * slotSpan
	ended := d.counts.roll(now)
	passed := d.counts.slot*slotSpan - began
	seconds := float64(passed) / float64(time.Second)
	fade := math.Exp2(-float64(passed) / decayHalf)
	d.budget.rate = d.budget.rate*fade + ended[useful]/seconds*(1-fade)
	second, longer := d.counts.last(inSecond), d.counts.last(5*inSecond)
	d.answered = second[useful]
	d.judge.look(now, passed, &ended, &second, &longer, d.usual.slow(&second))
	d.usual.look(&d.counts, float64(passed))
	d.rhythms.rate(second[arrived])
	if now > d.memory.until.Load() {
		d.memory.release(now)
	}
	d.patiences.release(now)
	d.pressure.look(now, &d.counts, passed/slotSpan, second[arrived]-second.retries())
	share := d.cfg.Percent
	if d.rules.ramp {
		share = d.judge.share(share)
	}
	due, lapsed := d.returns.pass(now)
	d.budget.owe(due)
	d.budget.lapse(lapsed)
	d.budget.earn(ended[useful], seconds, share, d.judge.down)
	d.budget.fade(float32(fade))
	if d.judge.ease > 0 {
		d.budget.forgive()
	}
	d.state.Store(uint32(d.judge.state))
	d.bound.Store(uint32(d.judge.bound(now)))
	d.ease.Store(int32(d.judge.ease))
	d.spare.Store(uint64(d.relieved(now)))
	d.due.Store((d.counts.slot + 1) * slotSpan)
}

// relieved says whose retries need less of the budget, or none.
func (d *Detector) relieved(now int64) relief {
	lately := pressLately
	if d.judge.state == Recovering {
		lately = pressBefore
	}
	return d.pressure.relief(now, lately, d.judge.failedAt)
}

// forecast is how many retries can be admitted in a second. It goes down at
// once, and up slowly: what is promised must hold.
func (d *Detector) forecast() float64 {
	return d.cfg.Percent / 100 * min(d.budget.rate, d.answered)
}
