package connections

import "errors"

// Why no connection was had. Those but ErrNoUpgrade come within a [DialError] or a
// [HandshakeError].
var (
	ErrConnectDeadline   = errors.New("no connection in time")
	ErrHandshakeDeadline = errors.New("no TLS handshake in time")
	ErrNoDescriptor      = errors.New("no file descriptor is left for a connection to the upstream")
	ErrNoUpgrade         = errors.New("the endpoint speaks HTTP/2 only, which has no websocket upgrade here")
	ErrNoHTTP2           = errors.New("the upstream took the connection and ended it without a word of HTTP/2")
	errNoStream          = errors.New("the upstream allows no further stream")
)

// DialError is a failure before a connection was there.
type DialError struct{ Err error }

// Error implements error.
func (e *DialError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *DialError) Unwrap() error { return e.Err }

// HandshakeError is a failure of TLS towards an upstream.
type HandshakeError struct{ Err error }

// Error implements error.
func (e *HandshakeError) Error() string { return "TLS: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *HandshakeError) Unwrap() error { return e.Err }
