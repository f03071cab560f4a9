// Package telemetry is how Levee tells what it does: its log, the access log
// and the metrics.
//
// One law holds for all of it: telemetry can never slow or stop a request.
// A line goes into a [Ring] of fixed size, from which one goroutine writes.
// When that goroutine can't keep up, because the disk is full, a pipe is read
// by nobody or a collector is slow, lines are dropped and counted: the ring
// never blocks, never grows and never keeps the memory of a request alive.
// How much was dropped is itself told in numbers ([SinkStats], the metric
// levee_telemetry_dropped_total) and, at most once per interval, in a line
// where the gap is; never by one event for each loss, because a storm of
// events about lost events is how telemetry takes services down.
//
// Metrics are counted in place with atomics and put into OpenTelemetry's form
// only when somebody scrapes them.
//
// The package imports no other package of the project.
package telemetry
