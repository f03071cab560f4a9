package proxy

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// TestForwardedIsKeyed: a trusted peer passes on what its clients say of the host
// in Forwarded. A service that makes links of it must not make them for others.
func TestForwardedIsKeyed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yaml := strings.Replace(caches("", "", ""), "routes:", "forwarding: {trusted: [192.0.2.1]}\nroutes:", 1)
		o := newOrigin(t, yaml, func(w http.ResponseWriter, r *http.Request) {
			host, _, _ := strings.Cut(r.Header.Get("Forwarded"), ",")
			gives(host, "Cache-Control: max-age=60")(w, r)
		})
		if r := o.get("/", "Forwarded: host=evil.example"); r.body != "host=evil.example" {
			t.Fatalf("the service doesn't see the field: %q", r.body)
		}
		if r := o.get("/"); strings.Contains(r.body, "evil") {
			t.Errorf("another client's host: %q, %q", r.body, r.status())
		}
		o.get("/", "Forwarded: for=192.0.2.7")
		o.asked()
		if r := o.get("/", "Forwarded: for=192.0.2.8"); o.asked() != 0 {
			t.Errorf("each address has a key of its own: %q", r.status())
		}
	})
}
