package server

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/levee-proxy/levee/proxy/h1"
	"github.com/levee-proxy/levee/proxy/internal/streams"
)

// scripted is a connection whose client sends pieces, then ends its side, and
// takes all that is sent back.
type scripted struct {
	pieces [][]byte
	mu     sync.Mutex
	got    bytes.Buffer
	closed chan struct{}
	once   sync.Once
	past   bool // a read deadline has passed
}

func newScripted(pieces [][]byte) *scripted {
	return &scripted{pieces: slices.Clone(pieces), closed: make(chan struct{})}
}

func (c *scripted) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.past:
		return 0, os.ErrDeadlineExceeded
	case len(c.pieces) == 0:
		return 0, io.EOF
	}
	n := copy(p, c.pieces[0])
	if c.pieces[0] = c.pieces[0][n:]; len(c.pieces[0]) == 0 {
		c.pieces = c.pieces[1:]
	}
	return n, nil
}

func (c *scripted) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.got.Write(p)
}

func (c *scripted) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.past = !t.IsZero() && !t.After(time.Now())
	return nil
}
func (c *scripted) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c *scripted) SetWriteDeadline(time.Time) error { return nil }
func (c *scripted) Close() error                     { c.once.Do(func() { close(c.closed) }); return nil }
func (c *scripted) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *scripted) RemoteAddr() net.Addr             { return &net.TCPAddr{} }

// seen is what a handler saw, and what its client got.
type seen struct {
	requests []string
	whole    []bool // their bodies were read to the end
	answers  []string
	refused  string // by the lean engine
}

// handler notes requests, and answers with what it saw.
func (s *seen) handler(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	b := &strings.Builder{}
	fmt.Fprintf(b, "%s %s %s url=%q host=%q length=%d te=%v body=%q close=%v\n", r.Method, r.RequestURI, r.Proto, r.URL, r.Host, r.ContentLength, r.TransferEncoding, body, r.Close)
	for _, h := range []http.Header{r.Header, r.Trailer} {
		names := make([]string, 0, len(h))
		for name := range h {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			fmt.Fprintf(b, "%s: %q\n", name, h[name])
		}
		b.WriteString("--\n")
	}
	s.requests = append(s.requests, b.String())
	s.whole = append(s.whole, err == nil)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	switch {
	case strings.Contains(r.URL.Path, "flush"):
		w.(http.Flusher).Flush()
	case strings.Contains(r.URL.Path, "trail"):
		w.Header().Set("Trailer", "X-T")
		defer w.Header().Set("X-T", "t")
	}
	io.WriteString(w, b.String())
}

// read takes apart what the client got.
func (s *seen) read(c *scripted, methods []string) {
	br := bufio.NewReader(&c.got)
	for _, method := range methods {
		for {
			resp, err := http.ReadResponse(br, &http.Request{Method: method})
			if err != nil {
				return
			}
			body, err := io.ReadAll(resp.Body)
			resp.Header.Del("Date")
			s.answers = append(s.answers, fmt.Sprint(resp.Proto, resp.StatusCode, resp.TransferEncoding, resp.ContentLength, resp.Close, resp.Header, resp.Trailer, string(body), err))
			if resp.StatusCode >= 200 {
				break
			}
		}
	}
}

func (s *seen) methods() (m []string) {
	for _, r := range s.requests {
		method, _, _ := strings.Cut(r, " ")
		m = append(m, method)
	}
	return m
}

// byLean gives the pieces to the lean engine, byNetHTTP to net/http's server.
func byLean(pieces [][]byte) *seen {
	s := &seen{}
	c := newScripted(pieces)
	New(Config{
		Handler: http.HandlerFunc(s.handler), Limits: h1.Limits{HeadBytes: 8 << 10, Fields: 50}, Header: 5 * time.Second, Idle: time.Minute,
		Refused: func(_ net.Conn, _ int, why string) []byte { s.refused = why; return nil },
	}).Serve(c)
	s.read(c, s.methods())
	return s
}

func byNetHTTP(pieces [][]byte) *seen {
	s := &seen{}
	c := newScripted(pieces)
	l := &oneConn{c: make(chan net.Conn, 1), done: make(chan struct{})}
	l.c <- c
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		s.handler(w, r)
	}), DisableGeneralOptionsHandler: true, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, ErrorLog: logTo(make(chan string, 100))}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(l) }()
	<-c.closed
	synctest.Wait()
	server.Close()
	<-served
	s.read(c, s.methods())
	return s
}

type oneConn struct {
	c    chan net.Conn
	done chan struct{}
	once sync.Once
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.c:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l *oneConn) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// differences are those that are meant, each with its reason; why the lean
// engine refuses what net/http takes. What isn't here is a fault.
var differences = []struct{ why, reason string }{
	{"a line that doesn't end in CRLF", "a bare LF ends a line for some readers only"},
	{"a folded field line", "some take it for a field of its own"},
	{"Content-Length together with Transfer-Encoding", "one reader believes the one, one the other"},
	{"more than one Content-Length", "also where they are the same: who sent two was confused"},
	{"Transfer-Encoding in HTTP/1.0", "net/http ignores it, others don't"},
	{"a Transfer-Encoding other than chunked", "refused by net/http as well, mostly"},
	{"white space before a colon", "refused by net/http as well"},
	{"no sound request line", "net/http takes a version like HTTP/1.9"},
	{"no sound target", "net/http takes what is no path, * of any method, and bytes that are no characters of a target"},
	{"no sound field value", "net/http takes what HTTP/1.0 did"},
	{"no sound field name", "likewise"},
	{"no sound Host", "net/http takes more characters"},
	{"no Host", "an empty line before a request, say"},
	{"not HTTP/1.0 or HTTP/1.1", "net/http takes any HTTP/1"},
	{"an unknown expectation", "net/http refuses it too, but not 100-continue beside another one"},
	{"no sound Trailer", "net/http leaves out what may be no trailer"},
	{"too many header fields", "net/http has no such limit"},
	{"the header is too large", "net/http has another limit"},
	{"the header broke off", "net/http says nothing"},
	{"more than one Host", "refused by net/http as well"},
	{"no sound method", "refused by net/http as well"},
	{"no sound Content-Length", "net/http takes 19 digits, and a sign of zero"},
	{"no sound field line", "refused by net/http as well"},
	{"more than one Transfer-Encoding", "refused by net/http as well"},
}

