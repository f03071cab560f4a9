package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Off is the address of a port that isn't opened.
const Off = "off"

// maxSocketPath is what fits in Linux' sockaddr_un, the NUL at its end left out.
const maxSocketPath = 107

// SplitAddress returns the network ("tcp" or "unix") and the address for
// net.Listen or net.Dial of an address that was validated: that of a
// Listener, Health or Admin other than Off.
func SplitAddress(s string) (network, address string) {
	if path, isUnix := strings.CutPrefix(s, "unix:"); isUnix {
		return "unix", path
	}
	return "tcp", s
}

var hostRegexp = whole(hostPattern)

func explainAddress(text string) string {
	switch {
	case text == Off:
		return "closes a port that must be open; remove the listener instead"
	case strings.Trim(text, "0123456789") == "":
		return fmt.Sprintf("has no colon; write \":%s\"", text)
	case strings.Contains(text, "://"):
		return "is a URL; write host:port alone"
	case strings.HasPrefix(text, "/"):
		return fmt.Sprintf("is a path; write unix:%s", text)
	case strings.HasPrefix(text, "unix:"):
		return "has no absolute path; write unix:/path/to/socket"
	case strings.Count(text, ":") > 1 && !strings.HasPrefix(text, "["):
		return "has more than one colon; write an IPv6 address in brackets, like [::1]:4480"
	case hostRegexp.MatchString(text):
		return fmt.Sprintf("has no port; write %s:4480", text)
	}
	return ""
}

func checkAddress(text string) (string, error) {
	if text == Off {
		return text, nil
	}
	network, address := SplitAddress(text)
	if network == "unix" {
		return text, checkSocketPath(address)
	}
	host, port, err := splitHostPort(address)
	if err != nil {
		return "", err
	}
	if err := checkPort(port, 0); err != nil {
		return "", err
	}
	return host + ":" + port, nil
}

// checkAdminAddress keeps the admin port away from clients. It asks for no
// password, so being able to reach it must be what proves the operator.
func checkAdminAddress(text string) (string, error) {
	kept, err := checkAddress(text)
	if err != nil || kept == Off {
		return kept, err
	}
	network, address := SplitAddress(kept)
	if network == "unix" {
		return kept, nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	if !isLoopback(host) {
		return "", fmt.Errorf("can be reached by others, who could then stop Levee and read its configuration without a password; write 127.0.0.1:%s or unix:/path/to/socket", port)
	}
	return kept, nil
}

func checkSocketPath(path string) error {
	if len(path) > maxSocketPath {
		return fmt.Errorf("has a socket's path of %d bytes; the system takes at most %d, choose a shorter one", len(path), maxSocketPath)
	}
	if strings.HasSuffix(path, "/") {
		return errors.New("names a folder; write the path of the socket itself")
	}
	return nil
}

// splitHostPort separates host and port, and returns the host as it is kept:
// lower case, IPv6 in brackets.
func splitHostPort(text string) (host, port string, err error) {
	i := strings.LastIndexByte(text, ':')
	host, port = text[:i], text[i+1:]
	switch {
	case host == "":
	case strings.HasPrefix(host, "["):
		host, err = parseBracketed(host)
	default:
		host, err = checkHost(host)
	}
	return host, port, err
}

func parseBracketed(host string) (string, error) {
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil || !ip.Is6() {
		return "", fmt.Errorf("has %s, which is not an IPv6 address; write one like [2001:db8::7]", host)
	}
	return "[" + ip.String() + "]", nil
}

// checkPort refuses port numbers outside of low to 65535.
func checkPort(port string, low int) error {
	if n, err := strconv.Atoi(port); err != nil || n < low || n > 65535 {
		return fmt.Errorf("has the port %s; ports go from %d to 65535", port, max(low, 1))
	}
	return nil
}

// isLoopback reports whether only this machine can reach the host.
func isLoopback(host string) bool {
	host = strings.ToLower(strings.Trim(host, "[]"))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// isWildcard reports whether the host stands for all addresses of the machine.
func isWildcard(host string) bool {
	host = strings.Trim(host, "[]")
	if host == "" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsUnspecified()
}
