package h1

// Kind is how the end of a body is known (RFC 9112, section 6.3).
type Kind uint8

// Kinds of framing.
const (
	None    Kind = iota // there is no body
	Length              // so many bytes
	Chunked             // chunks, and trailers behind the last
	ToClose             // all until the connection ends; responses only
)

// Framing says where a message's body ends.
type Framing struct {
	Kind   Kind
	Length int64 // of Kind Length, in bytes; may be 0
}

// Empty says whether nothing follows: there is no body, or one of no bytes.
func (f Framing) Empty() bool { return f.Kind == None || f.Kind == Length && f.Length == 0 }

// ContentLength is the length as net/http has it: -1 where it isn't known.
func (f Framing) ContentLength() int64 {
	switch f.Kind {
	case None:
		return 0
	case Length:
		return f.Length
	}
	return -1
}

// framing reads the framing fields of a message. Of None, neither is there.
func (a *about) framing(minor int) (Framing, error) {
	switch {
	case a.codings == 0 && a.lengths == 0:
		return Framing{}, nil
	case a.codings > 0 && a.lengths > 0:
		// A sender that says both may be smuggling: of two readers one would
		// believe the one, one the other.
		return Framing{}, errBoth
	case a.codings > 1:
		return Framing{}, errTwoCodings
	case a.lengths > 1:
		return Framing{}, errTwoLengths // alike or not: whoever sent two was confused
	case a.codings == 1 && !foldsTo(a.coding, "chunked"):
		return Framing{}, errCoding
	case a.codings == 1 && minor == 0:
		return Framing{}, errCodingOld
	case a.codings == 1:
		return Framing{Kind: Chunked}, nil
	}
	n, err := parseLength(a.length)
	return Framing{Kind: Length, Length: n}, err
}

// parseLength reads 1*DIGIT, and no sign, space or list.
func parseLength(s string) (n int64, err error) {
	if s == "" || len(s) > 18 { // 18 digits fit
		return 0, errLength
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, errLength
		}
		n = 10*n + int64(s[i]-'0')
	}
	return n, nil
}
