package cache

import "time"

// Restored is the policy of a response that was age old at now, as a snapshot
// says that was read then. What the clock shows from now on counts: a clock that
// was set back while Levee didn't run makes the response no younger, and one
// that jumps later changes nothing. An age below that at which it came counts as
// that.
func (p Policy) Restored(age time.Duration, now time.Time) Policy {
	p.received = now.Add(-max(min(age, longest)-p.initialAge, 0))
	return p
}

// StaleSince is the policy of a response that was made stale at a time, by a
// soft purge of which nothing else will be known after a restart. What was stale
// before stays so.
func (p Policy) StaleSince(at time.Time) Policy {
	p.lifetime = min(p.lifetime, p.Age(at))
	return p
}
