package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/levee-proxy/levee/proxy/internal/connections"
)

// healthJitter spreads checks, so that many proxies in front of one service
// don't ask in step.
const healthJitter = 0.2

// checkHealth asks the endpoint at intervals until ctx ends, each time on a
// new connection: that it can be reached is part of being well.
func (e *endpoint) checkHealth(ctx context.Context) {
	hc := e.up.cfg.HealthCheck
	pause := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(time.Duration(hc.Interval)),
		backoff.WithMaxInterval(time.Duration(hc.Interval)),
		backoff.WithMultiplier(1),
		backoff.WithRandomizationFactor(healthJitter),
		backoff.WithMaxElapsedTime(0),
	)
	good, bad := 0, 0
	for {
		err := e.probe(ctx)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, connections.ErrNoDescriptor) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			// Ours to blame: nothing was learned about the endpoint.
		} else if err == nil {
			good, bad = good+1, 0
		} else {
			good, bad = 0, bad+1
		}
		switch {
		case bad >= hc.UnhealthyAfter:
			e.setHealth(false, err.Error())
		case good >= hc.HealthyAfter:
			e.setHealth(true, "")
		}
		timer := time.NewTimer(pause.NextBackOff())
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// probe makes one check: a 2xx or 3xx answer within the timeout is health.
func (e *endpoint) probe(ctx context.Context) error {
	hc := e.up.cfg.HealthCheck
	ctx, cancel := context.WithTimeout(ctx, time.Duration(hc.Timeout))
	defer cancel()
	c, err := e.up.dialer.Probe(ctx, e.target, e.address)
	if err != nil {
		return err
	}
	defer c.Close()
	host := hc.Host
	if host == "" {
		host = e.target.Host
	}
	path, query, _ := strings.Cut(hc.Path, "?")
	req := &http.Request{
		Method: http.MethodGet,
		URL:    &url.URL{Scheme: e.scheme(), Host: host, Path: path, RawQuery: query},
		Host:   host,
		Header: http.Header{"User-Agent": {"levee-health"}},
	}
	resp, err := c.RoundTrip(ctx, req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 399 {
		return fmt.Errorf("answered %d", resp.StatusCode)
	}
	_, err = io.CopyN(io.Discard, resp.Body, 64<<10)
	if err == io.EOF {
		err = nil
	}
	return err
}

// setHealth takes the verdict of the checks.
func (e *endpoint) setHealth(well bool, why string) {
	now := time.Now()
	u := e.up
	u.mu.Lock()
	defer u.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.unhealthy == !well {
		if !well {
			e.reason = "health check: " + why
		}
		return
	}
	e.unhealthy = !well
	if well {
		e.comeBack(now, "health check passes again")
		u.log.Info("endpoint healthy", "upstream", u.cfg.Name, "endpoint", e.address)
	} else {
		e.out.Store(true)
		e.since, e.reason, e.lastError = now, "health check: "+why, why
		u.log.Warn("endpoint unhealthy", "upstream", u.cfg.Name, "endpoint", e.address, "reason", why)
	}
	u.rebuild()
}
