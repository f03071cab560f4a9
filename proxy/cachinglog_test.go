package proxy

import (
	"net/http"
	"strings"
	"testing"

	"github.com/levee-proxy/levee/internal/telemetry"
)

// TestFallbackIsLogged: with why it was necessary, as a failure or a refusal is.
func TestFallbackIsLogged(t *testing.T) {
	hold, held := make(chan struct{}), make(chan struct{})
	up := service(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/503":
			w.WriteHeader(503)
		case "/breaks":
			panic(http.ErrAbortHandler)
		case "/hold":
			close(held)
			<-hold
		}
	})
	var lines syncBuffer
	access := telemetry.NewAccessLog(&lines, telemetry.FormatText, telemetry.ModeAll)
	for _, cache := range []string{"off", "on"} {
		yaml := strings.Replace(simple, "upstream: service}]", "upstream: service, cache: {mode: "+cache+"}, fallback: {body: later}}]", 1)
		p := start(t, strings.Replace(yaml, "upstreams: [{", "upstreams: [{concurrency: {mode: fixed, limit: 1, queue: {length: 0}}, retry: {attempts: 0}, ejection: {consecutiveFailures: 0}, ", 1), up.URL, Options{Access: access})
		for _, path := range []string{"/503", "/breaks"} {
			if resp, body := get(t, p.url+path); resp.StatusCode != 200 || body != "later" {
				t.Errorf("%s: %d %q", path, resp.StatusCode, body)
			}
		}
		if cache == "on" {
			continue
		}
		go func() {
			if resp, err := http.Get(p.url + "/hold"); err == nil {
				resp.Body.Close()
			}
		}()
		<-held
		if resp, body := get(t, p.url+"/shed"); resp.StatusCode != 200 || body != "later" {
			t.Errorf("%d %q", resp.StatusCode, body)
		}
		close(hold)
	}
	eventually(t, "six lines", func() bool { return strings.Count(lines.String(), "\n") == 6 })
	for line := range strings.Lines(lines.String()) {
		want := ""
		switch {
		case strings.Contains(line, "path=/503"):
			want = "reason=destination_unavailable cache=fallback"
		case strings.Contains(line, "path=/breaks"):
			want = "reason=connection_terminated cache=fallback"
		case strings.Contains(line, "path=/shed"):
			want = "reason=connection_limit_reached shed=queue_full cache=fallback"
		}
		if !strings.Contains(line, want) {
			t.Errorf("%s\nlacks %s", line, want)
		}
	}
}
