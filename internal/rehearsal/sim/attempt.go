package sim

import "time"

// Attempt is one try of a request: the first one, or a retry. The exported
// fields are what a gate may know.
type Attempt struct {
	// Slot is a small number that no other attempt alive has: gates keep what
	// they know of an attempt in a slice, by slot.
	Slot uint32
	// Class is the request's kind, from 0.
	Class int
	// Client is who asks, from 0.
	Client int
	// Priority is the population's.
	Priority int
	// Try is 0 for the first attempt of all that a request leads to.
	Try int
	// Print is what a retry repeats: of the request's id, if it has one, or of
	// client and target. Exact says that it is of an id; then Also is of client
	// and target.
	Print, Also uint64
	Exact       bool
	// Says is the attempt number that it gives itself, from 1; 0: none.
	Says int
	// Arrived is when it came to the gate.
	Arrived time.Duration
	// Dispatched is when it was let through; meaningful afterwards.
	Dispatched time.Duration
	// Deadline is when its client gives up, if it said so; 0 if not.
	Deadline time.Duration

	call  *call         // valid while wants
	id    uint64        // of the call
	work  time.Duration // what a worker spends on it, once begun
	began time.Duration
	gen   uint32 // grows each time the slot is used anew
	span  int32  // group of the span in which it came; -1 outside
	place place
	wants bool // a client waits for the answer
	open  bool // dispatched, and the gate has yet to be told the end
	idle  bool // it came while the service had room
}

// place is where an attempt is.
type place uint8

const (
	atGate place = iota
	inService
	gone // neither the gate nor the service has it
)

// call is a client's request: a first attempt and its retries.
type call struct {
	slot       uint32
	gen        uint32
	population int
	id         uint64
	deadline   time.Duration // 0: none
	bucket     int           // of the series; -1 if not measured
	class      int
	client     int
	target     int
	try        int // of the attempt under way, or the one to come
	// tries counts for each layer, the lowest first, which try it is at, and
	// ends is when that is over; 0: not begun, or never.
	tries [layers]int
	ends  [layers]time.Duration
}

// arena keeps attempts or calls: addresses stay, slots are used again.
type arena[T any] struct {
	chunks [][]T
	free   []uint32
	next   uint32
}

const chunk = 1024

func (a *arena[T]) at(slot uint32) *T { return &a.chunks[slot/chunk][slot%chunk] }

func (a *arena[T]) get() (uint32, *T) {
	if n := len(a.free); n > 0 {
		slot := a.free[n-1]
		a.free = a.free[:n-1]
		return slot, a.at(slot)
	}
	slot := a.next
	if slot/chunk == uint32(len(a.chunks)) {
		a.chunks = append(a.chunks, make([]T, chunk))
	}
	a.next++
	return slot, a.at(slot)
}

func (a *arena[T]) put(slot uint32) { a.free = append(a.free, slot) }

// alive returns how many are in use.
func (a *arena[T]) alive() int { return int(a.next) - len(a.free) }
