package admin

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/levee-proxy/levee/proxy"
)

func TestHealthHandler(t *testing.T) {
	broken := wellStatus().Proxy
	for i := range broken.Upstreams[0].Endpoints {
		broken.Upstreams[0].Endpoints[i].State = proxy.StateUnhealthy
	}
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "up 1\n") })
	for _, tt := range []struct {
		method, path string
		proxy        fakeProxy
		status       int
		body         string
	}{
		{"GET", "/live", fakeProxy{}, 200, "ok\n"},
		{"HEAD", "/live", fakeProxy{}, 200, "ok\n"}, // the server leaves the body out
		{"GET", "/ready", fakeProxy{ready: true}, 200, "ready\n"},
		{"GET", "/ready", fakeProxy{}, 503, "not listening yet\n"},
		{"GET", "/ready", fakeProxy{draining: true}, 503, "draining\n"},
		{"GET", "/ready", fakeProxy{ready: true, status: broken}, 200, "ready\n"}, // never the upstreams
		{"GET", "/live", fakeProxy{draining: true}, 200, "ok\n"},
		{"GET", "/metrics", fakeProxy{}, 200, "up 1\n"},
		{"GET", "/", fakeProxy{}, 404, "404 page not found\n"},
		{"GET", "/status", fakeProxy{}, 404, "404 page not found\n"},
		{"GET", "/live/x", fakeProxy{}, 404, "404 page not found\n"},
		{"POST", "/live", fakeProxy{}, 405, "Method Not Allowed\n"},
		{"POST", "/reload", fakeProxy{}, 404, "404 page not found\n"},
	} {
		w := httptest.NewRecorder()
		HealthHandler(&tt.proxy, metrics).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, nil))
		if w.Code != tt.status || w.Body.String() != tt.body {
			t.Errorf("%s %s: %d %q, want %d %q", tt.method, tt.path, w.Code, w.Body, tt.status, tt.body)
		}
	}

	w := httptest.NewRecorder()
	HealthHandler(&fakeProxy{}, nil).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	if w.Code != 404 {
		t.Errorf("without metrics: %d, want 404", w.Code)
	}
}
