package proxy

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// TestOneClientsErrorIsNotTheCaches: what one client provokes can't be shared, and
// for that keeps the cache away from the others for half a second, not longer.
func TestOneClientsErrorIsNotTheCaches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, caches("", "", ""), func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Cookie") != "" {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			gives("x", "Cache-Control: max-age=60")(w, r)
		})
		o.wants(o.get("/", "Cookie: spoilt"), 400, "", "levee; fwd=uri-miss", 1)
		o.wants(o.get("/"), 200, "x", "levee; fwd=uri-miss", 1) // doesn't wait for others
		time.Sleep(unsharedRetry)
		o.wants(o.get("/"), 200, "x", "levee; fwd=uri-miss; stored; ttl=59", 1)
		if r := o.get("/"); o.asked() != 0 {
			t.Errorf("not from memory: %q", r.status())
		}
	})
}

// TestVariantsThatNobodyWants fill the list for as long as they are fresh. What
// others ask for takes their place then.
func TestVariantsThatNobodyWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOrigin(t, caches("", "", ""), gives("x", "Cache-Control: max-age=90", "Vary: Accept-Encoding"))
		for i := range 33 {
			o.get("/", fmt.Sprintf("Accept-Encoding: x%d", i))
		}
		time.Sleep(91 * time.Second)
		o.get("/", "Accept-Encoding: gzip")
		o.asked()
		if r := o.get("/", "Accept-Encoding: gzip"); o.asked() != 0 {
			t.Errorf("not from memory: %q", r.status())
		}
	})
}
