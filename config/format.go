package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/textproto"
	"regexp"
	"strings"
)

// format is one form that text must have. What a pattern can say is in the
// pattern, so that the schema says it too; what it can't is in check.
type format struct {
	// what completes "must be …".
	what string
	// pattern must match, or the text is refused with explain's words.
	pattern *regexp.Regexp
	// numbers says that text of digits alone may be right, so that a plain
	// YAML number stands for its own spelling.
	numbers bool
	// explain returns more than "must be …" about text that doesn't match;
	// empty: nothing more to say. May be nil.
	explain func(text string) string
	// check looks at text that matches and returns it as it is kept, or a
	// phrase that says what is wrong. May be nil.
	check func(text string) (kept string, err error)
}

// Building blocks of the patterns.
const (
	labelPattern = `[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?`
	hostPattern  = labelPattern + `(?:\.` + labelPattern + `)*\.?`
	ipv6Pattern  = `\[[0-9A-Fa-f:.]+\]`
	tokenPattern = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
	// A path of a file or a socket: anything but control characters.
	filePattern   = `[^\x00-\x1f\x7f]+`
	portPattern   = `:(?:0|[1-9][0-9]{0,4})`
	tcpPattern    = `(?:` + hostPattern + `|` + ipv6Pattern + `)?` + portPattern
	socketPattern = `unix:/` + filePattern
)

func whole(pattern string) *regexp.Regexp { return regexp.MustCompile(`^(?:` + pattern + `)$`) }

// formats are the values of the format tag.
var formats = map[string]*format{
	"address": {
		what:    "host:port, :port or unix:/path/to/socket",
		pattern: whole(tcpPattern + `|` + socketPattern),
		explain: explainAddress,
		check:   checkAddress,
	},
	"address-or-off": {
		what:    "host:port, :port, unix:/path/to/socket or off",
		pattern: whole(`off|` + tcpPattern + `|` + socketPattern),
		explain: explainAddress,
		check:   checkAddress,
	},
	"admin-address": {
		what:    "a loopback host:port like 127.0.0.1:4481, unix:/path/to/socket or off",
		pattern: whole(`off|` + tcpPattern + `|` + socketPattern),
		explain: explainAddress,
		check:   checkAdminAddress,
	},
	"endpoint": {
		what:    endpointForms,
		pattern: endpointRegexp,
		explain: explainEndpoint,
		check:   checkEndpoint,
	},
	"hostname": {
		what:    "a host name without a port, like api.example.com",
		pattern: whole(hostPattern),
		numbers: true,
		explain: explainHost,
		check:   checkHost,
	},
	"hostpattern": {
		what:    "a host name without a port, like api.example.com or *.example.com",
		pattern: whole(`(?:\*\.)?` + hostPattern),
		numbers: true,
		explain: explainHost,
		check:   checkHost,
	},
	"hostmode": {
		what:    "preserve, endpoint or a host like api.example.com",
		pattern: whole(`(?:` + hostPattern + `|` + ipv6Pattern + `)(?:` + portPattern + `)?`),
		numbers: true,
		check:   checkHostMode,
	},
	"pathprefix": {
		what:    "a path that begins with /, like /v1",
		pattern: whole(`/[A-Za-z0-9._~!$&'()*+,;=:@/-]*`),
		explain: explainPathPrefix,
		check:   checkPathPrefix,
	},
	"path-absolute": {
		what:    "a path that begins with /, like /healthz",
		pattern: whole(`/[!-"$-~]*`),
	},
	"path": {
		what:    "the path of a file",
		pattern: whole(filePattern),
		numbers: true,
	},
	"name": {
		what:    "lower-case letters, digits and dashes, at most 63, like feature-flags",
		pattern: whole(`[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?`),
		numbers: true,
	},
	"routename": {
		what:    "at most 512 letters, digits and signs, without spaces, double quotes or backslashes",
		pattern: whole(`[!#-\[\]-~]+`),
		numbers: true,
		check:   checkRouteName,
	},
	"header": {
		what:    "a header's name, like X-Request-Id",
		pattern: whole(tokenPattern),
		numbers: true,
		check:   checkHeader,
	},
	"header-value": {
		what:    "a header field's value: printable characters, without space at its ends",
		pattern: whole(`[^\x00-\x20\x7f](?:[^\x00-\x08\x0a-\x1f\x7f]*[^\x00-\x20\x7f])?`),
		numbers: true,
	},
	"cookie": {
		what:    "a cookie's name, like session",
		pattern: whole(tokenPattern),
		numbers: true,
	},
	"query-parameter": {
		what:    "a query parameter's name, or the beginning of one and a star, like utm_*",
		pattern: whole(`[^\x00-\x20\x7f&=#*]+\*?`),
		numbers: true,
	},
	"identity": {
		what:    "ip, tls, jwt or header:NAME",
		pattern: whole(`ip|tls|jwt|header:` + tokenPattern),
		check:   checkIdentity,
	},
	"priority": {
		what:    "critical, default, background or a whole number from 0 to 7",
		pattern: whole(`critical|default|background|[0-7]`),
		numbers: true,
	},
	"queue-length": {
		what:    "auto or a whole number from 0 to 1000000",
		pattern: whole(`auto|0|1000000|[1-9][0-9]{0,5}`),
		numbers: true,
	},
	"retry-attempts": {
		what:    "auto or a whole number from 0 to 10",
		pattern: whole(`auto|[0-9]|10`),
		numbers: true,
	},
	"method": {
		what:    "a method, like GET",
		pattern: whole(tokenPattern),
		numbers: true,
		check:   checkMethod,
	},
	"hedge-after": {
		what:    "off, p95 or a duration like 50ms",
		pattern: whole(`off|p95|(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|μs|ms|s|m|h))+`),
		check:   checkHedgeAfter,
	},
	"cidr": {
		what:    `a network like 10.0.0.0/8, an address like 10.0.0.7, or "unix"`,
		pattern: whole(`unix|(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)(?:/[0-9]{1,3})?`),
		check:   checkNetwork,
	},
}

