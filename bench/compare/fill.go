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
)

// fillers is how many connections fill a cache.
const fillers = 8

// fill asks a cache once for each key.
func (r *running) fill(ctx context.Context) error {
	errs := make([]error, fillers)
	var wg sync.WaitGroup
	for i := range fillers {
		wg.Go(func() { errs[i] = r.fillFrom(ctx, i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// fillFrom asks for each fillers-th key, over one connection.
func (r *running) fillFrom(ctx context.Context, first int) error {
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.Port))
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	answers := bufio.NewReader(c)
	for key := first; key < r.Keys; key += fillers {
		if _, err := fmt.Fprintf(c, "GET %s%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", r.Path, key, r.Port); err != nil {
			return err
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			return fmt.Errorf("filling the cache: %w", err)
		}
		n, err := io.Copy(io.Discard, answer.Body)
		if err != nil || n != int64(r.Size) || answer.StatusCode != http.StatusOK {
			return fmt.Errorf("filling the cache: %s with %d bytes: %w", answer.Status, n, err)
		}
	}
	return nil
}
