package main

import "testing"

// TestStorm runs the slowdown once, shortened, against levee as it ships. Its
// bounds are far from those of the full runs, and a limit that doesn't work is
// further: without one, goodput is 24% of the ideal, and nothing is ever good again.
func TestStorm(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	binary, remove, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	// The tests of other packages run beside; figures from a machine that can't
	// send and answer in time mean nothing.
	const chances = 3
	for chance := range chances {
		s := find("slowdown", true)
		s.Seed = uint64(chance + 1)
		r, err := run(t.Context(), s, throughLevee, binary, false)
		if err != nil {
			t.Fatal(err)
		}
		f := measure(s, r)
		t.Logf("%+v", f)
		if f.Unfit != "" {
			continue
		}
		if f.Goodput < 0.6 {
			t.Errorf("goodput was %s of the ideal during the trigger, want 60%% at least", percent(f.Goodput))
		}
		if f.ShedBefore > 0 {
			t.Errorf("%d were shed before the trigger", f.ShedBefore)
		}
		if f.Back == never {
			t.Error("it isn't good again after the trigger")
		}
		return
	}
	t.Skipf("the machine was too busy, %d times", chances)
}
