// Package client is one HTTP/1.1 connection to an upstream, and what it takes to
// send requests on it one after the other.
//
// It differs from net/http's in what a proxy can't do without:
//
//   - A request is sent once. When its connection dies, that is the request's
//     failure; whether it may be sent again is decided elsewhere, and paid for.
//   - What answers must be HTTP/1.1 to the letter ([h1.Error] says what isn't).
//     A response is never followed by another one that nobody asked for: bytes
//     left over make the connection unfit, see [Conn.Reusable].
//   - The request is written and the response read on the caller's goroutine. Only
//     a body that has to be waited for is sent by a second one, so that an answer
//     may come before its end; it ends with the request.
//   - An idle connection has neither goroutine nor buffer. So nobody notices when it
//     ends or something comes: who keeps connections must look before using one
//     again, at the socket itself.
//
// A request's context interrupts whatever waits, by the connection's deadline;
// afterwards the connection is of no use.
//
//	conn.go      a request's way there and back
//	request.go   how it is written
//	upload.go    its body, where that is waited for
//	answer.go    the response's body
//	tunnel.go    a connection that has switched protocols
package client
