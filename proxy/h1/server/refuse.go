package server

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"

	"github.com/levee-proxy/levee/proxy/h1"
)

// refuse answers a request whose head could not be read, where there is one and
// somebody to hear it, and that ends the connection.
func (c *conn) refuse(err error) {
	status, why := 0, ""
	switch bad, ok := errors.AsType[*h1.Error](err); {
	case ok:
		status, why = bad.Status, bad.Error()
	case errors.Is(err, os.ErrDeadlineExceeded) && c.r.Buffered() > 0:
		status, why = http.StatusRequestTimeout, "the header took too long"
	case errors.Is(err, io.ErrUnexpectedEOF):
		status, why = http.StatusBadRequest, "the header broke off"
	default:
		return
	}
	body := strconv.Itoa(status) + " " + http.StatusText(status) + ": " + why + "\n"
	var lines []byte
	if told := c.s.cfg.Refused; told != nil {
		lines = told(c.nc, status, why)
	}
	b := h1.AppendStatusLine(nil, status)
	b = append(b, lines...)
	b = appendDate(b)
	b = h1.AppendField(b, "Content-Type", "text/plain; charset=utf-8")
	b = h1.AppendFraming(b, h1.Framing{Kind: h1.Length, Length: int64(len(body))})
	b = h1.AppendField(b, "Connection", "close")
	b = append(append(b, "\r\n"...), body...)
	c.boundWrite()
	if _, err := c.rw.Write(b); err == nil {
		c.linger()
	}
}
