package clients

import (
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"
)

// held is the path of the request that keeps the upstream busy.
const held = "/held"

// busy is a Levee in front of an upstream whose only place is taken, so that it
// sheds everything else.
type busy struct {
	address string
	// free ends the request that has the place. May be called more than once.
	free func()
}

// startBusy starts a Levee with limit 1 and no queue, and takes the one place.
// What is let through is answered with success, as the client expects it.
func startBusy(t *testing.T, storm string, grpc bool) *busy {
	t.Helper()
	taken, freed := make(chan struct{}), make(chan struct{})
	free := sync.OnceFunc(func() { close(freed) })
	t.Cleanup(free)
	upstream := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == held:
			close(taken)
			<-freed
		case grpc:
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Trailer", "Grpc-Status")
			w.Write(make([]byte, 5)) // an empty message
			w.Header().Set("Grpc-Status", "0")
		default:
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, "{}\n")
		}
	}))
	scheme := "http://"
	if grpc {
		scheme = "h2c://"
	}
	b := &busy{free: free, address: startLevee(t, `
apiVersion: levee/v1
listeners: [{address: "127.0.0.1:0"}]
routes: [{upstream: service, responseTimeout: 0s}]
upstreams:
- name: service
  endpoints: ["`+scheme+upstream.Listener.Addr().String()+`"]
  concurrency: {mode: fixed, limit: 1, queue: {length: 0}}
  storm: `+storm+`
log: {access: none}
`)}

	ctx, cancel := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.address+held, nil)
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan error, 1)
	transport := &http.Transport{DisableKeepAlives: true}
	go func() { over <- succeeded((&http.Client{Transport: transport}).Do(request)) }()
	t.Cleanup(func() {
		free()
		if err := <-over; err != nil {
			t.Errorf("the request that had the place: %v", err)
		}
		cancel()
	})
	select {
	case <-taken:
	case <-time.After(20 * time.Second):
		t.Fatal("the place isn't taken after 20 s")
	}
	return b
}
