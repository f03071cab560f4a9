package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestStorm: clients that ask again at once, without saying so, make a storm of
// a service that is taken. The status, the metrics and both logs tell of it, and
// the clients are told to stop.
func TestStorm(t *testing.T) {
	access, err := os.Create(filepath.Join(t.TempDir(), "access.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer access.Close()
	held, release := make(chan struct{}), make(chan struct{})
	address := origin(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/held" {
			close(held)
			<-release
		}
	})
	l := start(t, setup{stdout: access, config: fmt.Sprintf(`
listeners: [{address: "127.0.0.1:0"}]
routes: [{upstream: origin, responseTimeout: 0s}]
upstreams: [{name: origin, endpoints: ["http://%s"], concurrency: {mode: fixed, limit: 1, queue: {length: 0}}}]
log: {access: all}
`, address)})
	url := "http://" + l.addresses[0]
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if resp, err := http.Get(url + "/held"); err == nil {
			resp.Body.Close()
		}
	}()
	<-held

	client := http1()
	told := map[string]int{}
	n := 0
	eventually(t, 20*time.Second, "a storm is seen", func() bool {
		n++
		for range 4 {
			req, err := http.NewRequest("GET", fmt.Sprintf("%s/%d", url, n), nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("User-Agent", "impatient/1")
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			told[fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("Retry-After") != "", " ", resp.Header.Get("X-Envoy-Ratelimited"))]++
		}
		return l.metric(`levee_storm_state{levee_upstream="origin"}`) == 2 && told["429 false true"] > 20
	})
	for answer := range told {
		if answer != "429 false true" && answer != "503 true " {
			t.Errorf("told %v", told)
		}
	}
	status := l.status()
	s := status.Proxy.Upstreams[0].Storm
	if s.State != "storm" || s.Why == "" || s.Recent.Amplification < 2 || s.Retries[1].Seen == 0 || s.Told["stop"] == 0 {
		t.Errorf("%+v", s)
	}
	found := false
	for _, p := range status.Problems {
		found = found || strings.HasPrefix(p.What, "origin: a retry storm: each request is tried ")
	}
	if !found {
		t.Errorf("no word of it in %+v", status.Problems)
	}
	if n := l.metric(`levee_inbound_retries_total{how="inferred"`); n == 0 {
		t.Error("no retry is counted")
	}
	eventually(t, 20*time.Second, "the logs tell of it", func() bool {
		lines, err := os.ReadFile(access.Name())
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(l.log.String(), `"to":"storm"`) && strings.Contains(string(lines), `"told":"stop","attempt":4`)
	})
	close(release)
	<-gone
}
