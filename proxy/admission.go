package proxy

import (
	"time"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/limiter"
)

// newLimiter makes the limiter of one endpoint, or nil where there is none.
// What another one of the same service has learned may be handed on.
func newLimiter(cfg *config.Concurrency, learned *limiter.State, now time.Time) *limiter.Limiter {
	c := limiter.Config{
		Min: float64(cfg.Min), Max: float64(cfg.Max), Initial: float64(cfg.Initial),
		QueueBytes: int(cfg.Queue.Bytes), State: learned,
	}
	switch cfg.Mode {
	case config.ModeOff:
		return nil
	case config.ModeFixed:
		c.Fixed = float64(cfg.Limit)
	}
	most, auto := cfg.Queue.Most()
	switch {
	case auto: // as many as the limit
	case most == 0:
		c.Queue = -1
	default:
		c.Queue = most
	}
	return limiter.New(c, now)
}
