package connections

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
)

// rest knows whether anything is left over of what came over TLS, where nobody
// waits for more. Of a plain connection the socket tells. TLS reads ahead: a
// further record, or a part of one, may be in its buffer, where the socket
// doesn't show it, and would be taken for the answer to the next request.
//
// So it follows the records (RFC 8446, section 5.1) as they pass below TLS: in
// the middle of one, a part is in the buffer. And for whole ones it asks TLS
// itself, which it lets have nothing from the socket meanwhile.
//
// A nil one is of a plain connection.
type rest struct {
	above  *tls.Conn
	header [recordHeader]byte
	have   int // bytes of the header
	left   int // bytes of the record
	sealed bool
}

const recordHeader = 5

// errSealed is what TLS reads of a sealed connection. It takes it for an error
// that passes.
var errSealed net.Error = sealedError{errors.New("nothing is read now")}

type sealedError struct{ error }

func (sealedError) Timeout() bool   { return true }
func (sealedError) Temporary() bool { return true }

// read reads from the connection below TLS.
func (r *rest) read(from io.Reader, p []byte) (int, error) {
	if r != nil && r.sealed {
		return 0, errSealed
	}
	n, err := from.Read(p)
	r.pass(p[:n])
	return n, err
}

// pass follows the records.
func (r *rest) pass(p []byte) {
	if r == nil {
		return
	}
	for len(p) > 0 {
		if r.left > 0 {
			n := min(r.left, len(p))
			r.left -= n
			p = p[n:]
			continue
		}
		n := copy(r.header[r.have:], p)
		r.have += n
		p = p[n:]
		if r.have == recordHeader {
			r.have, r.left = 0, int(binary.BigEndian.Uint16(r.header[3:]))
		}
	}
}

// none says whether nothing is left over.
func (r *rest) none() bool {
	if r == nil {
		return true
	}
	if r.have > 0 || r.left > 0 {
		return false
	}
	r.sealed = true
	defer func() { r.sealed = false }()
	var b [1]byte
	n, err := r.above.Read(b[:])
	return n == 0 && errors.Is(err, errSealed)
}
