package telemetry

import "sync/atomic"

// Ring is a queue of fixed size between many producers, who never wait, and
// one consumer.
//
// The obvious alternatives fail the producers. A mutex makes each of them wait
// for whoever holds it, and in a container that has used up its share of CPU
// that can take 100 ms. A channel does too, as it is a mutex inside. Here a
// producer claims a slot by one compare-and-swap and fills it in place; when
// it is suspended between the two, only the consumer waits for it, and other
// producers go on to the slots after it until the ring is full.
//
// Each slot carries the turn at which it may be used (D. Vyukov's bounded
// queue): turn == position means free for the producer of that position, turn
// == position+1 means filled, and the consumer hands the slot on to the next
// lap by adding the ring's size. A full ring refuses: what is in it stays.
type Ring[T any] struct {
	slots []slot[T]
	mask  uint64
	wake  chan struct{}

	_ [64]byte // producers and the consumer shall not share a cache line

	tail    atomic.Uint64 // the position that the next producer claims
	dropped atomic.Uint64

	_ [64]byte

	head   atomic.Uint64 // the position that the consumer takes next; only it writes here
	parked atomic.Bool   // the consumer waits, or is about to
}

type slot[T any] struct {
	turn  atomic.Uint64
	value T
}

// NewRing makes a ring that holds at least size values: size is rounded up to
// a power of two, 2 at least. A prepare that isn't nil is called once for each
// slot's value, for instance to give it a buffer that is used again and again.
func NewRing[T any](size int, prepare func(*T)) *Ring[T] {
	n := 2
	for n < size {
		n *= 2
	}
	r := &Ring[T]{
		slots: make([]slot[T], n),
		mask:  uint64(n - 1),
		wake:  make(chan struct{}, 1),
	}
	for i := range r.slots {
		r.slots[i].turn.Store(uint64(i))
		if prepare != nil {
			prepare(&r.slots[i].value)
		}
	}
	return r
}

// Put copies *v into the ring. When the ring is full it counts a drop and
// returns false. It never blocks and never allocates.
func (r *Ring[T]) Put(v *T) bool {
	pos, value, ok := r.Claim()
	if !ok {
		return false
	}
	*value = *v
	r.Commit(pos)
	return true
}

// Claim reserves a slot to be filled in place: between Claim and Commit the
// value belongs to the caller, who must call Commit, soon and exactly once,
// with the position returned. The value may hold what an earlier lap left in
// it. When the ring is full, Claim counts a drop and returns false.
func (r *Ring[T]) Claim() (pos uint64, value *T, ok bool) {
	for {
		pos := r.tail.Load()
		s := &r.slots[pos&r.mask]
		switch d := int64(s.turn.Load() - pos); {
		case d == 0:
			if r.tail.CompareAndSwap(pos, pos+1) {
				return pos, &s.value, true
			}
		case d < 0: // the slot still holds the value of a lap ago
			r.dropped.Add(1)
			return 0, nil, false
		}
		// Another producer was quicker: at the next position.
	}
}

// Commit hands the slot claimed at pos to the consumer.
func (r *Ring[T]) Commit(pos uint64) {
	r.slots[pos&r.mask].turn.Store(pos + 1)
	if r.parked.Load() {
		r.unpark()
	}
}

// Next returns the oldest value, in place, until Release. It returns false if
// the ring is empty or the producer of the oldest value is still filling it.
// Only the consumer may call it.
func (r *Ring[T]) Next() (*T, bool) {
	pos := r.head.Load()
	s := &r.slots[pos&r.mask]
	if s.turn.Load() != pos+1 {
		return nil, false
	}
	return &s.value, true
}

// Release gives the slot that Next returned back to the producers. Only the
// consumer may call it, once for each Next that returned true.
func (r *Ring[T]) Release() {
	pos := r.head.Load()
	r.slots[pos&r.mask].turn.Store(pos + uint64(len(r.slots)))
	r.head.Store(pos + 1)
}

// Take moves the oldest value into *v and clears its slot, so that the ring
// keeps nothing alive. It returns false as Next does. Only the consumer may
// call it.
func (r *Ring[T]) Take(v *T) bool {
	value, ok := r.Next()
	if !ok {
		return false
	}
	*v = *value
	var zero T
	*value = zero
	r.Release()
	return true
}

// Wait returns a channel from which one value can be received as soon as Next
// may succeed. It may wake for nothing: the consumer calls Next again, and
// Wait again. Only the consumer may call it.
func (r *Ring[T]) Wait() <-chan struct{} {
	// Announce first, look second; producers fill first, look second. So one of
	// the two sees the other, and no value waits for the one after it.
	r.parked.Store(true)
	if _, ok := r.Next(); ok {
		r.unpark()
	}
	return r.wake
}

func (r *Ring[T]) unpark() {
	if r.parked.CompareAndSwap(true, false) {
		select {
		case r.wake <- struct{}{}:
		default: // an earlier wake was not taken yet, and will do
		}
	}
}

// Len counts the values in the ring, those that are being filled included.
func (r *Ring[T]) Len() int {
	head := r.head.Load() // first: tail may only run ahead of it
	return int(min(r.tail.Load()-head, uint64(len(r.slots))))
}

// Cap is how many values the ring can hold.
func (r *Ring[T]) Cap() int { return len(r.slots) }

// Dropped counts the values that were refused because the ring was full.
func (r *Ring[T]) Dropped() uint64 { return r.dropped.Load() }
