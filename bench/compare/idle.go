package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// idle opens connections, asks once over each, and lets them be: what the proxy
// grew by is what a connection that does nothing takes. Afterwards all must
// answer once more.
func (r *running) idle(ctx context.Context) (sample, error) {
	before, err := usageOf(r.PID())
	if err != nil {
		return sample{}, err
	}
	conns, err := r.openAll(ctx)
	defer func() {
		for _, c := range conns {
			if c != nil {
				c.Close()
			}
		}
	}()
	if err != nil {
		return sample{}, err
	}
	// What answering took is given back in a while. It is the long waits that
	// memory matters in.
	if err := pause(ctx, settling); err != nil {
		return sample{}, err
	}
	during, err := usageOf(r.PID())
	if err != nil {
		return sample{}, err
	}
	for _, c := range conns {
		if err := r.askOver(c); err != nil {
			return sample{}, fmt.Errorf("an idle connection: %w", err)
		}
	}
	return sample{Requests: 2 * len(conns), RSS: during.rss, PerConnection: float64(during.rss-before.rss) / float64(len(conns))}, nil
}

// settling is for how long connections are idle before it is looked what they take.
const settling = 12 * time.Second

// openers is how many connections are opened at once.
const openers = 32

// openAll opens the case's connections and asks once over each. They come from
// many addresses, since one has too few ports for it on some machines.
func (r *running) openAll(ctx context.Context) ([]net.Conn, error) {
	conns, errs := make([]net.Conn, r.Conns), make([]error, openers)
	var wg sync.WaitGroup
	for n := range openers {
		wg.Go(func() {
			dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(n+1))}}
			for i := n; i < len(conns); i += openers {
				c, err := dialer.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", r.Port))
				if err == nil {
					conns[i] = c
					err = r.askOver(c)
				}
				if err != nil {
					errs[n] = fmt.Errorf("connection %d: %w", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
	return conns, errors.Join(errs...)
}

// askOver asks once over an open connection.
func (r *running) askOver(c net.Conn) error {
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", r.Path); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, answer.Body)
	if err == nil && (answer.StatusCode != http.StatusOK || n != int64(r.Size)) {
		err = fmt.Errorf("%s with %d bytes", answer.Status, n)
	}
	return err
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
