package proxy

import (
	"fmt"
	"time"
)

// maxEjections bounds how many times longer than the first a repeated ejection gets.
const maxEjections = 10

// eject takes an endpoint out of use after failures in a row, if the share of
// endpoints that may be out allows it. It comes back by itself, on a ramp; one
// that fails again stays out longer each time.
func (u *Upstream) eject(e *endpoint, now time.Time, why string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	ejected := 0
	for _, other := range u.endpoints {
		other.mu.Lock()
		if other.ejected {
			ejected++
		}
		other.mu.Unlock()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ejected || u.retired {
		return
	}
	if (ejected+1)*100 > u.cfg.Ejection.MaxPercent*len(u.endpoints) {
		if e.streak.Load() == int64(u.cfg.Ejection.ConsecutiveFailures) { // told once
			u.log.Warn("endpoint failing; too many would be ejected", "upstream", u.cfg.Name, "endpoint", e.address, "reason", why)
		}
		return
	}
	base := time.Duration(u.cfg.Ejection.Duration)
	if !e.returned.IsZero() && now.Sub(e.returned) > maxEjections*base {
		e.ejections = 0 // it had been well for long
	}
	e.ejections = min(e.ejections+1, maxEjections)
	length := base * time.Duration(e.ejections)
	e.ejected, e.since = true, now
	e.reason = fmt.Sprintf("%d failures in a row, the last: %s; back after %s", e.streak.Load(), why, length)
	e.streak.Store(0)
	e.out.Store(true)
	e.until = now.Add(length)
	e.timer = time.AfterFunc(length, func() { u.readmit(e) })
	u.rebuild()
	u.log.Warn("endpoint ejected", "upstream", u.cfg.Name, "endpoint", e.address, "reason", why, "for", length.String())
}

// readmit ends an ejection.
func (u *Upstream) readmit(e *endpoint) {
	now := time.Now()
	u.mu.Lock()
	defer u.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.ejected || u.retired {
		return
	}
	e.ejected, e.returned = false, now
	if !e.unhealthy {
		e.comeBack(now, "back from ejection")
	}
	e.streak.Store(0)
	u.rebuild()
	u.log.Info("endpoint back from ejection", "upstream", u.cfg.Name, "endpoint", e.address)
}

// succeed takes over, at now, what was found of an endpoint's health by the
// upstream that its own takes the place of.
func (e *endpoint) succeed(o *endpoint, now time.Time) {
	e.attempts.Store(o.attempts.Load())
	e.failures.Store(o.failures.Load())
	e.streak.Store(o.streak.Load())
	e.wasted.Store(o.wasted.Load())
	e.rampFrom.Store(o.rampFrom.Load())
	o.mu.Lock()
	defer o.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unhealthy, e.ejected, e.ejections, e.until, e.returned = o.unhealthy, o.ejected, o.ejections, o.until, o.returned
	e.since, e.reason, e.lastError, e.failing, e.wasting, e.wastes = o.since, o.reason, o.lastError, o.failing, o.wasting, o.wastes
	e.out.Store(e.unhealthy || e.ejected)
	if e.ejected {
		e.timer = time.AfterFunc(e.until.Sub(now), func() { e.up.readmit(e) })
	}
}

// comeBack puts the endpoint into use again, on a ramp. e.mu must be held.
func (e *endpoint) comeBack(now time.Time, reason string) {
	e.out.Store(e.ejected || e.unhealthy)
	e.since, e.reason = now, reason
	e.startRamp(now)
}
