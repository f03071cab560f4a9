package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/levee-proxy/levee/config"
	"github.com/levee-proxy/levee/proxy"
)

// banner tells a person at a terminal in one line where Levee listens and where
// to look. Elsewhere the log says it.
func banner(stderr *os.File, cfg *config.Config, status proxy.Status) {
	if isTerminal(stderr) {
		writeBanner(stderr, cfg, status)
	}
}

// writeBanner writes the line.
func writeBanner(w io.Writer, cfg *config.Config, status proxy.Status) {
	var listening []string
	for _, l := range status.Listeners {
		scheme := "http"
		if l.TLS {
			scheme = "https"
		}
		listening = append(listening, reachable(scheme, l.Address))
	}
	var serving []string
	for _, u := range cfg.Upstreams {
		serving = append(serving, u.Endpoints...)
	}
	line := fmt.Sprintf("levee listens on %s in front of %s", strings.Join(listening, ", "), strings.Join(serving, ", "))
	if cfg.Admin.Address != config.Off {
		line += "; how it goes: " + reachable("http", cfg.Admin.Address) + " or levee status"
	}
	fmt.Fprintln(w, line+" (Ctrl-C stops it)")
}

// reachable turns an address that is listened on into one that a person can
// open: the wildcard becomes localhost.
func reachable(scheme, address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || strings.HasPrefix(address, "unix:") {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port) + "/"
}

// isTerminal says that a person reads along. A character device that isn't the
// null device is good enough to decide about one line.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
