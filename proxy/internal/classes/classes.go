// Package classes numbers the kinds of requests that cost alike, so that what a
// limiter has learned of each can be looked up, and handed on, by a small number.
package classes

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/levee-proxy/levee/limiter"
)

// Set gives the requests of an upstream that cost alike a number each: by
// route, and for gRPC by method. All endpoints of the upstream share it, also
// over reloads, so that what was learned at one can be handed on by number.
//
// There are [limiter.MaxClasses] numbers, and the last is for all others. A
// client could make names up, so a method only gets a number once the service
// has answered it (see [Set.Add]).
type Set struct {
	numbers atomic.Pointer[map[string]int] // replaced, never changed: reading it is most of what is done

	mu sync.Mutex
}

// Other is the number of what has none of its own.
const (
	Other     = limiter.MaxClasses - 1
	otherName = "other"
)

// New returns a set in which nothing has a number.
func New() *Set {
	c := &Set{}
	c.numbers.Store(&map[string]int{})
	return c
}

// Number is the class of a name; [Other] if it has none.
func (c *Set) Number(name string) int {
	if n, ok := (*c.numbers.Load())[name]; ok {
		return n
	}
	return Other
}

// maxName is the length of a name, in bytes, beyond which it gets no number:
// names are labels of metrics, and kept in the state file.
const maxName = 256

// Add gives a name a number of its own, as long as there are any, and returns
// what it has.
func (c *Set) Add(name string) int {
	if n, ok := (*c.numbers.Load())[name]; ok {
		return n
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	old := *c.numbers.Load()
	if n, ok := old[name]; ok {
		return n
	}
	if len(old) >= Other || name == otherName || name == "" || len(name) > maxName {
		return Other
	}
	numbers := make(map[string]int, len(old)+1)
	maps.Copy(numbers, old)
	numbers[name] = len(old)
	c.numbers.Store(&numbers)
	return len(old)
}

// Names are the classes' names by number; the last is that of all others.
// Numbers that nobody has are empty.
func (c *Set) Names() []string {
	names := make([]string, limiter.MaxClasses)
	for name, n := range *c.numbers.Load() {
		names[n] = name
	}
	names[Other] = otherName
	return names
}
