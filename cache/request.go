package cache

import (
	"crypto/sha256"
	"net/http"
)

// Request is a client's request as it is going to be sent upstream. Fill the
// exported fields, then call [Config.Prepare]; after that it is only read.
type Request struct {
	Method string
	Scheme string // http or https
	Host   string // as sent, with its port if it has one
	Target string // path and query as sent, nothing decoded or cleaned

	// Header has canonical names. It is kept and read, never changed.
	Header http.Header

	// Content tells that the request has content: a Content-Length above 0, or a
	// body of unknown length, even if it turns out to be empty.
	Content bool

	// ContentSum is what [SumContent] returned for the content of a QUERY. While
	// it is unknown the cache takes no part.
	ContentSum [sha256.Size]byte

	wishes     wishes
	authorized bool
	unlisted   bool
	conditions conditions
}

// conditions are the fields that are there and can change the form of an answer.
type conditions uint8

const (
	ifMatch conditions = 1 << iota
	ifNoneMatch
	ifModifiedSince
	ifUnmodifiedSince
	ranged
)

// Prepare reads what the decisions need of the request's header, once and in one
// pass.
func (c *Config) Prepare(r *Request) {
	r.authorized, r.unlisted, r.conditions, r.wishes = false, false, 0, wishes{}
	wishes := false
	for name := range r.Header {
		switch name {
		case "Authorization":
			r.authorized = true
		case "Cache-Control", "Pragma":
			wishes = true
		case "If-Match":
			r.conditions |= ifMatch
		case "If-None-Match":
			r.conditions |= ifNoneMatch
		case "If-Modified-Since":
			r.conditions |= ifModifiedSince
		case "If-Unmodified-Since":
			r.conditions |= ifUnmodifiedSince
		case "Range":
			r.conditions |= ranged
		default:
			r.unlisted = r.unlisted || c.Unlisted == UnlistedBypass && !c.Listed(name)
		}
	}
	if wishes && !c.IgnoreClients {
		r.wishes = readWishes(r.Header)
	}
}

// Bypass tells why the cache takes no part in a request: its method, content
// that no key covers, or a field that isn't listed. ReasonNone: it does.
func (r *Request) Bypass() Reason {
	switch {
	case r.unlisted:
		return ReasonUnlisted
	case r.Method == MethodQuery && r.ContentSum != [sha256.Size]byte{}:
		return ReasonNone
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return ReasonMethod
	case r.Content:
		// RFC 9110 §9.3.1: content of a GET means nothing that is agreed on, so a
		// key without it would let one client decide what the others get.
		return ReasonRequestBody
	}
	return ReasonNone
}

// OnlyIfCached: the client wants a stored answer or 504, nothing from upstream
// (RFC 9111 §5.2.1.7). False on routes that ignore clients' wishes.
func (r *Request) OnlyIfCached() bool { return r.wishes.onlyIfCached }

// SumContent is the part that the content of a QUERY takes in the key, with
// what the request says about it (RFC 10008 §2.7).
func SumContent(h http.Header, content []byte) [sha256.Size]byte {
	sum := sha256.New()
	var length [8]byte
	write := func(s string) {
		for i := range length {
			length[i] = byte(len(s) >> (8 * i))
		}
		sum.Write(length[:])
		sum.Write([]byte(s))
	}
	for _, field := range [...]string{"Content-Type", "Content-Encoding", "Content-Language"} {
		for _, value := range h[field] {
			write(value)
		}
		write("")
	}
	sum.Write(content)
	return [sha256.Size]byte(sum.Sum(nil))
}
