package config

import "strconv"

// The modes of a concurrency limit.
const (
	ModeAdaptive = "adaptive"
	ModeFixed    = "fixed"
	ModeOff      = "off"
)

// The names of priorities, as numbers: lower ones go first.
const (
	PriorityCritical   = 0
	PriorityDefault    = 4
	PriorityBackground = 7
)

// ParsePriority reads a priority as routes and headers have it: a name, or one
// digit from 0 to 7. False: it is neither.
func ParsePriority(s string) (level uint8, ok bool) {
	switch s {
	case "critical":
		return PriorityCritical, true
	case "default":
		return PriorityDefault, true
	case "background":
		return PriorityBackground, true
	}
	if len(s) == 1 && '0' <= s[0] && s[0] <= '7' {
		return s[0] - '0', true
	}
	return 0, false
}

// Most is how many requests may wait. Auto: as many as the limit, at least 48.
func (q *Queue) Most() (n int, auto bool) {
	n, err := strconv.Atoi(q.Length)
	return n, err != nil
}

// concurrency looks at an upstream's limits together.
func (v *validator) concurrency(path string, c *Concurrency) {
	sound := func(key string) bool { return !v.bad[join(path, key)] }
	switch {
	case !sound("mode") || !sound("limit"):
	case c.Mode == ModeFixed && c.Limit == 0:
		v.problem(join(path, "limit"), KindConflict, "mode fixed needs a limit; write limit: N, the most requests inflight at one endpoint")
	case c.Mode != ModeFixed && c.Limit > 0:
		v.problem(join(path, "limit"), KindConflict, "limit is for mode fixed, and the mode is %s; write mode: fixed, or bound the adaptive limit by min and max", c.Mode)
	}
	if !sound("min") || !sound("max") || !sound("initial") {
		return
	}
	if c.Min > c.Max {
		v.problem(join(path, "min"), KindConflict, "min is %d and max is %d; min can't be above max", c.Min, c.Max)
		return
	}
	if c.Initial > 0 && (c.Initial < c.Min || c.Initial > c.Max) {
		v.problem(join(path, "initial"), KindConflict, "initial is %d; it must be from min (%d) to max (%d)", c.Initial, c.Min, c.Max)
	}
}
