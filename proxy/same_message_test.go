package proxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/proxy/h1"
	"github.com/levee-proxy/levee/proxy/internal/streams"
)

// message is what a reader of a connection takes a request for.
type message struct {
	method, target, host string
	header, trailer      http.Header
	body                 string
	minor                int
}

// readLoosely reads the messages on a connection as net/http does, up to the
// first that isn't whole.
func readLoosely(b []byte) (all []*message) {
	br := bufio.NewReader(bytes.NewReader(b))
	for {
		if len(all) > 0 && all[len(all)-1].method == "POST" { // as its server does
			next, _ := br.Peek(4)
			_, _ = br.Discard(len(next) - len(bytes.TrimLeft(next, "\r\n")))
		}
		r, err := http.ReadRequest(br)
		if err != nil {
			return all
		}
		m, err := messageOf(r)
		if err != nil {
			return all
		}
		all = append(all, m)
	}
}

func messageOf(r *http.Request) (*message, error) {
	body, err := io.ReadAll(r.Body)
	return &message{r.Method, r.RequestURI, r.Host, r.Header, r.Trailer, string(body), r.ProtoMinor}, err
}

// readStrictly is the same by our own parser, with what is wrong with that.
func readStrictly(b []byte) (all []*message, why string) {
	limits := &h1.Limits{HeadBytes: 32 << 10, Fields: 100}
	reader := h1.NewReader(bytes.NewReader(b))
	for {
		if rest := reader.Peek(); len(all) > 0 && all[len(all)-1].method == "POST" && bytes.HasPrefix(rest, []byte("\r\n")) { // an empty line that old clients send
			_, _ = reader.Read(make([]byte, 2))
		}
		var head h1.RequestHead
		var u url.URL
		err := reader.ReadRequest(&head, limits)
		if err == nil {
			err = h1.ParseTarget(&u, head.Method, head.Target)
		}
		if bad, ok := errors.AsType[*h1.Error](err); ok {
			return all, bad.What
		}
		if err != nil {
			return all, err.Error()
		}
		var body h1.Body
		body.Reset(reader, head.Framing, limits)
		content, err := io.ReadAll(&body)
		if err != nil {
			return all, err.Error()
		}
		m := &message{head.Method, head.Target, head.Host, head.Header, head.Trailer, string(content), head.Minor}
		if u.Host != "" {
			m.host = u.Host
		}
		if m.trailer == nil {
			m.trailer = body.Trailer
		} else {
			maps.Copy(m.trailer, body.Trailer)
		}
		all = append(all, m)
	}
}

// endToEnd is what of a message is for the far end, in one text. What Levee
// writes itself, and what frames the message, are left out.
func (m *message) endToEnd() string {
	b := &strings.Builder{}
	host := m.host
	if host == "" {
		host = virtualHost // HTTP/1.0 has none, the upstream gets its own
	}
	fmt.Fprintf(b, "%s %s host=%q body=%q\n", m.method, originForm(m.target), writtenHost(host), m.body)
	header := endToEndOf(m.header)
	dropTwins(header, vouchedFields(&config.Config{}))
	if m.minor == 0 {
		delete(header, "Expect") // it means nothing there
	}
	for name := range header {
		if strings.HasPrefix(name, "X-Forwarded-") {
			delete(header, name)
		}
		switch name {
		case "Forwarded", "Via", "X-Request-Id", "X-Real-Ip", "X-Envoy-Attempt-Count", "X-Envoy-Expected-Rq-Timeout-Ms", "Grpc-Timeout", "Content-Length":
			delete(header, name)
		}
	}
	unfolded := func(value string) string { return strings.TrimRight(value, " \t") } // of a folded line, net/http keeps white space at its end
	writeFields(b, header, unfolded)
	writeFields(b, writtenTrailer(m.trailer), unfolded)
	return b.String()
}

// originForm is a target without its authority. Behind a leading //, net/url can't
// be kept from encoding what it would itself: see setOutgoingURL.
func originForm(target string) string {
	if _, rest, ok := strings.Cut(target, "://"); ok && target[0] != '/' {
		target = "/"
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			target += strings.TrimPrefix(rest[i:], "/")
		}
	}
	if strings.HasPrefix(target, "//") {
		if u, err := url.ParseRequestURI(target); err == nil {
			return u.RequestURI()
		}
	}
	return target
}

