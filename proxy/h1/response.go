package h1

import "net/http"

// ResponseHead is the head of a response, interim or final. What is said of
// [RequestHead] about reading into it again holds here too.
type ResponseHead struct {
	Status int    // from 100 to 999
	Text   string // the code and the reason phrase, as in "404 Not Found"
	Minor  int    // of HTTP/1.Minor: 0 or 1
	// Header has all fields but Transfer-Encoding, and Trailer where there are
	// chunks.
	Header  http.Header
	Trailer http.Header // the names that were announced, without values; nil: none
	// Framing is that of the body that follows; None for interim responses,
	// answers to HEAD, 204 and 304, whatever their fields say.
	Framing Framing
	// ContentLength is what the fields say, also where no body follows; -1: nothing.
	ContentLength int64
	// Close: no other message follows on the connection.
	Close   bool
	Upgrade bool // Connection says upgrade

	line   int // where the status line ends
	fields store
}

// Interim says whether another response to the same request follows. 101 is
// none: what follows it is no HTTP.
func (h *ResponseHead) Interim() bool {
	return h.Status < 200 && h.Status != http.StatusSwitchingProtocols
}

// ReadResponse reads a response's head, up to the first byte of its body.
// toHead: the request was HEAD. An end before its first byte is io.EOF; an
// [*Error] says what is wrong with it.
func (r *Reader) ReadResponse(h *ResponseHead, toHead bool, limits *Limits) error {
	head, err := r.section(h, limits, true)
	if err != nil {
		return err
	}
	text := string(head)
	h.Text = text[versionLen+1 : h.line]
	if h.Text == "200 OK" {
		h.Text = "200 OK" // the constant, which spares those who keep it the whole head
	}
	about := h.fields.put(text, r.buf.spans, false)
	h.Header = h.fields.header
	return h.understand(&about, toHead)
}

// understand is what the fields say together.
func (h *ResponseHead) understand(a *about, toHead bool) error {
	framing, err := a.framing(h.Minor)
	bodyless := toHead || h.Status < 200 || h.Status == http.StatusNoContent || h.Status == http.StatusNotModified
	h.Close, h.Upgrade, h.Trailer, h.ContentLength = a.closes(h.Minor), a.upgrade, nil, framing.ContentLength()
	if framing.Kind == None {
		h.ContentLength = -1
	}
	switch {
	case err != nil:
		return err
	case h.Status == http.StatusNoContent, h.Status < 200:
		// These have no framing fields; where they come with some, their sender
		// may send a body as well, which nobody may take for the next answer.
		h.Framing, h.ContentLength = Framing{}, -1
		delete(h.Header, "Content-Length")
		if framing.Kind == Chunked || framing.Length > 0 {
			h.Close = true
		}
	case bodyless:
		h.Framing = Framing{}
	case framing.Kind == None:
		h.Framing, h.Close = Framing{Kind: ToClose}, true
	default:
		h.Framing = framing
	}
	if a.announces && framing.Kind == Chunked {
		if h.Trailer, err = h.fields.announced(); err != nil {
			return err
		}
	}
	return nil
}

const versionLen = len("HTTP/1.1")

// startLine implements starter, by a status line. The code begins at a fixed place.
func (h *ResponseHead) startLine(line []byte) (err error) {
	if len(line) < versionLen+4 || line[versionLen] != ' ' {
		return errStatusLine
	}
	if h.Minor, err = parseVersion(line[:versionLen], errStatusLine); err != nil {
		return err
	}
	code, rest := line[versionLen+1:versionLen+4], line[versionLen+4:]
	if code[0] < '1' || code[0] > '9' || code[1] < '0' || code[1] > '9' || code[2] < '0' || code[2] > '9' {
		return errStatusLine
	}
	if len(rest) > 0 && (rest[0] != ' ' || !isText(rest)) {
		return errStatusLine
	}
	h.Status = 100*int(code[0]-'0') + 10*int(code[1]-'0') + int(code[2]-'0')
	h.line = len(line)
	return nil
}
