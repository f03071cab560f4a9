package connections

import (
	"errors"
	"strings"
)

// RefusedStream is the failure of a request that an HTTP/2 upstream told not to
// have processed: it refused its stream, or went away before it (RFC 9113,
// sections 8.7 and 6.8). Then it may be sent again whatever its method.
type RefusedStream struct{ error }

// Unwrap returns the cause.
func (e RefusedStream) Unwrap() error { return e.error }

// IsRefused says whether a request was refused so.
func IsRefused(err error) bool {
	_, ok := errors.AsType[RefusedStream](err)
	return ok
}

// streamError has the fields of net/http's error for a stream that was reset,
// which hands itself out as any such type.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (streamError) Error() string { return "stream error" }

// codeRefusedStream is REFUSED_STREAM (RFC 9113, section 7).
const codeRefusedStream = 0x7

// AsRefused returns a failure on an HTTP/2 connection as what it is, and whether the
// request was refused so.
func AsRefused(err error) (_ error, refused bool) {
	if neverTook(err) {
		return RefusedStream{err}, true
	}
	return err, false
}

// neverTook says whether a failure on an HTTP/2 connection is one of those. It must
// not be asked about any other connection, nor search in a text of which the
// upstream wrote a part (GOAWAY's debug data, a status line): a request that was
// carried out would be sent once more.
func neverTook(err error) bool {
	if s, ok := errors.AsType[streamError](err); ok {
		return s.Code == codeRefusedStream && s.Cause != nil && s.Cause.Error() == "received from peer"
	}
	// A GOAWAY that leaves the request out has no type, and these words in front.
	// One that doesn't has others ("server sent GOAWAY and closed the connection").
	return strings.HasPrefix(err.Error(), "http2: Transport received Server's graceful shutdown GOAWAY") ||
		strings.HasPrefix(err.Error(), "http2: Transport received GOAWAY from server")
}

// WentAway says whether an HTTP/2 upstream has ended the connection (GOAWAY) or
// the stream while the request was under way. It may have been carried out. The
// first has no type either, but words in front.
func WentAway(err error) bool {
	if s, ok := errors.AsType[streamError](err); ok {
		return s.Cause != nil && s.Cause.Error() == "received from peer"
	}
	return strings.HasPrefix(err.Error(), "http2: server sent GOAWAY and closed the connection")
}
