package h1

import "net/http"

// Limits bound what a peer may send before it is refused.
type Limits struct {
	// HeadBytes is the size of a head, start line and all, in bytes; of a trailer
	// section likewise. It must be positive.
	HeadBytes int
	// Fields is how many field lines there may be; 0: as many as fit.
	Fields int
}

// store is where the fields of a head are put: a header whose values lie in one
// array. Both are used again for the next head.
type store struct {
	header http.Header
	values []string
}

// begin makes room for n values.
func (s *store) begin(n int) {
	if s.header == nil {
		s.header = make(http.Header, n)
	} else {
		clear(s.header)
	}
	if cap(s.values) < n {
		s.values = make([]string, 0, n)
	}
	clear(s.values)
	s.values = s.values[:0]
}

// add adds a field line.
func (s *store) add(name, value string) {
	if before, ok := s.header[name]; ok {
		s.header[name] = append(before, value)
		return
	}
	n := len(s.values)
	s.values = append(s.values, value)
	s.header[name] = s.values[n : n+1 : n+1]
}

// about is what the fields say of the message and its connection.
type about struct {
	lengths   int // how many lines
	length    string
	codings   int
	coding    string
	hosts     int
	host      string
	expect    string
	announces bool // it has a Trailer
	close     bool
	keepAlive bool
	upgrade   bool
}

// put fills the store with the fields of a head, and returns what they are about.
// Those that say nothing beyond this hop's framing are left out, as net/http
// does: Transfer-Encoding, and a request's Host.
func (s *store) put(head string, spans []span, request bool) (a about) {
	s.begin(len(spans))
	for _, f := range spans {
		name, value := head[f.name:f.nameEnd], head[f.value:f.valueEnd]
		switch name {
		case "Content-Length":
			a.lengths++
			a.length = value
		case "Transfer-Encoding":
			a.codings++
			a.coding = value
			continue
		case "Connection":
			a.connection(value)
		case "Host":
			if request {
				a.hosts++
				a.host = value
				continue
			}
		case "Expect":
			a.expect = value
		case "Trailer":
			a.announces = true
		}
		s.add(name, value)
	}
	return a
}

// connection reads the options of a Connection field.
func (a *about) connection(value string) {
	for option := range elements(value) {
		switch {
		case foldsTo(option, "close"):
			a.close = true
		case foldsTo(option, "keep-alive"):
			a.keepAlive = true
		case foldsTo(option, "upgrade"):
			a.upgrade = true
		}
	}
}

// closes says whether the connection ends with the message (RFC 9112, section 9.3).
func (a *about) closes(minor int) bool { return a.close || minor == 0 && !a.keepAlive }

// elements yields the elements of a list that aren't empty (RFC 9110, section 5.6.1).
func elements(list string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for list != "" {
			end := 0
			for end < len(list) && list[end] != ',' {
				end++
			}
			element := list[:end]
			list = list[min(end+1, len(list)):]
			for element != "" && (element[0] == ' ' || element[0] == '\t') {
				element = element[1:]
			}
			for element != "" && (element[len(element)-1] == ' ' || element[len(element)-1] == '\t') {
				element = element[:len(element)-1]
			}
			if element != "" && !yield(element) {
				return
			}
		}
	}
}

// foldsTo says whether s is a word, which is in lower case, in any case.
func foldsTo(s, word string) bool {
	if len(s) != len(word) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if classes[c]&isUpper != 0 {
			c ^= 0x20
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

// announced takes the names out of the Trailer field, as net/http does: only
// where there can be trailers.
func (s *store) announced() (http.Header, error) {
	trailer := http.Header{}
	for _, value := range s.header["Trailer"] {
		for name := range elements(value) {
			canon := []byte(name)
			if canonical(canon) < len(canon) || !mayTrail(string(canon)) {
				return nil, errTrailers
			}
			trailer[string(canon)] = nil
		}
	}
	delete(s.header, "Trailer")
	if len(trailer) == 0 {
		return nil, nil
	}
	return trailer, nil
}

// mayTrail says whether a field may come behind the body: not one that says
// where the message ends or whose it is (RFC 9110, section 6.5.1).
func mayTrail(name string) bool {
	switch name {
	case "Content-Length", "Transfer-Encoding", "Trailer", "Host":
		return false
	}
	return true
}
