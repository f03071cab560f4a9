package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Endpoint is an upstream's endpoint, taken apart.
type Endpoint struct {
	// URL is the endpoint as configured, host in lower case.
	URL string
	// Scheme is how the endpoint is spoken to: http (HTTP/1.1), https (TLS,
	// the version by ALPN) or h2c (HTTP/2 without TLS).
	Scheme string
	// Network is "tcp" or "unix".
	Network string
	// Address is host:port, the port filled in where the URL has none, or the
	// socket's path.
	Address string
	// Host is what names the endpoint in a Host header: host or host:port as
	// configured, "localhost" for a socket.
	Host string
}

// endpointForms and endpointRegexp say how an endpoint is written.
const endpointForms = "http://host:port, https://host:port, h2c://host:port, unix:/path or unix+h2c:/path"

var endpointRegexp = whole(`(?:https?|h2c)://(?:` + hostPattern + `|` + ipv6Pattern + `)(?:` + portPattern + `)?/?|unix(?:\+h2c)?:/` + filePattern)

// schemes holds each URL scheme's port.
var schemes = map[string]string{"http": "80", "https": "443", "h2c": "80"}

// ParseEndpoint takes apart an endpoint as written in Upstream.Endpoints. Its
// error is a phrase that says what is wrong and what would be right.
func ParseEndpoint(s string) (Endpoint, error) {
	if !endpointRegexp.MatchString(s) {
		return Endpoint{}, errors.New(cmp.Or(explainEndpoint(s), "must be "+endpointForms))
	}
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		return socketEndpoint(s, "http", path)
	}
	if path, ok := strings.CutPrefix(s, "unix+h2c:"); ok {
		return socketEndpoint(s, "h2c", path)
	}
	scheme, authority, _ := strings.Cut(strings.TrimSuffix(s, "/"), "://")
	withPort := authority
	if strings.HasSuffix(authority, "]") || !strings.Contains(authority, ":") {
		withPort += ":" + schemes[scheme]
	}
	host, port, err := splitHostPort(withPort)
	if err != nil {
		return Endpoint{}, err
	}
	if err := checkPort(port, 1); err != nil {
		return Endpoint{}, err
	}
	e := Endpoint{Scheme: scheme, Network: "tcp", Address: host + ":" + port, Host: host}
	if withPort == authority {
		e.Host = e.Address
	}
	e.URL = scheme + "://" + e.Host
	return e, nil
}

func socketEndpoint(url, scheme, path string) (Endpoint, error) {
	return Endpoint{URL: url, Scheme: scheme, Network: "unix", Address: path, Host: "localhost"}, checkSocketPath(path)
}

func checkEndpoint(text string) (string, error) {
	e, err := ParseEndpoint(text)
	return e.URL, err
}

func explainEndpoint(text string) string {
	if strings.HasPrefix(text, "unix:") || strings.HasPrefix(text, "unix+h2c:") {
		return "has no absolute path; write unix:/path/to/socket"
	}
	scheme, rest, isURL := strings.Cut(text, "://")
	authority, _, hasPath := strings.Cut(rest, "/")
	switch {
	case !isURL && strings.HasPrefix(text, "/"):
		return fmt.Sprintf("is a path; write unix:%s", text)
	case !isURL:
		return "has no scheme; write http:// before it (or https://, h2c://)"
	case scheme == "ws" || scheme == "wss":
		return "has a WebSocket's scheme; write http:// or https://, WebSockets travel over it"
	case scheme == "grpc" || scheme == "grpcs":
		return "has the scheme " + scheme + "; write h2c:// for gRPC without TLS, https:// with it"
	case schemes[scheme] == "" && schemes[strings.ToLower(scheme)] != "":
		return "has its scheme in capitals; write " + strings.ToLower(scheme) + "://"
	case schemes[scheme] == "":
		return "has a scheme that isn't known; write http, https, h2c, unix or unix+h2c"
	case strings.Contains(authority, "@"):
		return "has a user or password in it; an endpoint has none, remove everything up to the @"
	case strings.ContainsAny(text, "?#"):
		return "has a query or fragment; an endpoint is only the scheme, the host and the port"
	case hasPath:
		return "has a path; an endpoint is only the scheme, the host and the port, and requests keep their own path"
	case strings.Count(authority, ":") > 1 && !strings.HasPrefix(authority, "["):
		return "has more than one colon; write an IPv6 address in brackets, like http://[::1]:8080"
	case strings.HasPrefix(authority, ":"):
		return "has no host; write one before the port, like http://127.0.0.1" + portOf(authority)
	}
	return ""
}

// portOf returns ":port" when text ends in a usable one.
func portOf(text string) string {
	_, port, err := net.SplitHostPort(text)
	if n, convErr := strconv.Atoi(port); err != nil || convErr != nil || n < 1 || n > 65535 {
		return ":8080"
	}
	return ":" + port
}
