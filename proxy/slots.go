package proxy

import "sync"

// slots counts connections against a cap that may change while they are open.
// Whoever asks for one beyond the cap waits: the next connection stays in the
// kernel's backlog, where it costs no descriptor.
type slots struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced when a slot may be free
	waiting int
	open    int64
	max     int64
}

func newSlots(most int64) *slots { return &slots{max: most, changed: make(chan struct{})} }

// acquire takes a slot, waiting until there is one, or until stop ends: then
// it returns false.
func (s *slots) acquire(stop <-chan struct{}) bool {
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

// force takes a slot even beyond the cap.
func (s *slots) force() {
	s.mu.Lock()
	s.open++
	s.mu.Unlock()
}

func (s *slots) release() {
	s.mu.Lock()
	s.open--
	s.wake()
	s.mu.Unlock()
}

// resize changes the cap. Connections beyond a smaller one stay open.
func (s *slots) resize(most int64) {
	s.mu.Lock()
	s.max = most
	s.wake()
	s.mu.Unlock()
}

// wake lets those who wait look again. The lock must be held.
func (s *slots) wake() {
	if s.waiting == 0 {
		return
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// state returns the cap, and whether somebody waits because it is reached.
func (s *slots) state() (most int64, full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.max, s.waiting > 0
}
