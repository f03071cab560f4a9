package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestLeanAllStale: however many of the kept connections have ended while nobody
// used them, a request that can't be sent again gets to the upstream, once.
func TestLeanAllStale(t *testing.T) {
	const many = 3 * maxStaleConns
	for _, body := range []string{"", "a body"} {
		var first, arrived atomic.Int64
		all, ended := make(chan struct{}), make(chan struct{}, many)
		up := rawUpstream(t, func(c net.Conn, _ int) {
			br := bufio.NewReader(c)
			for {
				r, err := http.ReadRequest(br)
				if err != nil {
					return
				}
				io.Copy(io.Discard, r.Body)
				if r.URL.Path != "/first" {
					arrived.Add(1)
					io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
					continue
				}
				if first.Add(1) == many {
					close(all)
				}
				<-all // each on a connection of its own
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				c.Close()
				ended <- struct{}{}
				return
			}
		})
		p := start(t, lean(unlimited(simple)), up, Options{})
		var wg sync.WaitGroup
		for range many {
			wg.Go(func() {
				if resp, _ := get(t, p.url+"/first"); resp.StatusCode != http.StatusOK {
					t.Error(resp.Status)
				}
			})
		}
		wg.Wait()
		for range many {
			<-ended
		}
		resp, err := http.Post(p.url+"/", "text/plain", strings.NewReader(body))
		if err != nil || resp.StatusCode != http.StatusOK || arrived.Load() != 1 {
			t.Errorf("with %q: %v, %v; %d arrived", body, resp, err, arrived.Load())
		}
	}
}
