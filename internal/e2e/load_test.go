package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// load is clients that ask again as soon as they are answered.
type load struct {
	// answered counts answers with 200, whole; refused those who found nobody
	// listening; unaccepted those whose connection was still the kernel's when
	// nobody listened any more; failed everything else.
	answered, refused, unaccepted, failed atomic.Int64

	mu    sync.Mutex
	first error

	quit chan struct{}
	done sync.WaitGroup
}

// hammer starts so many clients at a URL. They stop by stop, or when nobody
// listens any more.
func hammer(client *http.Client, url string, clients int) *load {
	l := &load{quit: make(chan struct{})}
	for range clients {
		l.done.Go(func() {
			for {
				select {
				case <-l.quit:
					return
				default:
				}
				err := fetch(client, url)
				switch {
				case err == nil:
					l.answered.Add(1)
				case notListening(err):
					l.refused.Add(1)
					return
				case neverAccepted(err):
					l.unaccepted.Add(1)
				default:
					l.failed.Add(1)
					l.mu.Lock()
					if l.first == nil {
						l.first = err
					}
					l.mu.Unlock()
				}
			}
		})
	}
	return l
}

// stop lets the clients finish what they are at.
func (l *load) stop() {
	close(l.quit)
	l.done.Wait()
}

// assertNoneFailed fails the test if a request that was accepted failed.
func (l *load) assertNoneFailed(t *testing.T) {
	t.Helper()
	t.Logf("%d answered, %d found nobody listening, %d were never accepted, %d failed", l.answered.Load(), l.refused.Load(), l.unaccepted.Load(), l.failed.Load())
	if n := l.failed.Load(); n > 0 {
		t.Errorf("%d requests failed, the first with: %v", n, l.first)
	}
	if l.answered.Load() == 0 {
		t.Error("no request was answered: this test says nothing")
	}
}

// carried holds the connections that have carried an answer, by both their addresses.
var carried sync.Map

// fetch asks once; anything but a whole answer with 200 is an error.
func fetch(client *http.Client, url string) error {
	var connection string
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(request.WithContext(httptrace.WithClientTrace(request.Context(), &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) {
			connection = fmt.Sprint(got.Conn.LocalAddr(), got.Conn.RemoteAddr())
		},
	})))
	if err != nil {
		return err
	}
	carried.Store(connection, true)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s %.200q", answer.Status, answer.Header["Proxy-Status"], text)
	}
	return nil
}

// neverAccepted says that a connection was opened with the kernel alone, which
// does so by itself for a socket that listens: whatever waits in its queue when
// the socket closes is reset, be it before, during or after a TLS handshake. No
// process can do anything about the last ones.
func neverAccepted(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || !errors.Is(err, syscall.ECONNRESET) {
		return false
	}
	_, known := carried.Load(fmt.Sprint(op.Source, op.Addr))
	return op.Op == "dial" || !known
}

// notListening says that a connection could not even be opened: that request was never accepted.
func notListening(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial" && errors.Is(err, syscall.ECONNREFUSED)
}
