package proxy

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestTunnelTakesTheConnectionFirst: a client that has heard of the switch may
// say at once that it won't send any more. As long as the connection is net/http's,
// that ends its request, so the client mustn't hear of it before.
func TestTunnelTakesTheConnectionFirst(t *testing.T) {
	proxys, clients := net.Pipe()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	x := &exchange{facts: facts{r: r, ctx: r.Context(), upgrade: true, conn: &clientConn{timeouts: clientTimeouts{write: time.Minute}}}}
	upstreams, up := net.Pipe()
	defer up.Close()
	resp := &http.Response{
		StatusCode: http.StatusSwitchingProtocols,
		Header:     http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Accept": {"x"}},
		Body:       upstreams,
	}
	w := &takable{ResponseRecorder: httptest.NewRecorder(), t: t, conn: proxys}
	ended := make(chan *failure)
	go func() { ended <- tunnel(&beginning{ResponseWriter: w}, x, resp) }()
	heard, err := http.ReadResponse(bufio.NewReader(clients), r)
	if err != nil || heard.StatusCode != http.StatusSwitchingProtocols || heard.Header.Get("Upgrade") != "websocket" || heard.Header.Get("Sec-Websocket-Accept") != "x" {
		t.Errorf("%v, %v", heard, err)
	}
	clients.Close()
	if f := <-ended; f != nil {
		t.Error(f)
	}
	if !w.hijacked {
		t.Error("it was never taken")
	}
}

// takable is an answer whose connection can be taken as long as nothing of it was written.
type takable struct {
	*httptest.ResponseRecorder
	t        *testing.T
	conn     net.Conn
	hijacked bool
}

func (w *takable) WriteHeader(status int) {
	w.t.Errorf("%d was answered by the server", status)
	w.conn.Close()
}

func (w *takable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.hijacked = true
	return w.conn, bufio.NewReadWriter(bufio.NewReader(w.conn), bufio.NewWriter(w.conn)), nil
}
