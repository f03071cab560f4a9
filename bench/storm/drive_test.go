package main

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var naive = patience{attempt: 400 * ms, whole: 1500 * ms, retries: 3}

// TestDrive: what clients do with each kind of ending, to the millisecond.
func TestDrive(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		// script is what becomes of each attempt: after how long, and how.
		script []attempt
		want   []attempt
	}{
		{
			"answered at once",
			[]attempt{{ended: 40 * ms, outcome: good}},
			[]attempt{{10 * ms, 50 * ms, good}},
		},
		{
			"never answered: three attempts of 400 ms, and 300 ms are left for the fourth",
			[]attempt{{ended: time.Hour}, {ended: time.Hour}, {ended: time.Hour}, {ended: time.Hour}},
			[]attempt{{10 * ms, 410 * ms, gaveUp}, {410 * ms, 810 * ms, gaveUp}, {810 * ms, 1210 * ms, gaveUp}, {1210 * ms, 1510 * ms, gaveUp}},
		},
		{
			"refused: again at once, three times",
			[]attempt{{ended: ms, outcome: shed}, {ended: ms, outcome: shed}, {ended: ms, outcome: failed}, {ended: ms, outcome: shed}},
			[]attempt{{10 * ms, 11 * ms, shed}, {11 * ms, 12 * ms, shed}, {12 * ms, 13 * ms, failed}, {13 * ms, 14 * ms, shed}},
		},
		{
			"good at the second attempt",
			[]attempt{{ended: time.Hour}, {ended: 100 * ms, outcome: good}},
			[]attempt{{10 * ms, 410 * ms, gaveUp}, {410 * ms, 510 * ms, good}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				send := func(_ uint64, n int, until time.Time) reply {
					step := c.script[n]
					if left := time.Until(until); left <= step.ended {
						time.Sleep(left)
						return reply{outcome: gaveUp}
					}
					time.Sleep(step.ended)
					return reply{outcome: step.outcome}
				}
				all := drive(t.Context(), time.Now(), []time.Duration{10 * ms}, naive, send)
				if len(all) != 1 || !slices.Equal(all[0].attempts, c.want) {
					t.Errorf("%+v, want %+v", all, c.want)
				}
			})
		})
	}
}

// TestOpenLoop: requests come when they are due, whatever became of the others.
func TestOpenLoop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		due := []time.Duration{0, 5 * ms, 5 * ms, 100 * ms, 2 * time.Second}
		all := drive(t.Context(), time.Now(), due, naive, func(_ uint64, _ int, until time.Time) reply {
			time.Sleep(time.Until(until))
			return reply{outcome: gaveUp}
		})
		for i := range all {
			if all[i].slip() != 0 || all[i].due != due[i] || len(all[i].attempts) != 4 {
				t.Errorf("request %d: %+v", i, all[i])
			}
		}
	})
}

// TestDriveEnds: when it is told to, nothing more is sent, and what was not sent
// is not in the result.
func TestDriveEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var mu sync.Mutex
		sent := 0
		all := drive(ctx, time.Now(), []time.Duration{0, 500 * ms, time.Hour}, naive, func(uint64, int, time.Time) reply {
			mu.Lock()
			defer mu.Unlock()
			sent++
			return reply{outcome: good}
		})
		if len(all) != 2 || sent != 2 {
			t.Errorf("%d in the result and %d sent, want 2", len(all), sent)
		}
	})
}
