package h1

import "encoding/binary"

// What a byte may be part of.
const (
	inToken  = 1 << iota // RFC 9110, section 5.6.2
	inTarget             // visible ASCII but '#': a target has no fragment
	inPath               // what net/url writes as it is
	inHost               // of a uri-host without brackets (RFC 3986, section 3.2.2)
	isHex
	isLower // a letter to be made upper in a canonical name, or the other way round
	isUpper
)

var classes = func() (c [256]uint8) {
	mark := func(class uint8, s string) {
		for i := range len(s) {
			c[s[i]] |= class
		}
	}
	const lower, upper, digits = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
	mark(inToken, lower+upper+digits+"!#$%&'*+-.^_`|~")
	mark(inHost, lower+upper+digits+"-._~%!$&'()*+,;=")
	mark(inPath, lower+upper+digits+"/-_.~$&+,:;=@")
	mark(isHex, digits+"abcdefABCDEF")
	mark(isLower, lower)
	mark(isUpper, upper)
	for b := '!'; b <= '~'; b++ {
		if b != '#' {
			c[b] |= inTarget
		}
	}
	return c
}()

// all says whether all bytes are of a class.
func all[T string | []byte](s T, class uint8) bool {
	for i := range len(s) {
		if classes[s[i]]&class == 0 {
			return false
		}
	}
	return true
}

func isToken[T string | []byte](s T) bool { return len(s) > 0 && all(s, inToken) }

// isText says whether b may be in a field value or a reason phrase: visible
// characters, spaces, tabs, and bytes above 0x7f (RFC 9110, section 5.5). It
// looks at eight bytes at a time, of which hardly any is a tab.
func isText(b []byte) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for len(b) >= 8 {
		w := binary.LittleEndian.Uint64(b)
		del := w ^ 0x7f*ones
		// The high bit of a byte is set where w's is below a space, or del's is
		// zero. A borrow may set others beside them: then each is looked at.
		if (w-0x20*ones)&^w&highs|(del-ones)&^del&highs != 0 && !isTextSlow(b[:8]) {
			return false
		}
		b = b[8:]
	}
	return isTextSlow(b)
}

func isTextSlow(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// trimLeft and trimRight take off optional white space (RFC 9110, section 5.6.3).
func trimLeft(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	return b
}

func trimRight(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}
