package config

import (
	"reflect"
	"strings"
	"testing"
)

// TestFormats shows refusals of each format, with what is said about them. An empty answer is
// an acceptance.
func TestFormats(t *testing.T) {
	for _, test := range []struct{ format, text, want string }{
		{"address", "host:80", ""},
		{"address", "http://a", `"http://a" is a URL; write host:port alone`},
		{"address", "/run/x", `"/run/x" is a path; write unix:/run/x`},
		{"address", "unix:x", `"unix:x" has no absolute path; write unix:/path/to/socket`},
		{"address", "::1:80", `"::1:80" has more than one colon; write an IPv6 address in brackets, like [::1]:4480`},
		{"address", "localhost", `"localhost" has no port; write localhost:4480`},
		{"address", "a b:80", `must be host:port, :port or unix:/path/to/socket, and "a b:80" isn't`},
		{"address", "[127.0.0.1]:80", `"[127.0.0.1]:80" has [127.0.0.1], which is not an IPv6 address; write one like [2001:db8::7]`},
		{"address", "[::1::2]:80", `"[::1::2]:80" has [::1::2], which is not an IPv6 address; write one like [2001:db8::7]`},
		{"address", "unix:/run/", `"unix:/run/" names a folder; write the path of the socket itself`},
		{"address", "off", `"off" closes a port that must be open; remove the listener instead`},
		{"admin-address", "127.0.0.1:99999", `"127.0.0.1:99999" has the port 99999; ports go from 1 to 65535`},

		{"endpoint", "https://a.b:8443", ""},
		{"endpoint", "unix:x", `"unix:x" has no absolute path; write unix:/path/to/socket`},
		{"endpoint", "/run/x", `"/run/x" is a path; write unix:/run/x`},
		{"endpoint", "a.b:80", `"a.b:80" has no scheme; write http:// before it (or https://, h2c://)`},
		{"endpoint", "ws://a", `"ws://a" has a WebSocket's scheme; write http:// or https://, WebSockets travel over it`},
		{"endpoint", "grpc://a", `"grpc://a" has the scheme grpc; write h2c:// for gRPC without TLS, https:// with it`},
		{"endpoint", "HTTP://a", `"HTTP://a" has its scheme in capitals; write http://`},
		{"endpoint", "ftp://a", `"ftp://a" has a scheme that isn't known; write http, https, h2c, unix or unix+h2c`},
		{"endpoint", "http://u:p@a/x?y", `"http://***@a/x?y" has a user or password in it; an endpoint has none, remove everything up to the @`},
		{"endpoint", "http://a?x", `"http://a?x" has a query or fragment; an endpoint is only the scheme, the host and the port`},
		{"endpoint", "http://a/b", `"http://a/b" has a path; an endpoint is only the scheme, the host and the port, and requests keep their own path`},
		{"endpoint", "http://::1:80", `"http://::1:80" has more than one colon; write an IPv6 address in brackets, like http://[::1]:8080`},
		{"endpoint", "http://:80", `"http://:80" has no host; write one before the port, like http://127.0.0.1:80`},
		{"endpoint", "http://:port", `"http://:port" has no host; write one before the port, like http://127.0.0.1:8080`},
		{"endpoint", "http://a b", `must be http://host:port, https://host:port, h2c://host:port, unix:/path or unix+h2c:/path, and "http://a b" isn't`},
		{"endpoint", "http://a:0", `"http://a:0" has the port 0; ports go from 1 to 65535`},
		{"endpoint", "http://[1.2.3.4]", `"http://[1.2.3.4]" has [1.2.3.4], which is not an IPv6 address; write one like [2001:db8::7]`},

		{"hostname", "*", `"*" would be every host; leave hosts out for that`},
		{"hostname", "*.a", `"*.a" has a * where none can be; write *.example.com for all names below example.com`},
		{"hostname", "münchen.de", `"münchen.de" has letters that can't be in DNS; write the name as it is sent, beginning with xn--`},
		{"hostname", "a..b", `must be a host name without a port, like api.example.com, and "a..b" isn't`},
		{"hostpattern", "*.a.b", ""},

		{"hostmode", "[::1]:80", ""},
		{"hostmode", "[::1]", ""},
		{"hostmode", "a:70000", `"a:70000" has the port 70000; ports go from 1 to 65535`},
		{"hostmode", "[1]:80", `"[1]:80" has [1], which is not an IPv6 address; write one like [2001:db8::7]`},

		{"pathprefix", "v1", `"v1" does not begin with /; write /v1`},
		{"pathprefix", "/a?b", `"/a?b" has a query or fragment; routes are chosen by the path alone`},
		{"pathprefix", "/a%20", `"/a%20" has an escape; write the path with the characters themselves`},
		{"pathprefix", "/a/../b", `"/a/../b" has a segment . or .., which no cleaned path has; write the path that it leads to`},
		{"pathprefix", "/./", `"/./" has a segment . or .., which no cleaned path has; write the path that it leads to`},
		{"pathprefix", "/a//b", `"/a//b" has two slashes in a row; write one`},
		{"pathprefix", "/ä", `must be a path that begins with /, like /v1, and "/ä" isn't`},

		{"header", "Transfer-encoding", `"Transfer-encoding" is about one connection or the message's framing and is never passed on; choose a name of your own, like X-Transfer-Encoding`},
		{"identity", "header:connection", `"header:connection" is about one connection or the message's framing and is never passed on; choose a name of your own, like X-Connection`},
		{"identity", "cookie", `must be ip, tls, jwt or header:NAME, and "cookie" isn't`},

		{"cidr", "999.1.1.1", `"999.1.1.1" is not an IP address; write one like 10.0.0.7 or 2001:db8::7`},
		{"cidr", "10.0.0.0/33", `"10.0.0.0/33" is not a network; write an address and the length of the prefix, like 10.0.0.0/8`},
		{"cidr", "10.0.0.1/8", `"10.0.0.1/8" has bits set beyond the prefix; write 10.0.0.0/8 for the network, or 10.0.0.1 for the one address`},
	} {
		if got := refusal(test.format, test.text); got != test.want {
			t.Errorf("%s %q\ngot  %s\nwant %s", test.format, test.text, got, test.want)
		}
	}
}

