// Package listening has what listeners need beside accepting: how many
// connections may be open, and what only the system can tell or do.
package listening

import "sync"

// Slots counts connections against a cap that may change while they are open.
// Whoever asks for one beyond the cap waits: the next connection stays in the
// kernel's backlog, where it costs no descriptor.
type Slots struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced when a slot may be free
	waiting int
	open    int64
	max     int64
}

// NewSlots returns slots for so many connections, none of them taken.
func NewSlots(most int64) *Slots { return &Slots{max: most, changed: make(chan struct{})} }

// Acquire takes a slot, waiting until there is one, or until stop ends: then
// it returns false.
func (s *Slots) Acquire(stop <-chan struct{}) bool {
	for {
		s.mu.Lock()
		if s.open < s.max {
			s.open++
			s.mu.Unlock()
			return true
		}
		changed := s.changed
		s.waiting++
		s.mu.Unlock()
		stopped := false
		select {
		case <-changed:
		case <-stop:
			stopped = true
		}
		s.mu.Lock()
		s.waiting--
		s.mu.Unlock()
		if stopped {
			return false
		}
	}
}

// Force takes a slot even beyond the cap.
func (s *Slots) Force() {
	s.mu.Lock()
	s.open++
	s.mu.Unlock()
}

// Release gives a slot back.
func (s *Slots) Release() {
	s.mu.Lock()
	s.open--
	s.wake()
	s.mu.Unlock()
}

// Resize changes the cap. Connections beyond a smaller one stay open.
func (s *Slots) Resize(most int64) {
	s.mu.Lock()
	s.max = most
	s.wake()
	s.mu.Unlock()
}

// wake lets those who wait look again. The lock must be held.
func (s *Slots) wake() {
	if s.waiting == 0 {
		return
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// State returns the cap, and whether somebody waits because it is reached.
func (s *Slots) State() (most int64, full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.max, s.waiting > 0
}
