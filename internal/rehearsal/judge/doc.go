// Package judge decides how good a limiter is: it runs limiters through a grid
// of services, loads and clients in the simulator, and through named scenarios,
// measures what docs/limiter-results.md reports, and writes it.
//
//	cell.go         one point of the grid, as a scenario
//	grid.go         which points are run
//	contestants.go  who is judged
//	measure.go      what one run is worth
//	drift.go        the row on services that become slower and wider
//	scenarios.go    the named scenarios
//	verdict.go      medians and worst cells over a grid
//	run.go          many runs on all cores, in a fixed order
//	cost.go         what the calls of Levee's limiter cost
//	report.go       the document and its plots
package judge
