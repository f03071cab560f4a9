package h1

import "net/http"

// Error is a message that breaks the rules. Where it ends isn't known any more,
// so its connection can carry no other one.
type Error struct {
	// Status is what a server answers. A client of an upstream takes any of them
	// for a 502.
	Status int
	// Section is where the rule stands, as in "RFC 9112, section 5.1".
	Section string
	// What says in a few words what is wrong. It holds nothing of the message.
	What string
}

// Error implements the error interface.
func (e *Error) Error() string { return e.What + " (" + e.Section + ")" }

func bad(section, what string) *Error {
	return &Error{Status: http.StatusBadRequest, Section: section, What: what}
}

// Limits that were passed. They are no faults of grammar, and some answer them
// differently.
var (
	ErrHeadTooLarge     = &Error{http.StatusRequestHeaderFieldsTooLarge, "RFC 6585, section 5", "the header is too large"}
	ErrTooManyFields    = &Error{http.StatusRequestHeaderFieldsTooLarge, "RFC 6585, section 5", "too many header fields"}
	ErrTrailerTooLarge  = bad("RFC 9112, section 7.1.2", "the trailers are too large")
	ErrTooManyTrailers  = bad("RFC 9112, section 7.1.2", "too many trailers")
	ErrExtensionTooLong = bad("RFC 9112, section 7.1.1", "chunk extensions are too long")
)

// ErrVersion is a version of HTTP other than 1.0 and 1.1.
var ErrVersion = &Error{http.StatusHTTPVersionNotSupported, "RFC 9110, section 15.6.6", "not HTTP/1.0 or HTTP/1.1"}

// ErrExpectation is an Expect other than 100-continue.
var ErrExpectation = &Error{http.StatusExpectationFailed, "RFC 9110, section 10.1.1", "an unknown expectation"}

// Faults of grammar.
var (
	errBareLF      = bad("RFC 9112, section 2.2", "a line that doesn't end in CRLF")
	errRequestLine = bad("RFC 9112, section 3", "no sound request line")
	errMethod      = bad("RFC 9110, section 9.1", "no sound method")
	errTarget      = bad("RFC 9112, section 3.2", "no sound target")
	errStatusLine  = bad("RFC 9112, section 4", "no sound status line")
	errFieldLine   = bad("RFC 9112, section 5", "no sound field line")
	errFold        = bad("RFC 9112, section 5.2", "a folded field line")
	errColon       = bad("RFC 9112, section 5.1", "white space before a colon")
	errFieldName   = bad("RFC 9110, section 5.1", "no sound field name")
	errFieldValue  = bad("RFC 9110, section 5.5", "no sound field value")

	errNoHost   = bad("RFC 9112, section 3.2", "no Host")
	errTwoHosts = bad("RFC 9112, section 3.2", "more than one Host")
	errHost     = bad("RFC 9110, section 7.2", "no sound Host")

	errLength     = bad("RFC 9110, section 8.6", "no sound Content-Length")
	errTwoLengths = bad("RFC 9112, section 6.3", "more than one Content-Length")
	errBoth       = bad("RFC 9112, section 6.1", "Content-Length together with Transfer-Encoding")
	errCoding     = bad("RFC 9112, section 6.1", "a Transfer-Encoding other than chunked")
	errTwoCodings = bad("RFC 9112, section 6.1", "more than one Transfer-Encoding")
	errCodingOld  = bad("RFC 9112, section 6.1", "Transfer-Encoding in HTTP/1.0")

	errChunk     = bad("RFC 9112, section 7.1", "no sound chunk")
	errExtension = bad("RFC 9112, section 7.1.1", "no sound chunk extension")
	errTrailer   = bad("RFC 9110, section 6.5.1", "a trailer that may not be one")
	errTrailers  = bad("RFC 9110, section 6.6.2", "no sound Trailer")
)
