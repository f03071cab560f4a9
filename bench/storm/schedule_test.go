package main

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/levee-proxy/levee/internal/rehearsal/sim"
)

// TestArrivals: the same seed gives the same moments, in order, as many as the
// rate says, three times as many in a surge.
func TestArrivals(t *testing.T) {
	t.Parallel()
	var before, during, seconds float64
	for seed := range uint64(20) {
		s := find("surge", false)
		s.Seed = seed
		all := arrivals(&s)
		if !slices.Equal(all, arrivals(&s)) {
			t.Fatal("the same seed gave other moments")
		}
		if !slices.IsSorted(all) || all[len(all)-1] >= s.Duration {
			t.Fatal("not in order, or beyond the end")
		}
		for _, at := range all {
			switch {
			case at < s.From:
				before++
			case at < s.To:
				during++
			}
		}
		seconds += (s.To - s.From).Seconds()
	}
	if got := before / 200; math.Abs(got-280) > 5 {
		t.Errorf("%.1f a second before, want 280", got)
	}
	if got := during / seconds; math.Abs(got-840) > 12 {
		t.Errorf("%.1f a second in the surge, want 840", got)
	}
	one, other := find("surge", false), find("surge", false)
	other.Seed++
	if slices.Equal(arrivals(&one), arrivals(&other)) {
		t.Error("two seeds gave the same moments")
	}
}

// TestDemand: what is asked for has the mean of its distribution, over requests
// and over attempts, and one draw says nothing of the next.
func TestDemand(t *testing.T) {
	t.Parallel()
	const mean = 40 * time.Millisecond
	d := sim.Dist{Shape: sim.HalfFixed, Mean: mean}
	const n = 20_000
	var sum, product float64
	for i := range uint64(n) {
		a, b := demand(d, 1, i, 0), demand(d, 1, i, 1)
		if a != demand(d, 1, i, 0) {
			t.Fatal("the same attempt asked for something else")
		}
		if a < mean/2 || b < mean/2 {
			t.Fatalf("%v, %v: less than the fixed half", a, b)
		}
		next := demand(d, 1, i+1, 0)
		sum += float64(a+b) / float64(2*mean)
		product += float64(a-mean) * (float64(b-mean) + float64(next-mean)) / float64(mean/2) / float64(mean/2)
	}
	if got := sum / n; math.Abs(got-1) > 0.01 {
		t.Errorf("the mean is %.3f of what it should be", got)
	}
	if got := product / n; math.Abs(got) > 0.04 {
		t.Errorf("attempts of a request, and requests in a row, are correlated: %.3f", got)
	}
}
