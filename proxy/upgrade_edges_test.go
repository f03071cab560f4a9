package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
)

const asksForWebsocket = "Connection: Upgrade\r\nUpgrade: websocket\r\n"

// TestTunnelOutlivesAHalfClose: a client that has said all it had to say still
// hears what the upstream says, whenever that is.
func TestTunnelOutlivesAHalfClose(t *testing.T) {
	heard, goOn := make(chan string), make(chan struct{})
	up := rawUpstream(t, func(c net.Conn, _ int) {
		br := bufio.NewReader(c)
		r, err := readRequest(br)
		if err != nil {
			return
		}
		if r.URL.Path == "/slow" {
			io.Copy(io.Discard, br) // until the proxy gives up
			return
		}
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n"+asksForWebsocket+"\r\nhello")
		all, _ := io.ReadAll(br)
		heard <- string(all)
		<-goOn
		io.WriteString(c, " and goodbye")
	})
	p := start(t, simple, up, Options{})
	c := dialRaw(t, p)
	c.send("GET / HTTP/1.1\r\nHost: h\r\n" + asksForWebsocket + "\r\nping")
	resp, err := http.ReadResponse(c.br, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", resp, err)
	}
	_ = c.Conn.(*net.TCPConn).CloseWrite()
	if got := <-heard; got != "ping" {
		t.Errorf("the upstream heard %q", got)
	}
	// A departure would be noticed by now; so is the one of a request that isn't upgraded.
	other := dialRaw(t, p)
	other.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
	_ = other.Conn.(*net.TCPConn).CloseWrite()
	other.closed()
	close(goOn)
	if got, _ := io.ReadAll(c.br); string(got) != "hello and goodbye" {
		t.Errorf("the client heard %q", got)
	}
}

// TestNoUpgradeWithABody: where a body comes first, where the switch happens is a
// matter of opinion, so none is asked for.
func TestNoUpgradeWithABody(t *testing.T) {
	up := service(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		io.WriteString(w, r.Header.Get("Upgrade")+string(body))
	})
	p := start(t, simple, up.URL, Options{})
	c := dialRaw(t, p)
	c.send("GET / HTTP/1.1\r\nHost: h\r\n" + asksForWebsocket + "Content-Length: 5\r\n\r\nhello" + "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if resp, body := c.answer("GET"); resp.StatusCode != http.StatusOK || body != "hello" {
		t.Errorf("got %d %q", resp.StatusCode, body)
	}
	if resp, body := c.answer("GET"); resp.StatusCode != http.StatusOK || body != "" {
		t.Errorf("then %d %q", resp.StatusCode, body)
	}
}
