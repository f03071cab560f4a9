package server

import (
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// observed is a connection in memory that notes when it is looked at.
type observed struct {
	net.Conn
	began time.Time
	mu    sync.Mutex
	looks []time.Duration // since
}

func (o *observed) HungUp() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.looks = append(o.looks, time.Since(o.began))
	return false
}

func (o *observed) all() []time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.looks)
}

// TestLooks: a request is first looked at when it is an interval old, and not two,
// whether or not others run; then after an eighth of its age, up to a second.
func TestLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := virtualServer(func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(12 * time.Second):
			}
		})
		begin := func() *observed {
			client, nc := net.Pipe()
			o := &observed{Conn: nc, began: time.Now()}
			go s.Serve(o)
			go io.Copy(io.Discard, client)
			io.WriteString(client, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
			return o
		}
		first := begin()
		time.Sleep(70 * time.Millisecond)
		second := begin() // 30 ms before the next look
		time.Sleep(20 * time.Second)
		third := begin() // alone again
		time.Sleep(20 * time.Second)
		const ms = time.Millisecond
		for _, want := range []struct {
			of    *observed
			first []time.Duration
		}{
			{first, []time.Duration{50 * ms, 100 * ms, 150 * ms, 200 * ms, 250 * ms, 300 * ms, 350 * ms, 400 * ms, 450 * ms, 550 * ms, 650 * ms}},
			{second, []time.Duration{80 * ms, 130 * ms, 180 * ms}},
			{third, []time.Duration{50 * ms, 100 * ms}},
		} {
			looks := want.of.all()
			if n := len(want.first); len(looks) < n || !slices.Equal(looks[:n], want.first) {
				t.Errorf("looked at after %v", looks)
				continue
			}
			if last := looks[len(looks)-1] - looks[len(looks)-2]; last != time.Second {
				t.Errorf("an old one was looked at after %v", last)
			}
		}
	})
}
