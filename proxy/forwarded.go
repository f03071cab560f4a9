package proxy

import (
	"bytes"
	"strings"
	"sync"
	"sync/atomic"
)

// forwarded are the forwarding fields of a request that came without any that
// count: those of the next one on its connection are the same, as a rule.
type forwarded struct {
	settings uint64 // of the generation, which isn't kept in memory for it
	minor    int    // of HTTP/1
	host     string
	lines    []byte // as HTTP/1.1 has them
}

// forwardsAsBefore are the forwarding fields of such a request, as long as one
// request at a time comes on its connection. Nil: it is another one.
func (x *exchange) forwardsAsBefore() *forwarded {
	in, c := x.r.Header, x.conn
	if c.Conn == nil || x.r.ProtoMajor != 1 || x.fetch != nil || x.run != nil || len(in[viaField]) > 0 {
		return nil
	}
	if c.trusted(x.gen) {
		for name := range in {
			if isForwarding(name) {
				return nil
			}
		}
	}
	f := c.forwarded
	if f == nil || f.settings != x.gen.forwards.settings || f.minor != x.r.ProtoMinor || f.host != x.r.Host {
		f = x.gen.forwards.of(x)
		c.forwarded = f
	}
	return f
}

// forwards are the forwarding fields under one generation's settings, of which
// there are few: connections from the same address to the same host share them.
type forwards struct {
	settings uint64

	mu   sync.Mutex
	same map[forwardedKey]*forwarded
}

// forwardedKey is all that they depend on, but the settings.
type forwardedKey struct {
	minor                    int
	host, peer, port, scheme string
}

// settings counts generations.
var settings atomic.Uint64

// maxForwards is how many are shared: who comes when there are so many has some
// of his own.
const maxForwards = 256

// of makes those of a request's, or finds them.
func (s *forwards) of(x *exchange) *forwarded {
	c := x.conn
	key := forwardedKey{x.r.ProtoMinor, x.r.Host, c.addrText, c.port, c.scheme}
	s.mu.Lock()
	f, full := s.same[key], len(s.same) >= maxForwards
	s.mu.Unlock()
	if f != nil {
		return f
	}
	f = &forwarded{settings: s.settings, minor: key.minor, host: strings.Clone(key.host)}
	var own ownFields
	own.begin(new([mostOwnFields]ownField), nil)
	own.forward(x, nil)
	f.lines = bytes.Clone(own.appendTo(nil))
	if full {
		return f
	}
	key.host = f.host // the request's own is in memory that is used again
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.same == nil {
		s.same = make(map[forwardedKey]*forwarded)
	}
	s.same[key] = f
	return f
}
