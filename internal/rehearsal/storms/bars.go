package storms

import (
	"fmt"
	"math"
)

// The bars. A share is the mean over a scenario's runs where one run of a few
// seconds is a matter of luck, and the worst of them otherwise.
const (
	upstreamBar = 1.1 // of what the service can work off, at most; the worst run
	goodputBar  = 0.95
	knownBar    = onset
	// retriesBar is the share of useful answers that may be retries while
	// congested, and what is added to it: until the storm is known, and for the
	// retries that come without a header and are taken for first attempts.
	retriesBar, retriesMore = 0.10, 0.03
	recoveryBar             = 2.0 // seconds
	fallBar                 = 0.80
	// probeBar is how many retries a second may probe a service that is down.
	probeBar = 2.0
)

// Row is what several runs of a scenario with an arm came to.
type Row struct {
	Arm Arm
	// Runs are in the order of the seeds, which count from 1.
	Runs []Measures
}

// Rehearsed is a scenario with a row for each arm.
type Rehearsed struct {
	Scenario
	Rows []Row
}

// Rehearse plays scenarios with some arms, or with all that say something about
// them, so often each.
func Rehearse(all []Scenario, seeds int, arms ...Arm) ([]Rehearsed, error) {
	var done []Rehearsed
	for _, s := range all {
		r := Rehearsed{Scenario: s}
		with := arms
		if len(with) == 0 {
			with = s.Arms()
		}
		for _, arm := range with {
			row := Row{Arm: arm}
			for seed := range seeds {
				m, err := s.Play(arm, uint64(seed+1))
				if err != nil {
					return nil, err
				}
				row.Runs = append(row.Runs, m)
			}
			r.Rows = append(r.Rows, row)
		}
		done = append(done, r)
	}
	return done, nil
}

// row returns an arm's; nil if it wasn't played.
func (r *Rehearsed) row(a Arm) *Row {
	for i := range r.Rows {
		if r.Rows[i].Arm == a {
			return &r.Rows[i]
		}
	}
	return nil
}

func (r *Row) mean(of func(*Measures) float64) float64 {
	sum := 0.0
	for i := range r.Runs {
		sum += of(&r.Runs[i])
	}
	return sum / float64(len(r.Runs))
}

func (r *Row) worst(of func(*Measures) float64) float64 {
	most := math.Inf(-1)
	for i := range r.Runs {
		most = max(most, of(&r.Runs[i]))
	}
	return most
}

func upstream(m *Measures) float64      { return m.Upstream }
func goodput(m *Measures) float64       { return m.Goodput }
func attempts(m *Measures) float64      { return float64(m.Attempts) }
func amplification(m *Measures) float64 { return m.Amplification }
func retries(m *Measures) float64       { return m.Retries }
func retryRate(m *Measures) float64     { return m.RetryRate }
func recovery(m *Measures) float64      { return m.Recovery }
func shedBefore(m *Measures) float64    { return float64(m.ShedBefore) }

// knownAfter is in seconds; infinite for never.
func knownAfter(m *Measures) float64 {
	if m.Known < 0 {
		return math.Inf(1)
	}
	return m.Known.Seconds()
}

func undone(m *Measures) float64 {
	if m.Undone {
		return 1
	}
	return 0
}

// Fall returns by which share the attempts of clients that honour what they
// are told fall against plain refusals by the limiter alone, in all and of the
// retries alone.
func (r *Rehearsed) Fall() (all, again float64) {
	plain, told := r.row(Limiter), r.row(Everything)
	requests := plain.mean(func(m *Measures) float64 { return float64(m.Requests) })
	a, b := plain.mean(attempts), told.mean(attempts)
	return 1 - b/a, 1 - (b-requests)/(a-requests)
}

// Missed says which bars everything misses in a scenario, and by what.
func (r *Rehearsed) Missed() []string {
	var all []string
	row := r.row(Everything)
	most := func(what string, value, bar float64, format string) {
		if !(value <= bar) {
			all = append(all, fmt.Sprintf("%s: "+format+", at most "+format, what, value, bar))
		}
	}
	most("attempts at the service, of what it can work off", row.worst(upstream), upstreamBar, "%.3f")
	if r.Down() {
		most("retries a second that reach the service while it is down", row.worst(retryRate), probeBar, "%.2f")
	} else {
		if g := row.mean(goodput); g < goodputBar {
			all = append(all, fmt.Sprintf("goodput: %.1f%% of the ideal, at least %.0f%%", 100*g, 100*goodputBar))
		}
		most("retries at the service, of what is answered well", row.worst(retries), retriesBar+retriesMore, "%.3f")
	}
	if !r.Calmed() {
		most("seconds until the storm is known", row.worst(knownAfter), knownBar.Seconds(), "%.2f")
	}
	most("seconds until all is well", row.worst(recovery), recoveryBar, "%.2f")
	most("recoveries that were undone", row.worst(undone), 0, "%.0f")
	most("attempts shed before the trigger", row.worst(shedBefore), 0, "%.0f")
	if r.Honours() && len(r.Clients) == 1 && len(r.Clients[0].Above) > 0 {
		if fall, _ := r.Fall(); fall < fallBar {
			all = append(all, fmt.Sprintf("attempts of clients that do what they are told fall by %.1f%%, at least %.0f%%", 100*fall, 100*fallBar))
		}
	}
	return all
}
