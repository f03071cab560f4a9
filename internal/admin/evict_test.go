package admin

import (
	"io"
	"net"
	"net/http"
	"testing"
)

// Whoever fills the port with connections loses the oldest of them; a probe
// gets through.
func TestEvictOldest(t *testing.T) {
	s := start(t, "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }))
	var hoarded []net.Conn
	for range 2 * maxConnections {
		c, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		hoarded = append(hoarded, c)
	}
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(c); err != nil || string(answer[:12]) != "HTTP/1.1 200" {
		t.Errorf("the probe: %q, %v", answer, err)
	}
	// The probe was accepted last, so the first half and one more are gone:
	// these reads end, or the test does.
	for _, c := range hoarded[:maxConnections+1] {
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("an old connection got an answer")
		}
	}
}

func TestEvictingForgetsClosedConnections(t *testing.T) {
	e := evictOldest(pipeListener{}, 1).(*evicting)
	for range 3 {
		c, err := e.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		c.Close() // as net/http may
	}
	if n := e.open.Len(); n != 0 {
		t.Errorf("%d connections remembered", n)
	}
}

// pipeListener accepts a new pipe each time.
type pipeListener struct{ net.Listener }

func (pipeListener) Accept() (net.Conn, error) {
	c, _ := net.Pipe()
	return c, nil
}
