package telemetry

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// newTestSink makes a sink of strings, with a ring of two.
func newTestSink(w writerFunc) *sink[string] {
	return newSink(w, sinkOptions[string]{
		name:   "test",
		size:   2,
		encode: func(dst []byte, v *string) []byte { return append(append(dst, *v...), '\n') },
		notice: func(dst []byte, now time.Time, dropped uint64) []byte {
			return appendNotice(dst, FormatText, now, "test", dropped)
		},
	})
}

func put(s *sink[string], v string) {
	if pos, p, ok := s.claim(); ok {
		*p = v
		s.commit(pos)
	}
}

var errFull = errors.New("no space left on device")

// A full disk costs the lines that were written to it meanwhile, counted; when
// there is room again, lines are whole again.
func TestSinkWithFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out buffer
		room := -1 // unlimited
		s := newTestSink(func(p []byte) (int, error) {
			if room >= 0 && len(p) > room {
				n, _ := out.Write(p[:room])
				room = 0
				return n, errFull
			}
			return out.Write(p)
		})
		step := func(v string) { put(s, v); synctest.Wait() }

		step("one")
		room = 2
		step("two") // half of it fits
		step("three")
		if st := s.Stats(); st.Errors != 2 || st.Written != 1 || st.LastError != errFull.Error() || st.FailingSince.IsZero() {
			t.Errorf("on a full disk: %+v", st)
		}
		room = -1
		step("four")
		if got, want := out.String(), "one\ntw\nfour\n"; got != want {
			t.Errorf("written %q, want %q", got, want)
		}
		if st := s.Stats(); st.Written != 2 || st.Dropped != 0 {
			t.Errorf("with room again: %+v", st)
		}
		if err := s.Close(time.Second); err != nil {
			t.Fatal(err)
		}
	})
}

// A writer that takes less than all of it without an error has failed as well.
func TestSinkWithShortWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestSink(func(p []byte) (int, error) { return len(p) - 1, nil })
		put(s, "one")
		if err := s.Close(time.Second); err != nil {
			t.Fatal(err)
		}
		if st := s.Stats(); st.Errors != 1 || st.LastError != "short write" {
			t.Errorf("Stats = %+v", st)
		}
	})
}

// Drops are told where they happened, at most once in ten seconds, and none is
// left untold once they have ended.
func TestSinkTellsOfDropsOncePerInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out buffer
		gate := make(chan struct{})
		s := newTestSink(func(p []byte) (int, error) {
			<-gate
			return out.Write(p)
		})
		// burst puts until n values were dropped while the writer hangs, then
		// lets the writer go on.
		burst := func(n uint64) {
			put(s, "first")
			synctest.Wait() // the writer hangs in it
			for want := s.Stats().Dropped + n; s.Stats().Dropped < want; {
				put(s, "more")
			}
			for range 2 {
				gate <- struct{}{}
				synctest.Wait()
			}
		}
		notices := func() int { return strings.Count(out.String(), "lines dropped") }

		burst(5)
		if notices() != 1 || !strings.Contains(out.String(), "dropped=5") {
			t.Fatalf("after the first burst: %q", out.String())
		}
		burst(7)
		burst(9)
		if notices() != 1 {
			t.Fatalf("%d notices within the interval, want 1: %q", notices(), out.String())
		}
		close(gate)                // nothing hangs any more
		time.Sleep(noticeInterval) // virtual: the interval passes without another line
		synctest.Wait()
		if notices() != 2 || !strings.Contains(out.String(), "dropped=16") {
			t.Fatalf("after the interval: %q", out.String())
		}
		time.Sleep(10 * noticeInterval)
		synctest.Wait()
		if notices() != 2 {
			t.Fatalf("notices without drops: %q", out.String())
		}
		if err := s.Close(time.Second); err != nil {
			t.Fatal(err)
		}
	})
}

// An episode lasts as long as its trouble is never absent for over a minute.
func TestEpisode(t *testing.T) {
	start := time.Unix(1000, 0)
	var e episode
	if first, last := e.span(); !first.IsZero() || !last.IsZero() {
		t.Errorf("span of nothing: %v, %v", first, last)
	}
	for _, tt := range []struct {
		at, first time.Duration
	}{
		{0, 0},
		{time.Second, 0},
		{time.Minute, 0},
		{3 * time.Minute, 3 * time.Minute}, // after a pause: a new one
		{2 * time.Minute, 3 * time.Minute}, // the clock jumps back: the same one
	} {
		e.mark(start.Add(tt.at))
		first, last := e.span()
		if !first.Equal(start.Add(tt.first)) || !last.Equal(start.Add(tt.at)) {
			t.Errorf("at %v: span %v to %v, want it to begin at %v", tt.at, first, last, tt.first)
		}
	}
}
