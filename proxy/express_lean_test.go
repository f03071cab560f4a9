package proxy

import (
	"testing"
	"testing/synctest"
)

// TestExpressFromWithin: the lean engine answers refusals before it makes
// anything of their requests, whatever came before on the connection, and leaves
// what has a body or asks something of the connection to the handler. Whoever
// answers, the answer is the same, and each request is counted once.
func TestExpressFromWithin(t *testing.T) {
	const plain = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
	for _, test := range []struct {
		name, text, want string
		answers          int
		express          uint64 // of the text's requests
		closes           bool
	}{
		{"simple", plain, "503", 1, 1, false},
		{"HEAD", "HEAD /x HTTP/1.1\r\nHost: h\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n", "503", 1, 1, false},
		{"two at once", plain + plain, "503 503", 2, 2, false},
		{"absolute target", "GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n", "503", 1, 1, false},
		{"a body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", "503", 1, 0, false},
		{"behind a body that looks like one", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 27\r\n\r\n" + plain + "\r" + plain, "503 400", 2, 0, true},
		{"closing", "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "503", 1, 0, true},
		{"HTTP/1.0", "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", "503", 1, 0, false},
		{"websocket", "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "503", 1, 0, false},
		{"a route that nobody has", "GET / HTTP/1.1\r\nHost: other\r\n\r\n", "404", 1, 0, false},
		{"a method that isn't served", "TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", "405", 1, 0, false},
		{"no host", "GET / HTTP/1.1\r\n\r\n", "400", 1, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArena(t, limited("{mode: fixed, limit: 1, queue: {length: 0}}", ", match: {hosts: [h]}", "engine: lean"))
				if a.engine.lean == nil {
					t.Skip("LEVEE_ENGINE has another")
				}
				books := a.keepBooks()
				a.ask("/hold")
				a.ask("/") // from now on requests are being refused
				q, e := a.connectExpress()
				if got := q.exchange(test.text, test.answers); got != test.want {
					t.Errorf("answered %s, want %s", got, test.want)
				}
				if e.answered != test.express {
					t.Errorf("%d went express, want %d", e.answered, test.express)
				}
				if !test.closes {
					if got := q.exchange(plain, 1); got != "503" {
						t.Errorf("then %s", got)
					}
				} else if _, err := q.br.ReadByte(); err == nil {
					t.Error("the connection goes on")
				}
				a.want(1, 0, 0)
				a.release <- struct{}{}
				synctest.Wait()
				books.balance(t)
			})
		})
	}
}