// writtenHost is a host as net/http's client writes it: in ASCII, and without the
// zone of an address. Ours reads and writes none that isn't ASCII, and lets the
// zone stand.
func writtenHost(host string) string {
	if ascii, err := httpguts.PunycodeHostPort(host); err == nil {
		host = ascii
	}
	if end := strings.LastIndex(host, "]"); end >= 0 && host[0] == '[' {
		if zone := strings.LastIndex(host[:end], "%"); zone >= 0 {
			return host[:zone] + host[end:]
		}
	}
	return host
}

const virtualHost = "10.0.0.1:80"

// witness is an upstream that answers each request that comes whole with its
// number, and keeps what came over each connection.
type witness struct {
	mu    sync.Mutex
	seen  []*message
	conns []*seenConn
}

type seenConn struct {
	raw      bytes.Buffer
	messages []*message
}

func (u *witness) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := pipe()
	c := &seenConn{}
	u.mu.Lock()
	u.conns = append(u.conns, c)
	u.mu.Unlock()
	go u.serve(theirs, c)
	return ours, nil
}

func (u *witness) serve(nc net.Conn, c *seenConn) {
	defer nc.Close()
	br := bufio.NewReader(io.TeeReader(nc, &c.raw))
	for {
		r, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		if r.Header["Expect"] != nil {
			_, _ = io.WriteString(nc, "HTTP/1.1 100 Continue\r\n\r\n")
		}
		m, err := messageOf(r)
		if err != nil {
			return
		}
		c.messages = append(c.messages, m)
		u.mu.Lock()
		n := len(u.seen)
		u.seen = append(u.seen, m)
		u.mu.Unlock()
		_, _ = fmt.Fprintf(nc, "HTTP/1.1 200 OK\r\nX-Seen: %d\r\nContent-Length: 2\r\n\r\n%s", n, "ok"[:2*bit(r.Method != "HEAD")])
	}
}

// passage is what became of a stream of requests.
type passage struct {
	means   []*message // the client's messages, as the engine's own parser has them
	answers []*http.Response
	up      *witness
}

// pass sends the pieces through a proxy with the engine.
func pass(t *testing.T, engine string, pieces [][]byte) *passage {
	p := &passage{up: &witness{}}
	stream := bytes.Join(pieces, nil)
	p.means = readLoosely(stream)
	if engine == "lean" {
		p.means, _ = readStrictly(stream)
	}
	synctest.Test(t, func(t *testing.T) {
		n := newVirtualTo(t, steady(unlimited(simple))+"engine: "+engine+"\n", Options{Dial: p.up.dial}, func() {})
		c := n.connect()
		got := make(chan []byte)
		go func() {
			b, _ := io.ReadAll(c)
			got <- b
		}()
		for _, piece := range pieces {
			_, _ = c.Write(piece) // it may have been enough before
			synctest.Wait()
		}
		time.Sleep(2 * time.Second) // whatever waits for an upstream's word, but for the rest of a header
		_ = c.(*pipeConn).CloseWrite()
		br := bufio.NewReader(bytes.NewReader(<-got))
		closes := false
		for i := 0; ; {
			method := "GET"
			if i < len(p.means) {
				method = p.means[i].method
			}
			resp, err := http.ReadResponse(br, &http.Request{Method: method})
			if err != nil {
				if !closes && err != io.ErrUnexpectedEOF { // net/http's refusals of a HEAD have a body
					t.Errorf("%q: %d. answer: %v", pieces, i+1, err)
				}
				return
			}
			_, err = io.Copy(io.Discard, resp.Body)
			if resp.StatusCode < 200 {
				continue
			}
			if err != nil {
				t.Errorf("%q: %d. answer's body: %v", pieces, i+1, err)
			}
			p.answers = append(p.answers, resp)
			closes = resp.Close
			i++
		}
	})
	return p
}

// forwarded is the message that reached the upstream for the client's i-th.
func (p *passage) forwarded(t *testing.T, i int) *message {
	t.Helper()
	n, err := strconv.Atoi(p.answers[i].Header.Get("X-Seen"))
	if err != nil {
		return nil // it is an answer of Levee's own
	}
	if n >= len(p.up.seen) {
		t.Fatalf("an answer to the %d. of %d requests", n+1, len(p.up.seen))
	}
	return p.up.seen[n]
}

// passedOn is what net/http's client writes although our parser refuses it, and
// why that is nobody's harm.
var passedOn = map[string]string{
	"no sound target":        "bytes beyond ASCII, '#', or * of any method are in a target that both take for the same",
	"no sound Host":          "likewise",
	"an unknown expectation": "an empty element beside 100-continue means nothing",
}

