package connections

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/levee-proxy/levee/config"
)

// TestHandshakeSettlesNothing: a handshake's reads and writes are not the arrival of
// HTTP/2's settings.
func TestHandshakeSettlesNothing(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	up := &config.Upstream{
		TLS:      config.UpstreamTLS{InsecureSkipVerify: true},
		Timeouts: config.UpstreamTimeouts{Connect: config.Duration(10 * time.Second), TLSHandshake: config.Duration(10 * time.Second)},
	}
	to, err := ParseTarget(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, engine := range []string{config.EngineLean, config.EngineStandard} {
		d, err := NewDialer(engine, up, &config.Limits{ResponseHeaderBytes: 64 << 10}, (&net.Dialer{}).DialContext, NewBudget(100))
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			p := &Pool{idle: time.Second, open: 1, budget: d.budget}
			call := &dialling{target: to, address: to.Address, pool: p}
			nc, err := d.dialTLS(context.WithValue(t.Context(), diallingKey{}, call), "tcp", "x")
			if err != nil {
				t.Fatal(err)
			}
			select {
			case <-call.wire.settled: // nothing has been written after the handshake, nor read
				t.Errorf("%s: settled before HTTP/2 began", engine)
			default:
			}
			nc.Close()
		}
	}
}
