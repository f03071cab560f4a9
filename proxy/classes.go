package proxy

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/levee-proxy/levee/limiter"
)

// classes gives the requests of an upstream that cost alike a number each: by
// route, and for gRPC by method. All endpoints of the upstream share it, also
// over reloads, so that what was learned at one can be handed on by number.
//
// There are [limiter.MaxClasses] numbers, and the last is for all others. A
// client could make names up, so a method only gets a number once the service
// has answered it (see [classes.add]).
type classes struct {
	numbers atomic.Pointer[map[string]int] // replaced, never changed: reading it is most of what is done

	mu sync.Mutex
}

// otherClass is the number of what has none of its own.
const (
	otherClass     = limiter.MaxClasses - 1
	otherClassName = "other"
)

func newClasses() *classes {
	c := &classes{}
	c.numbers.Store(&map[string]int{})
	return c
}

// number is the class of a name.
func (c *classes) number(name string) int {
	if n, ok := (*c.numbers.Load())[name]; ok {
		return n
	}
	return otherClass
}

// maxClassName is the length of a name, in bytes, beyond which it gets no number:
// names are labels of metrics, and kept in the state file.
const maxClassName = 256

// add gives a name a number of its own, as long as there are any, and returns
// what it has.
func (c *classes) add(name string) int {
	if n, ok := (*c.numbers.Load())[name]; ok {
		return n
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	old := *c.numbers.Load()
	if n, ok := old[name]; ok {
		return n
	}
	if len(old) >= otherClass || name == otherClassName || name == "" || len(name) > maxClassName {
		return otherClass
	}
	numbers := make(map[string]int, len(old)+1)
	maps.Copy(numbers, old)
	numbers[name] = len(old)
	c.numbers.Store(&numbers)
	return len(old)
}

// names are the classes' names by number; the last is that of all others.
// Numbers that nobody has are empty.
func (c *classes) names() []string {
	names := make([]string, limiter.MaxClasses)
	for name, n := range *c.numbers.Load() {
		names[n] = name
	}
	names[otherClass] = otherClassName
	return names
}
