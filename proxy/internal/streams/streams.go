// Package streams makes streams of messages for tests of whatever reads HTTP/1.1:
// sound ones and such as readers differ about, mutated, one behind the other, and
// cut anywhere.
package streams

import (
	"bytes"
	"math/rand/v2"
	"slices"
)

// Requests are what streams are made of. Some are refused by strict readers,
// some by all.
var Requests = []string{
	"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET /flush?a=1;b=2&c=%zz HTTP/1.1\r\nHost: h:80\r\nX-A: b\r\nX-A: c\r\n\r\n",
	"HEAD /x HTTP/1.1\r\nhost: h\r\naccept: */*\r\n\r\n", "GET /trail HTTP/1.1\r\nHost: h\r\nTE: trailers\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 27\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
	"POST /trail HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1b\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n\r\n0\r\n\r\n",
	"PUT /%2f/.. HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\nTrailer: X-A, X-B\r\n\r\n2;a=b\r\nhi\r\n00\r\nX-A: 1\r\nX-B: 2\r\n\r\n",
	"GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET /flush HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n",
	"GET http://other/x?y HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
	"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade, keep-alive\r\n\r\n", "DELETE //a//b HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello\r\n",
	"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", "GET / HTTP/1.1\nHost: h\n\n", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
	"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: \r\n\r\n", "G\xffT / HTTP/1.1\r\nHost: h\r\n\r\n", "GET /\xe4 HTTP/1.1\r\nHost: h\r\nX: \xe4\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nConnection: Content-Length, Host, X-A\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nok",
	"POST / HTTP/1.1\r\nHost: h\r\nConnection: Transfer-Encoding, Trailer\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\nTrailer: X-A\r\n\r\n1\r\na\r\n0\r\nX-A: 1\r\nX-Undeclared: 2\r\n\r\n",
	"GET /a|b^c//../d;e?f#g HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n", "POST / HTTP/1.1\r\nHost: h\r\nContent_Length: 5\r\nTransfer-Encoding: identity\r\n\r\nhello",
}

// Responses are the same for what upstreams answer.
var Responses = []string{
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nto the end",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "HTTP/1.1 200\r\nX-A: b\r\nX-A: c\r\nContent-Length: 1\r\n\r\nx",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n1;a=b\r\no\r\n01\r\nk\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\n",
	"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok", "HTTP/1.0 404 Not Found\r\n\r\nnothing",
	"HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\nETag: \"a\"\r\n\r\n",
	"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 No\r\nContent-Length: 2\r\nConnection: close, X-A\r\nX-A: 1\r\n\r\nok",
	"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok",
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
	"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\nX: \xe4\r\n\r\n", "HTTP/1.1 999 \r\nContent-Length: 1\r\nConnection: Content-Length\r\n\r\nx",
}

// Generate makes a stream of up to four messages, each mutated with a chance of
// one in three, and cuts it into pieces.
func Generate(r *rand.Rand, from []string) (pieces [][]byte) {
	var stream []byte
	for range 1 + r.IntN(4) {
		m := []byte(from[r.IntN(len(from))])
		if r.IntN(3) == 0 {
			m = Mutate(r, m)
		}
		stream = append(stream, m...)
	}
	for len(stream) > 0 {
		n := len(stream)
		if r.IntN(2) == 0 {
			n = 1 + r.IntN(n)
		}
		pieces, stream = append(pieces, stream[:n]), stream[n:]
	}
	return pieces
}

// Mutate changes some bytes of m, which must not be empty, by those that parsers
// stumble over. It returns another slice.
func Mutate(r *rand.Rand, m []byte) []byte {
	const odd = "\r\n \t:;,0x+-\x00\x7f\xff/#?%\"[]@"
	m = bytes.Clone(m)
	for range 1 + r.IntN(3) {
		i := r.IntN(len(m))
		switch r.IntN(4) {
		case 0:
			m[i] = odd[r.IntN(len(odd))]
		case 1:
			m = slices.Insert(m, i, odd[r.IntN(len(odd))])
		case 2:
			m = slices.Delete(m, i, i+1)
		case 3:
			j := min(i+1+r.IntN(10), len(m))
			m = slices.Insert(m, j, m[i:j]...)
		}
		if len(m) == 0 {
			break
		}
	}
	return m
}

// Cut makes two pieces of b, or one where the cut isn't inside.
func Cut(b []byte, at uint16) [][]byte {
	if at := int(at); at > 0 && at < len(b) {
		return [][]byte{b[:at], b[at:]}
	}
	return [][]byte{b}
}
