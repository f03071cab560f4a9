package admin

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// guard keeps web pages from using the browser of somebody who can reach the
// admin port.
//
// The threats: a page that sends a POST to 127.0.0.1:4481 with the browser's
// help (cross-site request forgery), and a page whose own name is made to
// resolve to 127.0.0.1, so that the browser takes the admin port for the
// page's own server and hands it what it reads (DNS rebinding). The first is
// told by Sec-Fetch-Site and Origin; the second by the Host, which then is the
// page's name: only localhost and IP addresses are taken. No browser reaches a
// unix socket, so any Host will do there.
func guard(h http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "Refused: a page of another origin asks for a change. Use curl or levee status, or open this port by itself.", http.StatusForbidden)
	}))
	h = crossOrigin.Handler(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		if !viaUnix(r) && !localHost(r.Host) {
			http.Error(w, "Refused: the Host header must be localhost or an IP address, so that no web page can use its own name to reach this port. Ask for http://localhost:PORT or http://127.0.0.1:PORT instead.", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// secure sets what keeps an answer from being misread by a browser.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", contentSecurityPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// localHost says that a Host header is localhost or an IP address, with or
// without a port.
func localHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	} else if h, ok := strings.CutPrefix(hostport, "["); ok {
		if host, ok = strings.CutSuffix(h, "]"); !ok {
			return false
		}
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

// viaUnix says that a request came through a unix socket.
func viaUnix(r *http.Request) bool {
	a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && a.Network() == "unix"
}
