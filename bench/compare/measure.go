package main

import (
	"context"
	"fmt"
	"math"
	"time"
)

// sample is what one run of one proxy came to.
type sample struct {
	Requests      int     `json:"requests"`
	CPU           float64 `json:"cpuMicroseconds,omitzero"` // of the proxy, for a request
	Rate          float64 `json:"requestsPerSecond,omitzero"`
	P50           float64 `json:"p50Milliseconds,omitzero"`
	P99           float64 `json:"p99Milliseconds,omitzero"`
	RSS           int64   `json:"residentBytes"`
	PerConnection float64 `json:"bytesPerConnection,omitzero"` // of idle ones
	// Cores that were busy for the proxy, the origin and the load generator:
	// who held up whom.
	ProxyCores  float64 `json:"proxyCores,omitzero"`
	OriginCores float64 `json:"originCores,omitzero"`
	LoadCores   float64 `json:"loadCores,omitzero"`
}

// measure loads a proxy for a while.
func (r *running) measure(ctx context.Context, o *origin, each time.Duration) (sample, error) {
	if r.Idle {
		return r.idle(ctx)
	}
	before, err := r.look(o)
	if err != nil {
		return sample{}, err
	}
	l, err := r.load(ctx, each)
	if err != nil {
		return sample{}, err
	}
	after, err := r.look(o)
	if err != nil {
		return sample{}, err
	}
	if err := r.sound(l, after.asked-before.asked-1); err != nil {
		return sample{}, err
	}
	used, took := after.cpu-before.cpu, l.Took.Seconds()
	return sample{
		Requests:    l.Requests,
		CPU:         digits(float64(used) / float64(time.Microsecond) / float64(l.Requests)),
		Rate:        digits(float64(l.Requests) / took),
		P50:         digits(float64(l.P50) / float64(time.Millisecond)),
		P99:         digits(float64(l.P99) / float64(time.Millisecond)),
		RSS:         after.rss,
		ProxyCores:  digits(used.Seconds() / took),
		OriginCores: digits((after.origin - before.origin).Seconds() / took),
		LoadCores:   digits(l.CPU.Seconds() / took),
	}, nil
}

// load loads a proxy for a while, with the generator that speaks its protocol.
func (r *running) load(ctx context.Context, each time.Duration) (load, error) {
	if r.Streams > 0 {
		return r.h2load(ctx, each)
	}
	return r.wrk(ctx, each)
}

// digits leaves three behind the point: more would only be noise.
func digits(x float64) float64 { return math.Round(x*1000) / 1000 }

// reading is what everybody has done so far.
type reading struct {
	usage                // of the proxy
	origin time.Duration // of CPU
	asked  int           // requests at the origin, this look included
}

// look takes a reading.
func (r *running) look(o *origin) (now reading, err error) {
	if now.asked, err = o.requests(); err != nil {
		return now, err
	}
	if now.origin, err = o.cpu(); err != nil {
		return now, err
	}
	now.usage, err = usageOf(r.PID())
	return now, err
}

// sound says why a run counts for nothing: answers of another kind than asked
// for, or a cache that asked the origin.
func (r *running) sound(l load, atOrigin int) error {
	few := l.Requests/1000 + 1
	switch {
	case l.Requests == 0:
		return fmt.Errorf("nothing was answered")
	case l.Broken > few:
		return fmt.Errorf("%d failures for %d requests", l.Broken, l.Requests)
	case r.Role == refused && l.Bad < l.Requests-few:
		return fmt.Errorf("%d of %d requests were not refused", l.Requests-l.Bad, l.Requests)
	case r.Role != refused && l.Bad > 0:
		return fmt.Errorf("%d of %d answers had a wrong status", l.Bad, l.Requests)
	case r.Role == cached && atOrigin > l.Requests/100:
		return fmt.Errorf("%d of %d requests reached the origin in spite of the cache", atOrigin, l.Requests)
	case r.Role == proxied && atOrigin < l.Requests:
		return fmt.Errorf("%d of %d requests reached the origin", atOrigin, l.Requests)
	}
	return nil
}
