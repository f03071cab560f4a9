package main

import "fmt"

// The exit codes beside 0.
const (
	exitFailure = 1 // it failed while running
	exitUsage   = 2 // wrong flags or a wrong configuration
)

// exitError ends the process with a code of its choice. Without err, everything
// has been said already.
type exitError struct {
	code int
	err  error
	// hint is said after it: what would help.
	hint string
}

// Error implements error.
func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

// Unwrap returns the cause.
func (e *exitError) Unwrap() error {
	return e.err
}

// failed says that something went wrong while running.
func failed(err error) error {
	return &exitError{code: exitFailure, err: err}
}

// refused says that the flags or the configuration are wrong.
func refused(err error) error {
	return &exitError{code: exitUsage, err: err}
}

// wrapFailure is failed for errors that may be nil.
func wrapFailure(err error) error {
	if err == nil {
		return nil
	}
	return failed(err)
}
