package telemetry

// method is a request method as metrics tell it: those that are known, and
// one for all others, which a client may make up at will.
type method uint8

const methodOther method = 0

var methodNames = [...]string{"_OTHER", "GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "TRACE", "CONNECT", "QUERY"}

func (m method) String() string { return methodNames[m] }

func methodOf(s string) method {
	switch s {
	case "GET":
		return 1
	case "POST":
		return 2
	case "PUT":
		return 3
	case "DELETE":
		return 4
	case "HEAD":
		return 5
	case "PATCH":
		return 6
	case "OPTIONS":
		return 7
	case "TRACE":
		return 8
	case "CONNECT":
		return 9
	case "QUERY":
		return 10
	}
	return methodOther
}

// scheme is a URL's scheme.
type scheme uint8

const (
	schemeNone scheme = iota
	schemeHTTP
	schemeHTTPS
)

func (s scheme) String() string {
	if s == schemeHTTPS {
		return "https"
	}
	return "http"
}

func schemeOf(s string) scheme {
	if s == "https" {
		return schemeHTTPS
	}
	return schemeHTTP
}
