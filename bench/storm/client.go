package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// outcome is how an attempt ended.
type outcome uint8

const (
	good   outcome = iota // answered with 200
	shed                  // refused with 503 or 429
	failed                // another status, or a connection that broke
	gaveUp                // its client had enough, and reset the connection
)

// client makes attempts over HTTP/1.1. It is lean on purpose: net/http's own
// client would take two goroutines a connection and several times the CPU,
// which is better left to who is measured.
type client struct {
	address string
	// from is the address that it calls from, by which Levee tells clients
	// apart; nil: any.
	from *net.TCPAddr
	// targets is how many things it asks for; 0: another with each request.
	targets uint64

	mu   sync.Mutex
	idle []*connection // the freshest last
}

type connection struct {
	net.Conn
	in    *bufio.Reader
	since time.Time // when it became idle
}

// idleFor is how long a connection may be idle before it is used again: less
// than any server on the way waits.
const idleFor = 20 * time.Second

// attempt sends a request once, and waits until a moment at most.
func (c *client) attempt(request uint64, attempt int, until time.Time) reply {
	conn, err := c.get(until)
	if err != nil {
		return ending(err)
	}
	answer, err := conn.exchange(request, attempt, c.target(request), until)
	if err != nil {
		conn.reset()
		return ending(err)
	}
	if answer.Close {
		conn.Close()
	} else {
		c.put(conn)
	}
	switch answer.StatusCode {
	case http.StatusOK:
		return reply{outcome: good}
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return refusal(answer)
	}
	return reply{outcome: failed}
}

// refusal is what a client understands that reads the standard's words: 429 is
// for it to stop, unless Retry-After says when to come back; and Envoy's word.
func refusal(answer *http.Response) reply {
	seconds, err := strconv.ParseUint(answer.Header.Get("Retry-After"), 10, 16)
	if err == nil {
		return reply{outcome: shed, after: time.Duration(seconds) * time.Second}
	}
	return reply{outcome: shed, stop: answer.StatusCode == http.StatusTooManyRequests || answer.Header.Get("X-Envoy-Ratelimited") != ""}
}

// target is what a request asks for.
func (c *client) target(request uint64) uint64 {
	if c.targets == 0 {
		return request
	}
	return mix(request) % c.targets
}

// ending is what an error makes of an attempt.
func ending(err error) reply {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return reply{outcome: gaveUp}
	}
	return reply{outcome: failed}
}

// get returns a connection: the one used last, or a new one.
func (c *client) get(until time.Time) (*connection, error) {
	now := time.Now()
	c.mu.Lock()
	var stale []*connection
	for n := len(c.idle); n > 0; n = len(c.idle) {
		conn := c.idle[n-1]
		if now.Sub(conn.since) < idleFor {
			c.idle = c.idle[:n-1]
			c.mu.Unlock()
			return conn, nil
		}
		// The others are older still.
		stale, c.idle = c.idle, nil
	}
	c.mu.Unlock()
	for _, conn := range stale {
		conn.Close()
	}
	dialer := net.Dialer{Deadline: until}
	if c.from != nil {
		dialer.LocalAddr = c.from
	}
	conn, err := dialer.Dial("tcp", c.address)
	if err != nil {
		if !time.Now().Before(until) {
			return nil, os.ErrDeadlineExceeded
		}
		return nil, err
	}
	return &connection{Conn: conn, in: bufio.NewReaderSize(conn, 1024)}, nil
}

func (c *client) put(conn *connection) {
	conn.since = time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = append(c.idle, conn)
}

// close ends the connections that are not in use.
func (c *client) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.idle {
		conn.Close()
	}
	c.idle = nil
}

// exchange sends a request and reads the answer whole.
func (c *connection) exchange(request uint64, attempt int, target uint64, until time.Time) (*http.Response, error) {
	if err := c.SetDeadline(until); err != nil {
		return nil, err
	}
	out := make([]byte, 0, 160)
	out = append(out, "GET /work?"...)
	out = strconv.AppendUint(out, target, 10)
	out = append(out, " HTTP/1.1\r\nHost: storm\r\n"+requestHeader+": "...)
	out = strconv.AppendUint(out, request, 10)
	out = append(out, "\r\n"+attemptHeader+": "...)
	out = strconv.AppendInt(out, int64(attempt), 10)
	out = append(out, "\r\n\r\n"...)
	if _, err := c.Write(out); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return nil, err
	}
	return answer, nil
}

// reset ends the connection as a client does that no longer wants the answer.
func (c *connection) reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	c.Close()
}
