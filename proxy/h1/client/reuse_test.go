package client

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestLetGo: a response whose body was let go serves others, of which each is
// its own and nothing else; one that wasn't stays as it was.
func TestLetGo(t *testing.T) {
	c, u := pair(t)
	type kept struct {
		id   string
		resp *http.Response
	}
	var all []kept
	for i := range 200 {
		id := fmt.Sprint(i)
		framing := "Content-Length: " + fmt.Sprint(len(id)) + "\r\n\r\n" + id
		if i%3 == 0 {
			framing = fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\nX-T: %s\r\n\r\n", len(id), id, id)
		}
		go u.answers("HTTP/1.1 200 OK\r\nX-Id: " + id + "\r\nX-Only-" + id + ": 1\r\n" + framing)
		resp, err := c.RoundTrip(t.Context(), request("GET", "/"+id, nil, 0), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || string(body) != id || resp.Header.Get("X-Id") != id || resp.Header.Get("X-Only-"+id) != "1" || len(resp.Header) > 3 {
			t.Fatalf("%s is %q with %v: %v", id, body, resp.Header, err)
		}
		if got := resp.Trailer.Get("X-T"); (i%3 == 0) != (got == id) {
			t.Errorf("%s has a trailer of %q", id, got)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		if i%4 == 0 {
			all = append(all, kept{id, resp})
			continue
		}
		LetGo(resp.Body)
	}
	for _, k := range all {
		if k.resp.Header.Get("X-Id") != k.id || k.resp.Request.URL.Path != "/"+k.id {
			t.Errorf("%s has become %v", k.id, k.resp.Header)
		}
	}
}

// TestLetGoTooEarly: what may still be read, or isn't ours, is left alone.
func TestLetGoTooEarly(t *testing.T) {
	LetGo(nil)
	LetGo(io.NopCloser(strings.NewReader("")))
	c, u := pair(t)
	go u.answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
	resp, err := c.RoundTrip(t.Context(), request("GET", "/", nil, 0), nil)
	if err != nil {
		t.Fatal(err)
	}
	LetGo(resp.Body)
	if body, err := io.ReadAll(resp.Body); string(body) != "hello" || err != nil {
		t.Errorf("%q is left, and %v", body, err)
	}
}