// alone says whether a request is one that we take and net/http may not.
func alone(request string) bool {
	line, _, _ := strings.Cut(request, "\n")
	if strings.HasPrefix(line, "CONNECT ") {
		return true // its target is a host for us, and a URL's for net/http, which looks for escapes in it
	}
	// In HTTP/1.0 an expectation has no meaning and is to be ignored (RFC 9110,
	// section 10.1.1); net/http refuses those that it doesn't know.
	return strings.Contains(line, " HTTP/1.0 ") && strings.Contains(request, "Expect: ")
}

// sloppy says whether net/http reads an option out of a Connection field that
// isn't one: it takes any occurrence of the word that stands between characters
// which are no letters.
func sloppy(request string) bool {
	for line := range strings.Lines(request) {
		value, ok := strings.CutPrefix(line, "Connection: ")
		if !ok {
			continue
		}
		value = strings.ReplaceAll(strings.Trim(value, "[]\"\n"), `" "`, ",")
		for option := range strings.SplitSeq(strings.ToLower(value), ",") {
			option = strings.TrimSpace(option)
			for _, word := range []string{"close", "keep-alive"} {
				if option != word && strings.Contains(option, word) {
					return true
				}
			}
		}
	}
	return false
}

// compare gives the same bytes to both servers. Whatever reaches our handler
// whole, net/http's got just so.
func compare(t *testing.T, pieces [][]byte) (accepted int) {
	t.Helper()
	var ours, theirs *seen
	synctest.Test(t, func(t *testing.T) { ours = byLean(pieces) })
	synctest.Test(t, func(t *testing.T) { theirs = byNetHTTP(pieces) })
	text := func() string { return fmt.Sprintf("%q", pieces) }
	for i, r := range ours.requests {
		if !ours.whole[i] {
			break // neither will go on
		}
		accepted++
		switch {
		case i >= len(theirs.requests) && alone(r):
			return accepted
		case i >= len(theirs.requests):
			t.Fatalf("%s\n%d. reached our handler alone:\n%s", text(), i+1, r)
		case !theirs.whole[i]:
			t.Fatalf("%s\n%d. has a whole body for us alone:\n%s", text(), i+1, r)
		case sloppy(r):
			return accepted
		case r != theirs.requests[i]:
			t.Fatalf("%s\n%d. is for us\n%s\nfor net/http\n%s", text(), i+1, r, theirs.requests[i])
		}
	}
	for i, a := range ours.answers[:min(accepted, len(ours.answers))] {
		if i < len(theirs.answers) && a != theirs.answers[i] {
			t.Fatalf("%s\n%d. answer, ours\n%s\nnet/http's\n%s", text(), i+1, a, theirs.answers[i])
		}
	}
	if ours.refused != "" && !slices.ContainsFunc(differences, func(d struct{ why, reason string }) bool {
		return strings.HasPrefix(ours.refused, d.why)
	}) {
		t.Fatalf("%s\nwas refused: %s", text(), ours.refused)
	}
	// What we don't refuse, and net/http takes, we take.
	if ours.refused == "" && len(ours.requests) < len(theirs.requests) && !slices.Contains(ours.whole, false) {
		t.Fatalf("%s\nnet/http saw %d requests, we %d, and refused nothing", text(), len(theirs.requests), len(ours.requests))
	}
	return accepted
}

// TestAgreesWithNetHTTP: generated streams of messages, some of them mutated, in
// pieces.
func TestAgreesWithNetHTTP(t *testing.T) {
	accepted := 0
	for seed := range uint64(2000) {
		accepted += compare(t, streams.Generate(rand.New(rand.NewPCG(seed, 1)), streams.Requests))
	}
	if accepted < 1300 {
		t.Errorf("only %d requests were accepted", accepted)
	}
}

// TestAgreesSplitAnywhere: each message in two pieces, cut at every boundary,
// with another one behind it.
func TestAgreesSplitAnywhere(t *testing.T) {
	for _, m := range streams.Requests {
		m += "GET /next HTTP/1.1\r\nHost: h\r\n\r\n"
		for i := 1; i < len(m); i++ {
			compare(t, [][]byte{[]byte(m[:i]), []byte(m[i:])})
		}
	}
}

// FuzzServer: whatever bytes come, in one piece or two, what we accept net/http
// accepts with the same meaning.
func FuzzServer(f *testing.F) {
	for _, m := range streams.Requests {
		f.Add([]byte(m), uint16(0))
		f.Add([]byte(m+m), uint16(len(m)/2))
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		if len(b) > 0 {
			compare(t, streams.Cut(b, cut))
		}
	})
}
