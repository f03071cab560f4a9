package limiter

import "time"

// Try admits w if Acquire would do so at once, and otherwise does nothing and
// counts nothing: for what is worth sending only where there is room, such as a
// retry, which must never wait in front of those that haven't been sent at all.
// It reports whether w holds a permit now, which End gives back.
func (l *Limiter) Try(now time.Time, w *Waiter) bool {
	t := l.begin(now, w)
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.of[w.Class]
	l.bury(t, g, 0)
	if !g.free() || !l.inTime(t, w) {
		return false
	}
	l.admit(t, g, w)
	return true
}
