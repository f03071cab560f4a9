package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// The bars that every scenario has; the one for what is shed is its own.
const (
	goodputBar = 0.95            // of the ideal, at least
	limitedBar = 1.1             // of what the service can work off reaches it, at most
	fallBar    = 0.80            // fewer attempts by clients that do what they are told, at least
	backBar    = 2 * time.Second // after the trigger's end, at most
)

// line is a scenario's verdict over its runs.
type line struct {
	Scenario string    `json:"scenario"`
	Story    string    `json:"story"`
	Through  way       `json:"through"`
	Runs     []figures `json:"runs"`
	// Met says that every bar was met: goodput by the median of the runs, the
	// rest by each of them.
	Met bool `json:"met"`
	// Missed says which bar was missed, and by what.
	Missed []string `json:"missed,omitempty"`
	// Unfit counts runs during which the machine was too busy for the figures
	// to mean anything; they are not judged.
	Unfit int `json:"unfit,omitempty"`
}

// judgeRuns holds a scenario's runs against the bars.
func judgeRuns(s scenario, through way, runs []figures) line {
	l := line{Scenario: s.Name, Story: s.Story, Through: through, Runs: runs}
	fit := l.fit()
	l.Unfit = len(runs) - len(fit)
	miss := func(missed bool, format string, a ...any) {
		if missed {
			l.Missed = append(l.Missed, fmt.Sprintf(format, a...))
		}
	}
	if len(fit) == 0 {
		miss(true, "not measured")
		return l
	}
	goodput := median(fit, func(f figures) float64 { return f.Goodput })
	miss(goodput < goodputBar, "goodput %s of the ideal, at least %s", percent(goodput), percent(goodputBar))
	back := most(fit, figures.wait)
	miss(back > backBar, "%s, at most %s", afterwards(back), seconds(backBar))
	if s.Limited {
		reached := most(fit, func(f figures) float64 { return f.Upstream })
		miss(reached > limitedBar, "%s of what the service can do reached it, at most %s", percent(reached), percent(limitedBar))
	}
	if s.Against != "" && through == throughLevee {
		fall := least(fit, figures.fall)
		miss(fall < fallBar, "%s fewer attempts than with plain refusals, at least %s", percent(fall), percent(fallBar))
	}
	before := most(fit, func(f figures) int { return f.ShedBefore })
	miss(before > 0, "%d shed before, none may be", before)
	share := most(fit, func(f figures) float64 { return f.AfterShare })
	if s.ShedBar == 0 {
		after := most(fit, func(f figures) int { return f.ShedAfter })
		miss(after > 0, "%d shed after, none may be", after)
	} else {
		miss(share > s.ShedBar, "%s shed after, at most %s", percent(share), percent(s.ShedBar))
	}
	l.Met = len(l.Missed) == 0
	return l
}

// fit returns the runs whose figures mean something.
func (l *line) fit() []figures {
	return slices.DeleteFunc(slices.Clone(l.Runs), func(f figures) bool { return f.Unfit != "" })
}

// forEver is longer than any wait.
const forEver = time.Duration(math.MaxInt64)

// wait is how long it took to be back, for ever if it never happened.
func (f figures) wait() time.Duration {
	if f.Back == never {
		return forEver
	}
	return f.Back
}

// median returns the middle of a figure over runs; the lower one of two.
func median[T cmp.Ordered](runs []figures, of func(figures) T) T {
	values := each(runs, of)
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

func least[T cmp.Ordered](runs []figures, of func(figures) T) T { return slices.Min(each(runs, of)) }

func most[T cmp.Ordered](runs []figures, of func(figures) T) T { return slices.Max(each(runs, of)) }

func each[T any](runs []figures, of func(figures) T) []T {
	var values []T
	for _, f := range runs {
		values = append(values, of(f))
	}
	return values
}
