package proxy

import (
	"context"
	"log/slog"
	"time"

	"github.com/levee-proxy/levee/limiter/storm"
)

const (
	// A state may change as often as the load does: so many lines at once, and
	// one more after so long, tell what there is to tell.
	stormLines     = 10
	stormLineEvery = 10 * time.Second

	// stormTick is how often the state is looked at while it isn't calm.
	stormTick = 250 * time.Millisecond
)

// look sees whether the state has changed. It is asked after each event, and
// costs a comparison where it hasn't.
func (in *inbound) look(now time.Time) {
	if uint32(in.detector.State()) != in.seen.Load() {
		in.changed(now)
	}
}

// changed writes a line about the change, and lets time pass until all is calm
// again: a state must also end when no request comes any more.
func (in *inbound) changed(now time.Time) {
	in.mu.Lock()
	defer in.mu.Unlock()
	before, state := storm.State(in.seen.Load()), in.detector.State()
	if before == state {
		return // another was quicker
	}
	in.seen.Store(uint32(state))
	if !in.runs && state != storm.Calm {
		in.runs = true
		if in.timer == nil {
			in.timer = time.AfterFunc(stormTick, in.tick)
		} else {
			in.timer.Reset(stormTick)
		}
	}
	if !in.lines.AllowN(now, 1) {
		in.unsaid++
		return
	}
	level := slog.LevelInfo
	if state == storm.Storm {
		level = slog.LevelWarn
	}
	s := in.detector.Status(now)
	attrs := []any{"upstream", in.upstream, "from", before.String(), "to", state.String(), "why", s.Why}
	if in.unsaid > 0 {
		attrs = append(attrs, "suppressed", in.unsaid)
		in.unsaid = 0
	}
	in.log.Log(context.Background(), level, "clients' retries", attrs...)
}

func (in *inbound) tick() {
	now := time.Now()
	in.detector.Tick(now)
	in.look(now)
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.runs = in.detector.State() != storm.Calm; in.runs {
		in.timer.Reset(stormTick)
	}
}
