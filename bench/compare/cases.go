package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// role is what a proxy does in a case.
type role string

// The roles.
const (
	proxied role = "proxied" // it passes requests on
	cached  role = "cached"  // it answers from its cache
	refused role = "refused" // it refuses all
	rpc     role = "grpc"    // it passes gRPC calls on
)

// benchCase is one thing to measure. The zero value of a field is the plain
// case: no TLS, kept connections, GET.
type benchCase struct {
	Name     string
	Title    string
	Headline bool // is one of those that say the most
	Large    bool // takes 8 GB of memory for each proxy: only where it is named

	Role    role
	Path    string // what is asked for; with Keys or Routes, what stands before the number
	Size    int    // of the answer, in bytes
	Conns   int    // connections
	Streams int    // requests at once on each, over HTTP/2; 0: HTTP/1.1
	TLS     bool
	Close   bool // a new connection for each request
	Body    int  // of the request, in bytes; 0: GET
	Keys    int  // so many different ones are asked for, at random
	Routes  int  // so many routes are configured, and asked for at random
	Log     bool // with an access log
	Idle    bool // connections stay idle: what is measured is memory
	Grow    growth
	Only    string // the proxy that alone is measured
	Floor   bool   // measured with programs, too, that only read and write
}

// cases are all there are.
func cases() []benchCase {
	const kib = 1 << 10
	return []benchCase{
		{Name: "69b", Title: "69 B answers, 64 connections", Headline: true, Role: proxied, Path: "/69", Size: 69, Conns: 64, Floor: true},
		{Name: "69b-1", Title: "69 B answers, 1 connection", Role: proxied, Path: "/69", Size: 69, Conns: 1},
		{Name: "69b-1000", Title: "69 B answers, 1,000 connections", Headline: true, Role: proxied, Path: "/69", Size: 69, Conns: 1000, Floor: true},
		{Name: "69b-log", Title: "69 B answers, 64 connections, access log on", Role: proxied, Path: "/69", Size: 69, Conns: 64, Log: true},
		{Name: "4k", Title: "4 KiB answers, 64 connections", Role: proxied, Path: "/4k", Size: 4 * kib, Conns: 64},
		{Name: "64k", Title: "64 KiB answers, 64 connections", Role: proxied, Path: "/64k", Size: 64 * kib, Conns: 64},
		{Name: "1m", Title: "1 MiB answers, 64 connections", Role: proxied, Path: "/1m", Size: kib * kib, Conns: 64},
		{Name: "close", Title: "69 B answers, a new connection for each request", Headline: true, Role: proxied, Path: "/69", Size: 69, Conns: 64, Close: true},
		{Name: "post-4k", Title: "POST of 4 KiB, 64 connections", Role: proxied, Path: "/69", Size: 69, Conns: 64, Body: 4 * kib},
		{Name: "post-64k", Title: "POST of 64 KiB, 64 connections", Role: proxied, Path: "/69", Size: 69, Conns: 64, Body: 64 * kib},
		{Name: "tls", Title: "TLS, 69 B answers, 64 connections", Headline: true, Role: proxied, Path: "/69", Size: 69, Conns: 64, TLS: true},
		{Name: "tls-close", Title: "TLS, 69 B answers, a new connection for each request", Role: proxied, Path: "/69", Size: 69, Conns: 16, TLS: true, Close: true},
		{Name: "h2", Title: "HTTP/2 over TLS, 69 B answers, 8 connections of 8 streams", Headline: true, Role: proxied, Path: "/69", Size: 69, Conns: 8, Streams: 8, TLS: true},
		{Name: "h2c", Title: "HTTP/2 without TLS, 69 B answers, 8 connections of 8 streams", Role: proxied, Path: "/69", Size: 69, Conns: 8, Streams: 8},
		{Name: "grpc", Title: "gRPC unary calls over h2c on both sides, 8 connections of 8 streams", Role: rpc, Path: "/levee.Bench/Echo", Size: 69, Conns: 8, Streams: 8, Body: 69},
		{Name: "cache-1k", Title: "cache hits of 1 KiB, 1 key", Headline: true, Role: cached, Path: "/cached/1k/", Size: kib, Conns: 64, Keys: 1, Floor: true},
		{Name: "cache-1k-100000", Title: "cache hits of 1 KiB, 100,000 keys", Role: cached, Path: "/cached/1k/", Size: kib, Conns: 64, Keys: 100_000},
		{Name: "keys", Title: "cache hits of 1 KiB, 1,000 and 1,000,000 keys", Role: cached, Path: "/cached/1k/", Size: kib, Conns: 64, Grow: growth{keys: []int{1000, 1_000_000}}, Only: levee},
		{Name: "cache-64k", Title: "cache hits of 64 KiB, 1 key", Role: cached, Path: "/cached/64k/", Size: 64 * kib, Conns: 64, Keys: 1},
		{Name: "cache-64k-10000", Title: "cache hits of 64 KiB, 10,000 keys", Role: cached, Path: "/cached/64k/", Size: 64 * kib, Conns: 64, Keys: 10_000},
		{Name: "cache-64k-100000", Title: "cache hits of 64 KiB, 100,000 keys", Role: cached, Path: "/cached/64k/", Size: 64 * kib, Conns: 64, Keys: 100_000, Large: true},
		{Name: "refuse", Title: "refusals, 64 connections", Headline: true, Role: refused, Path: "/69", Conns: 64, Floor: true},
		{Name: "routes", Title: "69 B answers, 10 and 10,000 routes", Role: proxied, Path: "/r", Size: 69, Conns: 64, Grow: growth{routes: []int{10, 10_000}}},
		{Name: "idle", Title: "10,000 idle connections", Headline: true, Role: proxied, Path: "/69", Size: 69, Conns: 10_000, Idle: true},
	}
}

// chosenCases are those that a flag names.
func chosenCases(names string) ([]benchCase, error) {
	var chosen []benchCase
	all := cases()
	for _, name := range split(names) {
		n := len(chosen)
		for _, c := range all {
			if c.Name == name || name == "all" && !c.Large || name == "headline" && c.Headline {
				chosen = append(chosen, c)
			}
		}
		if len(chosen) == n {
			var known []string
			for _, c := range all {
				known = append(known, c.Name)
			}
			return nil, fmt.Errorf("no case %q: there are headline, all, %s", name, strings.Join(known, ", "))
		}
	}
	// Named twice is measured once.
	seen := map[string]bool{}
	return slices.DeleteFunc(chosen, func(c benchCase) bool {
		again := seen[c.Name]
		seen[c.Name] = true
		return again
	}), nil
}

// warmUp is how long a proxy is loaded before it is measured: connections are
// opened, limits learned, pages faulted in.
const warmUp = time.Second

// takes estimates how long a case takes with so many proxies.
func (c *benchCase) takes(peers, runs int, each time.Duration) time.Duration {
	if variants := c.variants(); len(variants) > 1 {
		var sum time.Duration
		runs, each = c.rounds(runs, each)
		for _, v := range variants {
			sum += v.takes(peers, runs, each)
		}
		return sum
	}
	one := warmUp + time.Duration(runs)*(each+100*time.Millisecond)
	if c.Idle {
		one = time.Duration(runs) * 1500 * time.Millisecond
	}
	fill := time.Duration(c.Keys) * 100 * time.Microsecond // most of it the proxy's own time
	return time.Second + time.Duration(peers)*(one+fill+300*time.Millisecond)
}
