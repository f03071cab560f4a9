package listening

import (
	"testing"
	"testing/synctest"
)

// TestSlots: whoever comes when all are taken waits for one that is given back, for
// more of them, or for the end.
func TestSlots(t *testing.T) {
	for name, tc := range map[string]struct {
		then func(s *Slots, stop chan struct{})
		got  bool
		full bool
	}{
		"given back":         {func(s *Slots, _ chan struct{}) { s.Release() }, true, false},
		"more":               {func(s *Slots, _ chan struct{}) { s.Resize(3) }, true, false},
		"the end":            {func(_ *Slots, stop chan struct{}) { close(stop) }, false, false},
		"fewer, one is back": {func(s *Slots, _ chan struct{}) { s.Resize(1); s.Release() }, false, true},
		"forced beyond": {func(s *Slots, _ chan struct{}) {
			s.Force()
			s.Release()
		}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, stop := NewSlots(2), make(chan struct{})
				for range 2 {
					if !s.Acquire(stop) {
						t.Fatal("no slot, and there was one")
					}
				}
				if _, full := s.State(); full {
					t.Error("full, and nobody waits")
				}
				got, ended := false, make(chan struct{})
				go func() {
					defer close(ended)
					got = s.Acquire(stop)
				}()
				synctest.Wait()
				if most, full := s.State(); !full || most != 2 {
					t.Errorf("%d slots, full: %v, and one waits", most, full)
				}
				tc.then(s, stop)
				synctest.Wait()
				if _, full := s.State(); full != tc.full {
					t.Errorf("full: %v, want %v", full, tc.full)
				}
				if tc.full { // whoever still waits goes with the end
					close(stop)
				}
				<-ended
				if got != tc.got {
					t.Errorf("a slot: %v, want %v", got, tc.got)
				}
			})
		})
	}
}
