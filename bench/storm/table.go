package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/levee-proxy/levee/bench/internal/markdown"
)

// writeTable writes the lines as a Markdown table that can also be read as it is.
func writeTable(w io.Writer, through way, lines []line) error {
	rows := [][]string{
		{"scenario", "ideal", "goodput, of it", "simulated", "at the service, of what it can do", "99% back", "shed before", "shed after", "p50, p99 of good", "requests", "attempts", "sent since the trigger, and with plain 503s", "CPU an attempt", "verdict"},
		{"*bar*", "", "≥ " + percent(goodputBar), "", "≤ " + percent(limitedBar), "≤ " + seconds(backBar), "0", "0 or ≤ 0.1%", "", "", "", percent(fallBar) + " fewer", "", ""},
	}
	for i := range lines {
		rows = append(rows, lines[i].cells())
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s; of several runs: minimum, median, maximum\n\n", map[way]string{
		throughLevee: "Through levee run, with no configuration",
		stormOff:     "Through levee run, with storm: {mode: off}",
		limitOff:     "Through levee run, with storm: {mode: off} and concurrency: {mode: off}",
		direct:       "Without Levee",
	}[through])
	markdown.Table(&b, rows)
	b.WriteByte('\n')
	for i := range lines {
		lines[i].instrument(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cells are the line's columns.
func (l *line) cells() []string {
	runs := l.fit()
	if len(runs) == 0 {
		return append(append([]string{l.Scenario}, make([]string, 12)...), l.verdict())
	}
	back := spread(runs, figures.wait, seconds)
	if slices.ContainsFunc(runs, func(f figures) bool { return f.Undone }) {
		back += ", undone once"
	}
	sent := number(median(runs, func(f figures) int { return f.Sent }))
	if against := median(runs, func(f figures) int { return f.Against }); against > 0 {
		sent += fmt.Sprintf(", %d: %s fewer", against, spread(runs, figures.fall, percent))
	}
	return []string{
		l.Scenario,
		percent(median(runs, func(f figures) float64 { return f.Ideal })),
		spread(runs, func(f figures) float64 { return f.Goodput }, percent),
		spread(runs, func(f figures) float64 { return f.Simulated }, percent),
		spread(runs, func(f figures) float64 { return f.Upstream }, percent),
		back,
		spread(runs, func(f figures) int { return f.ShedBefore }, number),
		spread(runs, func(f figures) float64 { return f.AfterShare }, percent),
		milliseconds(median(runs, func(f figures) time.Duration { return f.P50 })) + ", " +
			milliseconds(median(runs, func(f figures) time.Duration { return f.P99 })),
		number(median(runs, func(f figures) int { return f.Requests })),
		number(median(runs, func(f figures) int { return f.Attempts })),
		sent,
		spread(runs, func(f figures) time.Duration { return f.CPU }, microseconds),
		l.verdict(),
	}
}

// verdict says it in words.
func (l *line) verdict() string {
	v := "met"
	switch {
	case l.Unfit == len(l.Runs):
		return "not measured: the machine was too busy"
	case !l.Met:
		v = "missed: " + strings.Join(l.Missed, "; ")
	}
	if l.Unfit > 0 {
		v += fmt.Sprintf(" (%d of %d runs not counted: the machine was too busy)", l.Unfit, len(l.Runs))
	}
	return v
}

// instrument says how well the figures were measured.
func (l *line) instrument(w io.Writer) {
	f := func(of func(figures) float64) float64 { return most(l.Runs, of) }
	fmt.Fprintf(w, "%s: requests sent %s late (p99; worst %s), the service's timers %s; cores used: clients %.2f, service %.2f, levee %.2f, others %.2f (the highest of the runs)\n",
		l.Scenario,
		milliseconds(most(l.Runs, func(f figures) time.Duration { return f.Slip })),
		milliseconds(most(l.Runs, func(f figures) time.Duration { return f.SlipWorst })),
		milliseconds(most(l.Runs, func(f figures) time.Duration { return f.Late })),
		f(func(f figures) float64 { return f.Clients }), f(func(f figures) float64 { return f.Service }),
		f(func(f figures) float64 { return f.Levee }), f(func(f figures) float64 { return f.Others }))
}

// spread writes a figure of several runs: once, if they agree.
func spread[T float64 | int | time.Duration](runs []figures, of func(figures) T, text func(T) string) string {
	low, mid, high := text(least(runs, of)), text(median(runs, of)), text(most(runs, of))
	if low == high {
		return low
	}
	if len(runs) == 2 {
		return low + ", " + high
	}
	return low + ", " + mid + ", " + high
}

func percent(x float64) string {
	if x > 0 && x < 0.01 {
		return fmt.Sprintf("%.2f%%", 100*x)
	}
	return fmt.Sprintf("%.1f%%", 100*x)
}

func number(n int) string { return fmt.Sprint(n) }

func seconds(d time.Duration) string {
	if d == forEver {
		return "never"
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// afterwards says when all was well again.
func afterwards(d time.Duration) string {
	if d == forEver {
		return "never back"
	}
	return "back after " + seconds(d)
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

func microseconds(d time.Duration) string {
	return fmt.Sprintf("%.0f µs", float64(d)/float64(time.Microsecond))
}
