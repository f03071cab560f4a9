package proxy

import (
	"net"
	"runtime"
	"slices"
	"testing"
)

// noting is a connection that notes when it is written to.
type noting struct {
	net.Conn
	log *[]string
}

func (c *noting) Write(p []byte) (int, error) {
	*c.log = append(*c.log, "write")
	return len(p), nil
}

// TestSharedWritesWait for what else is ready to run, on connections of HTTP/2
// alone: it may have more to write.
func TestSharedWritesWait(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, tc := range []struct {
		name   string
		shared bool
		want   []string
	}{
		{"HTTP/2", true, []string{"another stream", "write"}},
		{"HTTP/1.1", false, []string{"write", "another stream"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var log []string
			c := &clientConn{Conn: &noting{log: &log}, shared: tc.shared}
			done := make(chan struct{})
			go func() {
				log = append(log, "another stream")
				close(done)
			}()
			if n, err := c.Write([]byte("frame")); n != 5 || err != nil {
				t.Fatal(n, err)
			}
			<-done
			if !slices.Equal(log, tc.want) {
				t.Errorf("%q, want %q", log, tc.want)
			}
		})
	}
}
