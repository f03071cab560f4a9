package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/levee-proxy/levee/proxy"
)

// A levee that is killed without a warning has left its limits behind, and the
// next one begins with them; one that finds a torn file begins anew, and says so.
func TestLimitsOutliveAKill(t *testing.T) {
	address := origin(t, func(http.ResponseWriter, *http.Request) { <-time.After(5 * time.Millisecond) })
	file := filepath.Join(t.TempDir(), "state")
	s := setup{args: []string{"--state-file", file}, config: fmt.Sprintf(`
listeners: [{address: "127.0.0.1:0"}]
routes: [{name: all, upstream: origin}]
upstreams: [{name: origin, endpoints: ["http://%s"]}]
state: {interval: 100ms}
`, address)}
	l := start(t, s)
	admission := func(l *levee) *proxy.AdmissionStatus { return l.status().Proxy.Upstreams[0].Endpoints[0].Admission }

	flow := hammer(http1(), "http://"+l.addresses[0], 32)
	eventually(t, 30*time.Second, "the limit moves", func() bool {
		a := admission(l)
		return a.Move != nil && len(a.Baselines) > 0
	})
	flow.stop()
	eventually(t, 10*time.Second, "nothing is inflight", func() bool { return admission(l).Inflight == 0 })
	learned, calm := admission(l), l.status().Time
	eventually(t, 10*time.Second, "that is written", func() bool {
		s := l.status().Proxy.State
		return s != nil && s.Written.After(calm)
	})
	l.signal(syscall.SIGKILL)
	l.wait(-1)

	l = start(t, s)
	if a := admission(l); a.Limit != learned.Limit || len(a.Baselines) != 1 || a.Baselines[0].Class != learned.Baselines[0].Class {
		t.Errorf("learned %+v, began with %+v", learned, a)
	}
	l.stop(syscall.SIGINT)

	if err := os.Truncate(file, 100); err != nil {
		t.Fatal(err)
	}
	l = start(t, s)
	if a, state := admission(l), l.status().Proxy.State; len(a.Baselines) != 0 || state.Ignored == "" {
		t.Errorf("of a torn file was taken: %+v, %+v", a, state)
	}
}