// refusal returns what is said about text that doesn't have a format.
func refusal(format, value string) string {
	d := newDecoder(newReport("", ""), nil)
	var out string
	d.string(text{value: value, tag: "!!str"}, reflect.ValueOf(&out).Elem(), field{format: formats[format]}, "x")
	if len(d.problems) == 0 {
		return ""
	}
	return d.problems[0].Message
}

func TestLongTexts(t *testing.T) {
	label := strings.Repeat("a", 63)
	for _, test := range []struct{ format, text, want string }{
		{"hostname", strings.Repeat(label+".", 3) + strings.Repeat("a", 61), ""},
		{"hostname", strings.Repeat(label+".", 3) + strings.Repeat("a", 62), "is longer than the 253 characters that DNS allows"},
		{"pathprefix", "/" + strings.Repeat("a", 254), ""},
		{"pathprefix", "/" + strings.Repeat("a", 255), "is longer than 255 characters; match a shorter prefix"},
		{"routename", strings.Repeat("a", 512), ""},
		{"routename", strings.Repeat("a", 513), "is longer than 512 characters; it is a label on every metric, choose a shorter one"},
	} {
		if got := refusal(test.format, test.text); test.want == "" && got != "" || !strings.HasSuffix(got, test.want) {
			t.Errorf("%s of %d: %s", test.format, len(test.text), got)
		}
	}
}

func TestParseEndpoint(t *testing.T) {
	for text, want := range map[string]Endpoint{
		"http://A.b":           {"http://a.b", "http", "tcp", "a.b:80", "a.b"},
		"https://a/":           {"https://a", "https", "tcp", "a:443", "a"},
		"h2c://10.0.0.1:50051": {"h2c://10.0.0.1:50051", "h2c", "tcp", "10.0.0.1:50051", "10.0.0.1:50051"},
		"http://[::1]":         {"http://[::1]", "http", "tcp", "[::1]:80", "[::1]"},
		"https://[::1]:8443":   {"https://[::1]:8443", "https", "tcp", "[::1]:8443", "[::1]:8443"},
		"unix:/run/App":        {"unix:/run/App", "http", "unix", "/run/App", "localhost"},
		"unix+h2c:/run/app":    {"unix+h2c:/run/app", "h2c", "unix", "/run/app", "localhost"},
	} {
		if got, err := ParseEndpoint(text); got != want || err != nil {
			t.Errorf("%s is %+v, %v; want %+v", text, got, err, want)
		}
	}
	if _, err := ParseEndpoint("http://a b"); message(err) != "must be "+endpointForms {
		t.Error(err)
	}
}

func TestSplitAddress(t *testing.T) {
	for text, want := range map[string][2]string{":80": {"tcp", ":80"}, "[::1]:80": {"tcp", "[::1]:80"}, "unix:/a": {"unix", "/a"}} {
		if network, address := SplitAddress(text); network != want[0] || address != want[1] {
			t.Errorf("%s is %s %s", text, network, address)
		}
	}
}
