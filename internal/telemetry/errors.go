package telemetry

import "errors"

var (
	// ErrNotFlushed says that a sink was closed before all that it held was
	// written: its writer took longer than the time given.
	ErrNotFlushed = errors.New("telemetry: sink not flushed in time")

	// ErrUnknownMode says that a word is no mode of the access log.
	ErrUnknownMode = errors.New("telemetry: unknown access log mode (all, errors or none)")
)
