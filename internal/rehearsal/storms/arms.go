package storms

import (
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/levee"
	"github.com/levee-proxy/levee/internal/rehearsal/rivals"
	"github.com/levee-proxy/levee/internal/rehearsal/sim"
	detector "github.com/levee-proxy/levee/limiter/storm"
)

// Arm is what stands between the clients and the service.
type Arm uint8

// The arms.
const (
	// Without: nothing does.
	Without Arm = iota
	// Limiter: Levee's limiter alone; refusals are plain 503s.
	Limiter
	// Wordless: everything, but refusals say nothing that a client could honour.
	Wordless
	// Everything as it is configured by default.
	Everything
)

// String names the arm as in the report.
func (a Arm) String() string {
	return [...]string{"without Levee", "limiter alone", "all but the words", "everything"}[a]
}

// Arms returns those that say something about a scenario.
func (s *Scenario) Arms() []Arm {
	if s.Honours() {
		return []Arm{Without, Limiter, Wordless, Everything}
	}
	return []Arm{Without, Limiter, Everything}
}

// gate makes the arm's gate, which looks for trouble from a moment on. The second result returns Levee's own, once the
// world runs; nil if it isn't in the way.
func (a Arm) gate(watch time.Duration) (sim.NewGate, func() *levee.Gate) {
	if a == Without {
		return rivals.None, func() *levee.Gate { return nil }
	}
	cfg := levee.Config{Heard: a == Limiter, Plain: a == Wordless, Watch: watch}
	if a != Limiter {
		cfg.Storm = &detector.Config{}
	}
	var g *levee.Gate
	return func(w *sim.World) sim.Gate {
		g = levee.New(w, cfg)
		return g
	}, func() *levee.Gate { return g }
}
