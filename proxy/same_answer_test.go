package proxy

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/levee-proxy/levee/proxy/h1"
	"github.com/levee-proxy/levee/proxy/internal/streams"
)

// response is what a reader of a connection takes an answer for.
type response struct {
	status          int
	header, trailer http.Header
	body            string
}

// answerLoosely reads the answer to a request as net/http does, behind the interim
// ones. whole: so it was. rest: how many bytes follow.
func answerLoosely(b []byte, method string) (a *response, whole bool, rest int) {
	br := bufio.NewReader(bytes.NewReader(b))
	for {
		r, err := http.ReadResponse(br, &http.Request{Method: method})
		if err != nil {
			return nil, false, 0
		}
		if r.StatusCode < 200 && r.StatusCode != http.StatusSwitchingProtocols {
			continue
		}
		body, err := io.ReadAll(r.Body)
		left, _ := io.ReadAll(br)
		return &response{r.StatusCode, r.Header, r.Trailer, string(body)}, err == nil, len(left)
	}
}

// answerStrictly is the same by our own parser.
func answerStrictly(b []byte, method string) (a *response, whole bool, rest int) {
	limits := &h1.Limits{HeadBytes: 64 << 10}
	reader := h1.NewReader(bytes.NewReader(b))
	for {
		var head h1.ResponseHead
		if reader.ReadResponse(&head, method == http.MethodHead, limits) != nil {
			return nil, false, 0
		}
		if head.Interim() {
			continue
		}
		var body h1.Body
		body.Reset(reader, head.Framing, limits)
		content, err := io.ReadAll(&body)
		left, _ := io.ReadAll(reader)
		trailer := http.Header{}
		maps.Copy(trailer, head.Trailer)
		maps.Copy(trailer, body.Trailer)
		return &response{head.Status, head.Header, trailer, string(content)}, err == nil, len(left)
	}
}

// endToEnd is what of an answer is for the client, in one text, without what
// Levee or its server add.
func (a *response) endToEnd() string {
	b := &strings.Builder{}
	fmt.Fprintf(b, "%d body=%q\n", a.status, a.body)
	header := endToEndOf(a.header)
	for _, name := range []string{"Content-Length", "Date", "X-Request-Id", "Content-Type", "Proxy-Status", "Via", "X-Content-Type-Options"} {
		delete(header, name)
	}
	// net/http reads names with a space in them, and writes none.
	maps.DeleteFunc(header, func(name string, _ []string) bool { return !httpguts.ValidHeaderFieldName(name) })
	writeFields(b, header, func(value string) string { return value })
	writeFields(b, writtenTrailer(a.trailer), func(value string) string { return value })
	return b.String()
}

// relayed asks, through a proxy with the engine, an upstream that answers with
// the pieces and ends, and returns all that the client gets.
func relayed(t *testing.T, engine, method string, pieces [][]byte) (got []byte) {
	synctest.Test(t, func(t *testing.T) {
		dial := func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := pipe()
			go func() {
				defer theirs.Close()
				if _, err := http.ReadRequest(bufio.NewReader(theirs)); err != nil {
					return
				}
				for _, piece := range pieces {
					_, _ = theirs.Write(piece)
					time.Sleep(time.Millisecond)
				}
			}()
			return ours, nil
		}
		n := newVirtualTo(t, steady(unlimited(simple))+"engine: "+engine+"\n", Options{Dial: dial}, func() {})
		c := n.connect()
		all := make(chan []byte)
		go func() {
			b, _ := io.ReadAll(c)
			all <- b
		}()
		_, _ = io.WriteString(c, method+" / HTTP/1.1\r\nHost: h\r\n\r\n")
		time.Sleep(time.Second)
		_ = c.(*pipeConn).CloseWrite()
		got = <-all
	})
	return got
}

// closesAndLists says whether an answer's Connection has close and something else.
// net/http takes the whole field away then, and what it lists is passed on.
func closesAndLists(sent []byte, method string) bool {
	said, _, _ := answerStrictly(sent, method)
	options := strings.ToLower(strings.Join(said.header["Connection"], ","))
	return strings.Contains(options, "close") && strings.Contains(options, ",")
}

// sameAnswer lets an upstream send the same bytes through a proxy with each
// engine. What the client gets is one answer, which a strict and a lenient reader
// take for the same; where it is whole and the upstream's, it is what the
// upstream has sent, as the engine reads it; and what the lean engine passes on
// whole, the standard one does just so.
func sameAnswer(t *testing.T, method string, pieces [][]byte) (passed int) {
	t.Helper()
	sent := bytes.Join(pieces, nil)
	texts := map[string]string{}
	for _, engine := range []string{"standard", "lean"} {
		got := relayed(t, engine, method, pieces)
		where := func() string { return fmt.Sprintf("%s: %s %q\nbecame\n%q", engine, method, pieces, got) }
		a, whole, rest := answerLoosely(got, method)
		strict, strictly, strictRest := answerStrictly(got, method)
		switch {
		case whole != strictly || rest != strictRest:
			t.Fatalf("%s\nwhole for a lenient reader: %v, for a strict one: %v; %d and %d bytes follow", where(), whole, strictly, rest, strictRest)
		case !whole:
			continue
		case rest > 0 && a.status != http.StatusSwitchingProtocols:
			t.Fatalf("%s\n%d bytes follow the answer", where(), rest)
		case a.endToEnd() != strict.endToEnd():
			t.Fatalf("%s\nis for a lenient reader\n%s\nfor a strict one\n%s", where(), a.endToEnd(), strict.endToEnd())
		case a.header.Get("Proxy-Status") != "" && len(a.header["X-Request-Id"]) > 0:
			continue // Levee's own
		}
		read := answerLoosely
		if engine == "lean" {
			read = answerStrictly
		}
		said, complete, _ := read(sent, method)
		if said == nil || !complete {
			t.Fatalf("%s\nis whole for the client alone", where())
		}
		if got, want := a.endToEnd(), said.endToEnd(); got != want {
			t.Fatalf("%s\nwas\n%s\nand reached the client as\n%s", where(), want, got)
		}
		texts[engine] = a.endToEnd()
		passed++
	}
	if text, ok := texts["lean"]; ok && text != texts["standard"] && !closesAndLists(sent, method) {
		t.Fatalf("%s %q\nis for the client\n%s\nby net/http\n%s", method, pieces, text, texts["standard"])
	}
	return passed
}

// TestSameAnswer: generated streams of answers, some of them mutated, in pieces.
func TestSameAnswer(t *testing.T) {
	manyPass(t, 2000, 4, 0.25, func(r *rand.Rand) int {
		method := []string{"GET", "GET", "HEAD"}[r.IntN(3)]
		return sameAnswer(t, method, streams.Generate(r, streams.Responses))
	})
}

// FuzzSameAnswer: whatever bytes come.
func FuzzSameAnswer(f *testing.F) {
	for _, m := range streams.Responses {
		f.Add([]byte(m), uint16(0), false)
		f.Add([]byte(m), uint16(len(m)/2), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint16, head bool) {
		method := "GET"
		if head {
			method = "HEAD"
		}
		sameAnswer(t, method, streams.Cut(b, cut))
	})
}
