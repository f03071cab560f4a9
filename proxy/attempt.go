package proxy

import (
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync"
	"sync/atomic"
)

// maxInterim is how many interim (1xx) answers are passed on before an
// upstream is taken to be broken.
const maxInterim = 8

// attempt is what is learned about sending a request once.
type attempt struct {
	h1only      bool
	conn        *upConn     // that carries it
	wroteHeader atomic.Bool // net/http began to write it
	unsent      bool        // it failed, and the upstream has surely got nothing of it, or nothing that it took
	body        *requestBody
	expects     bool // the client waits for a 100 before it sends its body

	interimMu sync.Mutex
	interim   int
	over      bool // the final answer has begun: interim ones come too late
}

func (a *attempt) bodyTouched() bool { return a.body != nil && a.body.bytes.Load() > 0 }

// trace passes interim answers on and learns whether the request was written.
func (a *attempt) trace(w http.ResponseWriter, x *exchange) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		WroteHeaders: func() { a.wroteHeader.Store(true) },
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			a.interimMu.Lock()
			defer a.interimMu.Unlock()
			if a.over {
				return nil
			}
			if code == http.StatusSwitchingProtocols {
				return errUnaskedSwitch // over HTTP/1.1 it isn't an interim answer and doesn't come here
			}
			if a.interim++; a.interim > maxInterim {
				return errTooManyInterim
			}
			// 100 is said by the server itself once the body is asked for; and
			// HTTP/1.0 knows no interim answers.
			if code == http.StatusContinue || !x.r.ProtoAtLeast(1, 1) {
				return nil
			}
			// While the server may be writing its own 100, it writes unguarded:
			// until the client's body has begun to come, others are dropped.
			if a.expects && !a.bodyTouched() {
				return nil
			}
			out := w.Header()
			copyEndToEnd(out, http.Header(h))
			w.WriteHeader(code)
			clear(out)
			return nil
		},
	}
}

// end stops interim answers: the final one is being written.
func (a *attempt) end() {
	a.interimMu.Lock()
	a.over = true
	a.interimMu.Unlock()
}
