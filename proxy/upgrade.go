package proxy

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/levee-proxy/levee/proxy/internal/fields"
)

// tunnel joins client and upstream after both have switched to websocket.
// From here on only bytes are passed on; the tunnel ends when both directions
// have, when either side breaks, or when the proxy stops. What is written must
// be taken within the write timeout; silence may last.
func tunnel(w *beginning, x *exchange, resp *http.Response) *failure {
	if fields.UpgradeType(resp.Header) != "websocket" || !x.upgrade {
		resp.Body.Close()
		return &failure{answer: answer{status: http.StatusBadGateway, kind: errUpgrade, details: "the upstream switched to something that wasn't asked for"}, blame: true}
	}
	up, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		resp.Body.Close()
		return &failure{answer: answer{status: http.StatusInternalServerError, kind: errInternal, details: "no way to write after the upgrade"}}
	}
	defer up.Close()
	h := w.Header()
	fields.CopyEndToEnd(h, resp.Header)
	h["Connection"] = []string{"Upgrade"}
	h["Upgrade"] = []string{"websocket"}
	// The connection is taken before the client hears of the switch: until then
	// it belongs to net/http, which reads on it, and ends the request where a
	// client that has heard of it says that it won't send any more.
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return &failure{answer: answer{status: http.StatusInternalServerError, kind: errInternal, details: "the connection can't be upgraded"}}
	}
	defer client.Close()
	w.begun = true
	x.record.Status = http.StatusSwitchingProtocols
	_ = client.SetDeadline(time.Time{})
	guard := newProgress(x.r, x.conn.timeouts.write, client.SetWriteDeadline)
	guard.before()
	switched := http.Response{StatusCode: http.StatusSwitchingProtocols, ProtoMajor: 1, ProtoMinor: 1, Header: h}
	if switched.Write(buffered) != nil || buffered.Flush() != nil {
		return nil
	}
	cut := func() { client.Close(); up.Close() }
	unwatch := context.AfterFunc(x.ctx, cut)
	defer unwatch()

	down := make(chan int64, 1)
	go func() {
		n, err := pump(client, up, guard)
		endDirection(client, err, cut)
		down <- n
	}()
	// What the client sent right behind its request is in the server's buffer.
	early := io.LimitReader(buffered.Reader, int64(buffered.Reader.Buffered()))
	n, err := pump(up, io.MultiReader(early, client), nil)
	endDirection(up, err, cut)
	x.record.BytesIn += n
	x.record.BytesOut += <-down
	return nil
}

// pump copies until src ends or one of them breaks, and returns how much it copied.
func pump(dst io.Writer, src io.Reader, guard *progress) (total int64, err error) {
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	for {
		n, rerr := src.Read(buf[:])
		if n > 0 {
			guard.before()
			wrote, werr := dst.Write(buf[:n])
			total += int64(wrote)
			if werr != nil {
				return total, werr
			}
		}
		if rerr == io.EOF {
			return total, nil
		}
		if rerr != nil {
			return total, rerr
		}
	}
}

// endDirection passes a clean end of one direction on, and ends everything
// after any other, or where there is no way to end one direction alone.
func endDirection(dst io.Writer, err error, cut func()) {
	if half, ok := dst.(interface{ CloseWrite() error }); ok && err == nil && half.CloseWrite() == nil {
		return
	}
	cut()
}