func explainHost(text string) string {
	switch {
	case strings.Contains(text, "://"):
		return "is a URL; write the host alone, like api.example.com"
	case strings.Contains(text, ":"):
		return "has a port; write the host alone, which stands for all ports"
	case text == "*":
		return "would be every host; leave hosts out for that"
	case strings.Contains(text, "*"):
		return "has a * where none can be; write *.example.com for all names below example.com"
	case strings.ContainsFunc(text, func(r rune) bool { return r > 0x7f }):
		return "has letters that can't be in DNS; write the name as it is sent, beginning with xn--"
	}
	return ""
}

// checkHost keeps host names as they are compared: in lower case, without the
// dot of the root.
func checkHost(text string) (string, error) {
	if len(text) > 253 {
		return "", errors.New("is longer than the 253 characters that DNS allows")
	}
	return strings.ToLower(strings.TrimSuffix(text, ".")), nil
}

func checkHostMode(text string) (string, error) {
	host, port := text, ""
	if i := strings.LastIndexByte(text, ':'); i >= 0 && !strings.HasSuffix(text, "]") {
		host, port = text[:i], text[i+1:]
		if err := checkPort(port, 1); err != nil {
			return "", err
		}
		port = ":" + port
	}
	if strings.HasPrefix(host, "[") {
		ip, err := parseBracketed(host)
		if err != nil {
			return "", err
		}
		return ip + port, nil
	}
	host, err := checkHost(host)
	return host + port, err
}

func explainPathPrefix(text string) string {
	switch {
	case !strings.HasPrefix(text, "/"):
		return fmt.Sprintf("does not begin with /; write /%s", text)
	case strings.ContainsAny(text, "?#"):
		return "has a query or fragment; routes are chosen by the path alone"
	case strings.Contains(text, "%"):
		return "has an escape; write the path with the characters themselves"
	}
	return ""
}

// checkPathPrefix keeps prefixes as they are compared: no slash at the end,
// and nothing in it that a request's path can't have once it is cleaned.
func checkPathPrefix(text string) (string, error) {
	if len(text) > 255 {
		return "", errors.New("is longer than 255 characters; match a shorter prefix")
	}
	trimmed := strings.TrimRight(text, "/")
	for segment := range strings.SplitSeq(strings.TrimPrefix(trimmed, "/"), "/") {
		switch {
		case segment == "." || segment == "..":
			return "", errors.New("has a segment . or .., which no cleaned path has; write the path that it leads to")
		case segment == "" && trimmed != "":
			return "", errors.New("has two slashes in a row; write one")
		}
	}
	if trimmed == "" {
		return "/", nil
	}
	return trimmed, nil
}

// checkRouteName bounds what each metric and log line of a route carries. The
// longest host with the longest prefix fits.
func checkRouteName(text string) (string, error) {
	if len(text) > 512 {
		return "", errors.New("is longer than 512 characters; it is a label on every metric, choose a shorter one")
	}
	return text, nil
}

// unusableHeaders belong to one connection or to a message's framing. Reading
// a mark from them, or writing one, would let it end at the next hop or would
// break the message.
var unusableHeaders = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Proxy-Authenticate": true, "Proxy-Authorization": true,
	"Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "Http2-Settings": true,
	"Host": true, "Content-Length": true,
}

func checkHeader(text string) (string, error) {
	name := textproto.CanonicalMIMEHeaderKey(text)
	if unusableHeaders[name] {
		return "", fmt.Errorf("is about one connection or the message's framing and is never passed on; choose a name of your own, like X-%s", name)
	}
	return name, nil
}

func checkIdentity(text string) (string, error) {
	name, isHeader := strings.CutPrefix(text, "header:")
	if !isHeader {
		return text, nil
	}
	name, err := checkHeader(name)
	return "header:" + name, err
}

func checkNetwork(text string) (string, error) {
	if text == "unix" {
		return text, nil
	}
	if !strings.Contains(text, "/") {
		address, err := netip.ParseAddr(text)
		if err != nil {
			return "", errors.New("is not an IP address; write one like 10.0.0.7 or 2001:db8::7")
		}
		return address.Unmap().String(), nil
	}
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return "", errors.New("is not a network; write an address and the length of the prefix, like 10.0.0.0/8")
	}
	if masked := network.Masked(); masked != network {
		return "", fmt.Errorf("has bits set beyond the prefix; write %s for the network, or %s for the one address", masked, network.Addr())
	}
	return network.String(), nil
}
