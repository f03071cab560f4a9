package coalesce

import (
	"errors"
	"fmt"
)

// What a request is told instead of a response.
var (
	// ErrKeyFull: as many wait for this key as may.
	ErrKeyFull = errors.New("coalesce: too many wait for this key")
	// ErrFull: as many wait for all keys together as may.
	ErrFull = errors.New("coalesce: too many wait")
	// ErrUncacheable: the response is for another client alone. Fetch your own.
	ErrUncacheable = errors.New("coalesce: the response can't be shared")
	// ErrTruncated: the response ended before it was whole. It wraps the cause.
	ErrTruncated = errors.New("coalesce: the response was cut off")
	// ErrTooSlow: this reader held up others for too long.
	ErrTooSlow = errors.New("coalesce: reads too slowly")
	// ErrNoAnswer: the fetch returned and said nothing.
	ErrNoAnswer = errors.New("coalesce: the fetch brought no answer")
	// ErrAbandoned: what is fetched isn't stored and nobody reads it any more. A
	// fetch is told so when it writes.
	ErrAbandoned = errors.New("coalesce: nobody waits for the response")
	// ErrClosed: the reader was closed before.
	ErrClosed = errors.New("coalesce: the reader is closed")
)

// PanicError is what all are told when a fetch panicked. Nobody takes over: the
// next might panic as well.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("coalesce: the fetch panicked: %v", e.Value) }

func cutOff(cause error) error {
	if errors.Is(cause, ErrTruncated) {
		return cause
	}
	return fmt.Errorf("%w: %w", ErrTruncated, cause)
}
