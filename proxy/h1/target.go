package h1

import (
	"net/http"
	"net/url"
	"strings"
)

// ParseTarget reads a request's target into u, as [url.ParseRequestURI] and
// net/http do. Most targets are plain paths, for which it allocates nothing.
//
// Of an absolute target, u has scheme and host; the host is then the request's,
// whatever its Host field says (RFC 9112, section 3.2.2). CONNECT's authority is
// in u.Host.
func ParseTarget(u *url.URL, method, target string) error {
	if path, query, ok := plainTarget(target); ok {
		*u = url.URL{Path: path, RawQuery: query, ForceQuery: query == "" && len(path) < len(target)}
		return nil
	}
	switch {
	case target == "*":
		if method != http.MethodOptions {
			return errTarget
		}
		*u = url.URL{Path: "*"}
		return nil
	case method == http.MethodConnect && target[0] != '/':
		if !validHost(target) {
			return errTarget
		}
		*u = url.URL{Host: target}
		return nil
	case target[0] != '/' && !strings.Contains(target, "://"):
		return errTarget // an opaque URI, or a path without a slash
	}
	parsed, err := url.ParseRequestURI(target)
	if err != nil || parsed.User != nil || target[0] != '/' && (parsed.Host == "" || !validHost(parsed.Host)) {
		return errTarget
	}
	*u = *parsed
	return nil
}

// plainTarget splits a path and its query where the path is written as net/url
// would write it.
func plainTarget(target string) (path, query string, ok bool) {
	path, query, _ = strings.Cut(target, "?")
	return path, query, PlainPath(path)
}

// PlainPath says whether a path begins as it should, and needs no escapes.
func PlainPath(path string) bool {
	return len(path) > 0 && path[0] == '/' && all(path, inPath)
}

// validHost says whether s is a uri-host with or without a port (RFC 9110,
// section 7.2), or empty. Userinfo has no place in it.
func validHost(s string) bool {
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 2 {
			return false
		}
		for i := 1; i < end; i++ {
			// Of an address in brackets: hex, colons, dots; a zone behind %25.
			if c := s[i]; classes[c]&inHost == 0 && c != ':' {
				return false
			}
		}
		return validPort(s[end+1:])
	}
	if colon := strings.IndexByte(s, ':'); colon >= 0 {
		return colon > 0 && all(s[:colon], inHost) && validPort(s[colon:])
	}
	return all(s, inHost)
}

// validPort says whether s is empty or a colon with a port, which may be empty.
func validPort(s string) bool {
	if s == "" {
		return true
	}
	if s[0] != ':' || len(s) > 6 {
		return false
	}
	for i := 1; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
