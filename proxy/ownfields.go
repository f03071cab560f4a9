package proxy

import (
	"net/http"
	"strings"

	"github.com/levee-proxy/levee/proxy/h1"
	"github.com/levee-proxy/levee/proxy/internal/fields"
)

// ownFields are the header fields of a request that Levee has a say in, towards
// an upstream: each takes the place of what the client said by the same name.
//
// They are kept apart from the client's header because most requests need no
// other one: over HTTP/1.1 of our own both are written down one behind the
// other. Only net/http's transport wants a map of them (see [attempt.header]).
type ownFields struct {
	list   []ownField
	values *fields.Values // where their texts stand
}

// ownField is one of them. Without values it is left out.
type ownField struct {
	name   string
	values []string
}

// mostOwnFields is how many there are of a request at most, as a rule.
const mostOwnFields = 12

// begin takes room for them, and where their texts go.
func (o *ownFields) begin(room *[mostOwnFields]ownField, values *fields.Values) {
	o.list, o.values = room[:0], values
}

// set says a field. Of several of a name, the last counts.
func (o *ownFields) set(name, value string) { o.put(name, o.values.List(value)) }

// drop leaves a field out, whatever the client said.
func (o *ownFields) drop(name string) { o.put(name, nil) }

func (o *ownFields) put(name string, values []string) {
	for i := range o.list {
		if o.list[i].name == name {
			o.list[i].values = values
			return
		}
	}
	o.list = append(o.list, ownField{name, values})
}

// has says whether a field is one of them.
func (o *ownFields) has(name string) bool {
	for i := range o.list {
		if o.list[i].name == name {
			return true
		}
	}
	return false
}

// appendTo appends their lines.
func (o *ownFields) appendTo(b []byte) []byte {
	for i := range o.list {
		for _, value := range o.list[i].values {
			b = h1.AppendField(b, o.list[i].name, value)
		}
	}
	return b
}

// copyTo puts them into a header.
func (o *ownFields) copyTo(h http.Header) {
	for i := range o.list {
		if f := &o.list[i]; f.values != nil {
			h[f.name] = f.values
		} else {
			delete(h, f.name)
		}
	}
}

// AppendFields appends the header of the attempt's request. It implements
// [client.Fields].
func (a *attempt) AppendFields(b []byte) []byte {
	in, vouched := a.x.r.Header, a.x.gen.vouched
	listed := fields.ListedIn(in)
	for name, values := range in {
		switch {
		case fields.HopByHop(name), a.forwarded != nil && isForwarding(name), a.own.has(name), isTwin(name, vouched), listed != nil && fields.Lists(listed, name):
			continue
		case name == "Content-Length", name == "Host": // which follow from the message itself
			continue
		}
		for _, value := range values {
			b = h1.AppendField(b, name, value)
		}
	}
	if a.forwarded != nil {
		b = append(b, a.forwarded.lines...)
	}
	return a.own.appendTo(b)
}

// Expects says whether its client waits for a 100 before it sends the body. It
// implements [client.Fields].
func (a *attempt) Expects() bool { return a.expects }

// header is that of the attempt's request, as net/http's transport wants it.
func (a *attempt) header() http.Header {
	x := a.x
	in := x.r.Header
	h := make(http.Header, len(in)+12)
	fields.CopyEndToEnd(h, in)
	dropTwins(h, x.gen.vouched)
	if a.forwarded != nil {
		a.own.values = nil // the exchange's texts are its own goroutine's
		a.own.forward(x, nil)
		a.forwarded = nil
	}
	a.own.copyTo(h)
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = nil // or net/http would add its own
	}
	return h
}

// dropTwins removes fields with an underscore whose name would be taken, by
// servers that turn both into the same variable (CGI and WSGI do), for a
// field that Levee vouches for.
func dropTwins(h http.Header, vouched map[string]bool) {
	for name := range h {
		if isTwin(name, vouched) {
			delete(h, name)
		}
	}
}

func isTwin(name string, vouched map[string]bool) bool {
	return strings.IndexByte(name, '_') >= 0 && vouched[strings.ToLower(strings.ReplaceAll(name, "_", "-"))]
}
