package main

import (
	"math"
	"testing"
	"time"
)

// TestIdeal: the formula gives the shares that are known from its parts.
func TestIdeal(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]float64{
		"slowdown": 80 * (1 - math.Exp(-3)) / 280, // a fifth of 400/s; the slowed ones' exponential half has a mean of 100 ms, and 300 ms to end in
		"surge":    400.0 / 840,
		"loss":     200.0 / 280,
		"drift":    1,
		"mixed":    400.0 / 840,
		"trickle":  1,
		"layers":   60.0 / 112,
	} {
		s := find(name, false)
		from, to := s.span()
		came := s.Clients[0].Rate * s.at(from).load * (to - from).Seconds()
		if got := s.IdealOf(0, int(came)) / came; math.Abs(got-want) > 0.001 {
			t.Errorf("%s: %.4f of what comes, want %.4f", name, got, want)
		}
	}
}

// TestConditions: each trigger does what its story says, when it says so.
func TestConditions(t *testing.T) {
	t.Parallel()
	usual := condition{Slow: 1, Workers: 16, load: 1}
	for name, during := range map[string]condition{
		"slowdown": {Slow: 5, Workers: 16, load: 1},
		"surge":    {Slow: 1, Workers: 16, load: 3},
		"loss":     {Slow: 1, Workers: 8, load: 1},
		"drift":    {Slow: 3, Workers: 48, load: 1},
		"mixed":    {Slow: 1, Workers: 16, load: 3},
		"trickle":  usual,
		"layers":   {Slow: 1, Workers: 6, load: 1},
	} {
		for _, short := range []bool{false, true} {
			s := find(name, short)
			after := usual
			if name == "drift" {
				after = during // for good
			}
			if s.To == 0 {
				s.From, s.To = time.Second, 2*time.Second
			}
			for _, c := range []struct {
				at   time.Duration
				want condition
			}{{0, usual}, {s.From - 1, usual}, {s.From, during}, {s.To - 1, during}, {s.To, after}, {s.Duration, after}} {
				if name == "trickle" {
					c.want = usual
				}
				if got := s.at(c.at); got != c.want {
					t.Errorf("%s, short %v, at %v: %+v, want %+v", name, short, c.at, got, c.want)
				}
			}
			if s.Duration <= s.Quiet {
				t.Errorf("%s, short %v: ends at %v, before what must be quiet from %v", name, short, s.Duration, s.Quiet)
			}
		}
	}
}

// TestCapacity: what the service can work off follows the trigger.
func TestCapacity(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][2]float64{"slowdown": {400, 80}, "loss": {400, 200}, "drift": {400, 400}, "honouring": {160, 60}} {
		s := find(name, false)
		if before, during := s.capacity(0), s.capacity(s.From); math.Abs(before-want[0]) > 0.01 || math.Abs(during-want[1]) > 0.01 {
			t.Errorf("%s: %.1f a second, and %.1f during the trigger; want %v", name, before, during, want)
		}
	}
}
