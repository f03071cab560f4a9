// Package coalesce lets many requests for one key wait for one fetch.
//
// The first request's fetch runs on a goroutine of its own, and that request is
// a reader of it like all that join later: so the fetch outlives its client,
// and none who joined is hurt when that client leaves. Readers stream from the
// growing buffer; each starts to receive as soon as there is a byte, at its own
// pace and with its own context.
//
// What comes of a fetch:
//
//   - A response for all, which is also handed back for storing.
//   - A response for its own client alone. The others are told so at once
//     ([ErrUncacheable]) and go on by themselves, through admission: they must
//     not be serialised behind each other.
//   - A failure before the response began. It is told to that client. After
//     a jittered pause exactly one of the others fetches, and the rest waits
//     on: an upstream that fails isn't asked by all of them at once. After
//     MaxFailures in a row all are told.
//   - A failure in the middle. All are told; nobody can take it for the end.
//
// Memory is bounded. Up to MaxObject a fill is kept whole, for those who join
// late and for storing, while all fills together have room for that. A larger
// one, or one that there is no room for, is not stored, nobody joins it any
// more, and those who read it share a window of it. The upstream is then read
// at the pace of the slowest reader, but one that holds others up for longer
// than Patience is let go: else one client that reads slowly on purpose could
// hold up thousands, and if all slow ones were let go at once, nobody on a slow
// line could ever fetch a large file.
//
// No call reads a clock. Pauses and Patience are timers.
//
//	group.go   which fetch a request joins
//	flight.go  one key's fetches, one after the other, and who reads them
//	fill.go    what a fetch does with its response
//	buffer.go  the bytes between them
//	reader.go  what a request does
package coalesce
