package proxy

import (
	"net"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// noting is a connection that notes when it is written to, and what else happens.
type noting struct {
	net.Conn
	mu  sync.Mutex
	log []string
}

func (c *noting) note(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log = append(c.log, what)
}

func (c *noting) Write(p []byte) (int, error) {
	c.note("write")
	return len(p), nil
}

// TestSharedWritesWait for what else is ready to run, on connections of HTTP/2
// alone: it may have more to write. The scheduler promises nothing, so it is most
// of many.
func TestSharedWritesWait(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const rounds = 200
	for name, shared := range map[string]bool{"HTTP/2": true, "HTTP/1.1": false} {
		t.Run(name, func(t *testing.T) {
			waited := 0
			for range rounds {
				nc := &noting{}
				c := &clientConn{Conn: nc, shared: shared}
				done := make(chan struct{})
				go func() {
					nc.note("another stream")
					close(done)
				}()
				if n, err := c.Write([]byte("frame")); n != 5 || err != nil {
					t.Fatal(n, err)
				}
				<-done
				waited += bit(slices.Equal(nc.log, []string{"another stream", "write"}))
			}
			if (waited > rounds/2) != shared {
				t.Errorf("%d of %d writes waited", waited, rounds)
			}
		})
	}
}