// alone says whether net/http forwards neither the client's i-th message nor any
// behind it, for a reason: it looks for keep-alive and close anywhere between
// characters that are no letters, and refuses expectations in HTTP/1.0, where
// they mean nothing (RFC 9110, section 10.1.1).
func (p *passage) alone(i int) bool {
	for _, m := range p.means[:i] {
		options := strings.ToLower(strings.Join(m.header["Connection"], ","))
		if strings.Contains(options, "close") || m.minor == 0 && strings.Contains(options, "keep-alive") {
			return true
		}
	}
	m := p.means[i]
	return m.minor == 0 && len(m.header["Expect"]) > 0
}

// samePassage sends the same bytes through a proxy with each engine. What its
// upstream gets means the same to a strict and to a lenient reader; it is what
// the client has sent, as the engine reads it; and what the lean engine lets
// through, the standard one does just so.
func samePassage(t *testing.T, pieces [][]byte) (forwarded int) {
	t.Helper()
	both := map[string]*passage{}
	for _, engine := range []string{"standard", "lean"} {
		p := pass(t, engine, pieces)
		both[engine] = p
		where := func() string { return fmt.Sprintf("%s: %q", engine, pieces) }
		for _, c := range p.up.conns {
			strict, why := readStrictly(c.raw.Bytes())
			if n := len(strict); n != len(c.messages) && (n > len(c.messages) || engine == "lean" || passedOn[why] == "") {
				t.Fatalf("%s\nof %q a strict reader takes %d messages, a lenient one %d: %s", where(), c.raw.Bytes(), len(strict), len(c.messages), why)
			}
			for i, m := range strict {
				if got, want := m.endToEnd(), c.messages[i].endToEnd(); got != want {
					t.Fatalf("%s\nis for a strict reader\n%s\nfor a lenient one\n%s", where(), got, want)
				}
			}
		}
		answered := 0
		for i := range p.answers {
			m := p.forwarded(t, i)
			if m == nil {
				continue
			}
			answered++
			if i >= len(p.means) {
				t.Fatalf("%s\nhas %d messages, the %d. reached the upstream:\n%s", where(), len(p.means), i+1, m.endToEnd())
			}
			if got, want := m.endToEnd(), p.means[i].endToEnd(); got != want {
				t.Fatalf("%s\n%d. was\n%s\nand reached the upstream as\n%s", where(), i+1, want, got)
			}
		}
		if answered != len(p.up.seen) {
			t.Fatalf("%s\n%d messages reached the upstream, %d were answered", where(), len(p.up.seen), answered)
		}
		forwarded = answered
	}
	lean, standard := both["lean"], both["standard"]
	for i := range lean.answers {
		m := lean.forwarded(t, i)
		if m == nil {
			continue
		}
		if lean.alone(i) {
			break
		}
		if i >= len(standard.answers) || standard.forwarded(t, i) == nil {
			t.Fatalf("%q\n%d. is forwarded by the lean engine alone:\n%s", pieces, i+1, m.endToEnd())
		}
		if got, want := m.endToEnd(), standard.forwarded(t, i).endToEnd(); got != want {
			t.Fatalf("%q\n%d. is forwarded as\n%s\nby net/http as\n%s", pieces, i+1, got, want)
		}
	}
	return forwarded
}

// TestSameMessage: generated streams of requests, some of them mutated, in pieces.
func TestSameMessage(t *testing.T) {
	manyPass(t, 1000, 3, 0.5, func(r *rand.Rand) int { return samePassage(t, streams.Generate(r, streams.Requests)) })
}

// TestSameMessageSplitAnywhere: each request cut at every byte, with another
// one behind it.
func TestSameMessageSplitAnywhere(t *testing.T) {
	step := 1
	if raceDetector {
		step = 13
	}
	for _, m := range streams.Requests {
		m += "GET /next HTTP/1.1\r\nHost: h\r\n\r\n"
		for at := 1; at < len(m); at += step {
			samePassage(t, streams.Cut([]byte(m), uint16(at)))
		}
	}
}

// FuzzSameMessage: whatever bytes come.
func FuzzSameMessage(f *testing.F) {
	for _, m := range streams.Requests {
		f.Add([]byte(m), uint16(0))
		f.Add([]byte(m+m), uint16(len(m)/2))
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		samePassage(t, streams.Cut(b, cut))
	})
}
