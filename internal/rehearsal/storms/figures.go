package storms

import (
	"math"
	"slices"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/plot"
	"github.com/levee-proxy/levee/internal/rehearsal/sim"
	detector "github.com/levee-proxy/levee/limiter/storm"
)

// figure draws a scenario's first run with each arm.
func (r *Rehearsed) figure() plot.Figure {
	every := r.Bucket.Seconds()
	series := func(row *Row, of func(*sim.Point) float64) []float64 {
		points := row.Runs[0].result.Series
		values := make([]float64, len(points))
		for i := range points {
			values[i] = of(&points[i]) / every
			if time.Duration(i)*r.Bucket < r.Warmup {
				values[i] = math.NaN()
			}
		}
		return values
	}
	offered := plot.Panel{Label: "attempts sent, per s", Log: true}
	let := plot.Panel{Label: "let through, per s", Log: r.Down()}
	useful := plot.Panel{Label: "useful, per s"}
	// The last first: each keeps its colour in all panels.
	for _, row := range slices.Backward(r.Rows) {
		line := func(of func(*sim.Point) float64) plot.Line {
			return plot.Line{Name: row.Arm.String(), Every: every, Values: series(&row, of), Faint: row.Arm == Without}
		}
		offered.Lines = append(offered.Lines, line(func(p *sim.Point) float64 { return float64(p.Attempts) }))
		useful.Lines = append(useful.Lines, line(func(p *sim.Point) float64 { return float64(p.Good) }))
		// Without Levee all is let through, and the axis would be its.
		if row.Arm != Without {
			let.Lines = append(let.Lines, line(func(p *sim.Point) float64 { return float64(p.Dispatched) }))
		}
	}
	let.Lines = append(let.Lines, plot.Line{Name: "can be worked off", Every: every, Values: r.able(), Faint: true})
	state := plot.Panel{Label: "state (2: storm)", Lines: []plot.Line{{Name: Everything.String(), Every: stateEvery.Seconds(), Values: states(r)}}}
	return plot.Figure{
		Title: r.Name, Seconds: r.Duration.Seconds(), Panels: []plot.Panel{offered, let, useful, state},
		Shade: [2]float64{r.From.Seconds(), r.To.Seconds()}, ShadeTag: r.Triggers[0].Kind.String(),
	}
}

// able is how many attempts a second the service can work off over time.
func (r *Rehearsed) able() []float64 {
	var all []float64
	for at := r.Bucket / 2; at < r.Duration; at += r.Bucket {
		c := r.Service.Capacity()
		if at >= r.From && at < r.To {
			c = r.capacity() / (r.To - r.From).Seconds()
			if r.Down() {
				c = 0
			}
		}
		all = append(all, c)
	}
	return all
}

const stateEvery = 50 * time.Millisecond

// states is the detector's state over time, in the first run with everything.
func states(r *Rehearsed) []float64 {
	changes := r.row(Everything).Runs[0].changes
	state := detector.Calm
	var all []float64
	for at := stateEvery; at <= r.Duration; at += stateEvery {
		for len(changes) > 0 && changes[0].At <= at {
			state, changes = changes[0].State, changes[1:]
		}
		all = append(all, float64(state))
	}
	return all
}
