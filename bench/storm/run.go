package main

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// record is everything that is known of one run.
type record struct {
	requests []request
	cpu      usage
	service  served
	elapsed  time.Duration
	// samples are the course of the run, if it was asked for.
	samples []sample
}

// run plays a scenario once: the service and Levee are started for it, and
// ended after it.
func run(ctx context.Context, s scenario, through way, binary string, traced bool) (r *record, err error) {
	service, err := startService(ctx, &s)
	if err != nil {
		return nil, err
	}
	r = &record{}
	defer func() {
		account, stopErr := service.stop()
		r.service = account
		err = errors.Join(err, stopErr)
	}()
	address, pid := strings.TrimPrefix(service.url, "http://"), 0
	var proxy *levee
	if through != direct {
		if proxy, err = startLevee(ctx, binary, service.url, through); err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, proxy.stop()) }()
		address, pid = proxy.address, proxy.PID()
	}

	before, err := measureCPU(service.pid, pid)
	if err != nil {
		return r, err
	}
	play, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &s.Clients[0]
	senders := newClients(address, p)
	defer senders.close()
	start := time.Now().Add(50 * time.Millisecond) // for all parts to be ready
	var beside sync.WaitGroup
	var trigger error
	beside.Go(func() { trigger = pull(play, start, &s, service) })
	if traced {
		beside.Go(func() { r.samples = watch(play, start, service, proxy) })
	}
	r.requests = drive(ctx, start, arrivals(&s), patience{p.Timeout, p.Deadline, p.Retries, p.Backoff, p.Above, p.Obeys}, senders.attempt)
	r.elapsed = time.Since(start)
	cancel()
	beside.Wait()
	after, err := measureCPU(service.pid, pid)
	r.cpu = after.since(before)
	return r, errors.Join(err, trigger, ctx.Err())
}

// pull changes the service's condition when it is time.
func pull(ctx context.Context, start time.Time, s *scenario, v *service) error {
	for _, at := range s.changes() {
		timer := time.NewTimer(time.Until(start.Add(at)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		if err := v.set(s.at(at)); err != nil {
			return err
		}
	}
	return nil
}
