package admin

import (
	"io"
	"net/http"
)

// HealthHandler answers on the health port:
//
//	/live     200 while the process serves at all
//	/ready    200 while clients should come here, else 503 and a word why
//	/metrics  metrics; not there if nil
//
// Ready means listening, configured and not draining. It never depends on the
// upstreams: if it did, an upstream's failure or overload would take all of
// its proxies out of service at once. Other methods than GET and HEAD get 405,
// other paths 404.
func HealthHandler(p Proxy, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /live", func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusOK, "ok")
	})
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) {
		switch {
		case p.Draining():
			say(w, http.StatusServiceUnavailable, "draining")
		case !p.Ready():
			say(w, http.StatusServiceUnavailable, "not listening yet")
		default:
			say(w, http.StatusOK, "ready")
		}
	})
	if metrics != nil {
		mux.Handle("GET /metrics", metrics)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}

// say answers with a line of text.
func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, text+"\n")
}
