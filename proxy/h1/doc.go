// Package h1 is the grammar of HTTP/1.1 as RFC 9112 writes it: heads are
// parsed, bodies are framed and unframed, and nothing is decided that is not in
// the message itself. When to read, how long to wait and what to answer is up to
// who uses it: a server on the clients' side, a client on the upstream's.
//
// It is strict where being lenient would let two readers of the same bytes see
// two different messages, which is what request smuggling is made of (RFC 9112,
// section 11.2): a proxy in front may have read them otherwise. So a bare LF, a
// folded line, a second length or a length beside a transfer coding ends the
// message with an [*Error], after which the connection is of no more use.
//
// It is tolerant in four places, where no framing is at stake and real peers
// would be cut off: a target may hold any visible ASCII but '#', a field value
// bytes above 0x7f, a status line may end behind the code without the space,
// and a 204 that comes with framing fields is read as the bodyless answer it is
// ([ResponseHead.Close] is set then).
//
// What costs allocations in other parsers is done once a message: the head is
// checked and its names made canonical in the reader's buffer, then copied to one
// string, of which all names and values are parts. Who keeps one of them for
// long should clone it, or keeps the whole head.
//
//	reader.go                     bytes, buffered; the buffer is lent
//	section.go, chars.go          heads and trailers, line by line
//	fields.go                     what the fields say
//	request.go, target.go         a request's head, its target and Host
//	response.go                   a response's head
//	framing.go                    where the body ends
//	body.go, chunk.go             the body
//	write.go                      the other way round
//	errors.go                     what is wrong, and what to answer
package h1
