package proxy

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestAdmissionStatus: what a limit did to requests is told of with its
// priority, its reason, and whether they were retries.
func TestAdmissionStatus(t *testing.T) {
	entered, leave := make(chan struct{}, 8), make(chan struct{})
	up := service(t, func(w http.ResponseWriter, _ *http.Request) {
		entered <- struct{}{}
		<-leave
		io.WriteString(w, "done")
	})
	yaml := strings.Replace(simple, "upstream: service}", "upstream: service, priority: background}", 1)
	yaml = strings.Replace(yaml, `["$UPSTREAM"]`, `["$UPSTREAM"], concurrency: {mode: fixed, limit: 1, queue: {length: 0}, streams: 1}`, 1)
	p := start(t, yaml, up.URL, Options{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		get(t, p.url)
	}()
	<-entered
	if resp, _ := get(t, p.url); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("over the limit: %s", resp.Status)
	}
	retry, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	retry.Header.Set("X-Envoy-Attempt-Count", "3")
	resp, err := http.DefaultClient.Do(retry)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()

	a := p.Status().Upstreams[0].Endpoints[0].Admission
	want := ShedStatus{Priority: "background", Reason: "queue_full", Count: 2, Retries: 1}
	if a.Mode != "fixed" || a.Limit != 1 || a.Inflight != 1 || a.Admitted != 1 || a.MaxStreams != 1 || a.Move != nil ||
		len(a.Sheds) != 1 || a.Sheds[0] != want {
		t.Errorf("%+v", a)
	}
	if r := a.Recent; r.Over < 1 || r.Over > 10 || r.Admitted != 1 || len(r.Sheds) != 1 || r.Sheds[0] != want || r.SheddingSince.IsZero() {
		t.Errorf("lately: %+v", r)
	}
	if len(a.Waits.Buckets) != len(a.Waits.Bounds)+1 || a.Waits.Count != 0 {
		t.Errorf("nobody has waited: %+v", a.Waits)
	}
	close(leave)
	<-done
	if a := p.Status().Upstreams[0].Endpoints[0].Admission; a.Inflight > 1 {
		t.Errorf("%+v", a)
	}
}

// TestNoAdmissionStatus: without a limit there is nothing to tell.
func TestNoAdmissionStatus(t *testing.T) {
	up := service(t, func(http.ResponseWriter, *http.Request) {})
	p := start(t, strings.Replace(simple, `["$UPSTREAM"]`, `["$UPSTREAM"], concurrency: {mode: off}`, 1), up.URL, Options{})
	get(t, p.url)
	if s := p.Status(); s.Upstreams[0].Endpoints[0].Admission != nil || s.State != nil {
		t.Errorf("%+v", s)
	}
}
