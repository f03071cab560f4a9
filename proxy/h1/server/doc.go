// Package server reads HTTP/1.1 requests off clients' connections, strictly,
// and calls an [http.Handler] with them.
//
// It takes the place of net/http's server where most of a proxied request's cost
// was net/http's. What it does otherwise:
//
//   - Framing that another server could read differently is refused, by package
//     h1's parser; the refusal is worded by whoever runs the server.
//   - A connection is one goroutine. Nothing reads in the background: whether a
//     client has left is looked at from time to time, for the requests that take
//     long and whose context somebody waits for (sweep.go).
//   - A connection between two requests holds no buffer (source.go).
//   - Deadlines cost a call to the runtime only when they come close (deadline.go).
//   - A short answer is one write: header, body and end (response.go).
//
// A handler may use all that [http.ResponseController] offers. It may write
// before it has read the body: EnableFullDuplex changes nothing. HTTP/2 is handed
// over to another server, which ALPN or the first bytes tell (handover.go).
//
// # When a client has left
//
// As net/http has it, a client that has closed its side of the connection has
// left, and the request's context ends: also one that only half-closes it and
// would still read. Unlike there, a client is also noticed to have left when it
// had sent a further request before, and when it resets the connection in the
// middle of a body that nobody reads. Bytes that come are no departure.
package server
