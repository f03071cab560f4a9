package main

import "testing"

// TestSimulated: in virtual time, too, a limit makes the difference.
func TestSimulated(t *testing.T) {
	t.Parallel()
	s := find("slowdown", false)
	with, err := simulated(s, throughLevee)
	if err != nil {
		t.Fatal(err)
	}
	without, err := simulated(s, direct)
	if err != nil {
		t.Fatal(err)
	}
	if with < 2*without || without > 0.2 {
		t.Errorf("goodput %s with a limit and %s without", percent(with), percent(without))
	}
}
