package proxy

import (
	"errors"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/levee-proxy/levee/internal/idempotency"
)

// replayedHeader marks an answer that was given before.
const replayedHeader = "Idempotency-Replayed"

// guardReason is the guard's word in Levee-Shed. Its 503 tells another Levee in
// front that nothing was sent, and that the key is free.
const guardReason = "idempotency"

// storeAgain is when those come back whom the store couldn't take. A failing
// journal is tried again within 1 to 30 s.
const storeAgain = 5 * time.Second

// What the guard says itself. docs/idempotency.md explains each to whoever
// gets one.
var (
	answerMissing = &answer{
		status: http.StatusBadRequest, kind: errRequest,
		details: "this request needs an Idempotency-Key",
	}
	answerMismatch = &answer{
		status: http.StatusUnprocessableEntity, kind: errRequest,
		details: "this Idempotency-Key was used for another request",
	}
	answerBodyTooLarge = &answer{
		status: http.StatusRequestEntityTooLarge, kind: errRequest,
		details: "the body of a request with an Idempotency-Key is limited",
	}
	answerFull = &answer{
		status: http.StatusServiceUnavailable, kind: errInternal, shed: guardReason, retryAfter: storeAgain,
		details: "as many requests with an Idempotency-Key are remembered or wait as may",
	}
	answerStoreFailed = &answer{
		status: http.StatusServiceUnavailable, kind: errInternal, shed: guardReason, retryAfter: storeAgain,
		details: "requests with an Idempotency-Key can't be remembered now, and are refused",
	}
)

func answerMalformed(err error) *answer {
	return &answer{status: http.StatusBadRequest, kind: errRequest, details: err.Error()}
}

// answerInDoubt names the key as the operator has it (see Proxy.ForgetKey).
func answerInDoubt(k idempotency.Key) *answer {
	return &answer{
		status: http.StatusConflict, kind: errDenied,
		details: "this request may have been carried out, and its answer was lost; find out before you send it with another key. Reference " + k.String(),
	}
}

// answerLost is for the twins of a request whose answer wasn't kept whole.
func answerLost(a *idempotency.Answer) *answer {
	return &answer{
		status: http.StatusConflict, kind: errDenied,
		details: "this request was answered already, with status " + strconv.Itoa(a.Status) + "; the answer was too large to be kept",
	}
}

func answerOf(err error) *answer {
	if errors.Is(err, idempotency.ErrFull) {
		return answerFull
	}
	return answerStoreFailed
}

// tell gives a client the answer that was stored.
func (p *Proxy) tell(w *beginning, x *exchange, a *idempotency.Answer, replayed bool) {
	h := w.Header()
	maps.Copy(h, a.Header)
	if replayed {
		h[replayedHeader] = []string{"true"}
	}
	if x.closing {
		h["Connection"] = closeValues
	}
	if len(a.Trailer) > 0 {
		delete(h, "Content-Length") // HTTP/1.1 has trailers behind chunks only
	}
	rc := http.NewResponseController(w)
	guard := newWriteProgress(x, rc.SetWriteDeadline)
	defer guard.end()
	guard.before()
	x.record.Status = a.Status
	w.WriteHeader(a.Status)
	for body := a.Body; len(body) > 0; {
		piece := body[:min(len(body), bufferSize)]
		guard.before()
		n, err := w.Write(piece)
		guard.after()
		x.record.BytesOut += int64(n)
		if err != nil {
			x.record.Reason, x.record.Aborted = string(errClientGone), true
			panic(http.ErrAbortHandler)
		}
		body = body[n:]
	}
	if len(a.Trailer) == 0 {
		return
	}
	_ = rc.Flush() // chunked framing, without which HTTP/1.1 has no trailers
	announced := map[string]bool{}
	for _, name := range a.Header["Trailer"] {
		announced[name] = true
	}
	for name, values := range a.Trailer {
		if !announced[name] {
			name = http.TrailerPrefix + name
		}
		h[name] = values
	}
}
