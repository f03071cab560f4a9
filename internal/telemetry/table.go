package telemetry

import (
	"maps"
	"sync"
	"sync/atomic"
)

// table is a map that is read on each request and grows rarely: reading takes
// no lock, growing copies it. It never holds more than its bound and never
// forgets, as counters must not go back.
type table[K comparable, V any] struct {
	m  atomic.Pointer[map[K]*V]
	mu sync.Mutex // held to grow
}

// get returns the value of k, nil if there is none.
func (t *table[K, V]) get(k K) *V {
	if m := t.m.Load(); m != nil {
		return (*m)[k]
	}
	return nil
}

// add returns the value of k and makes it if there is none and room allows.
// Otherwise it returns nil.
func (t *table[K, V]) add(k K, room func(n int) bool, make func() *V) *V {
	t.mu.Lock()
	defer t.mu.Unlock()
	if v := t.get(k); v != nil {
		return v
	}
	grown := map[K]*V{}
	if m := t.m.Load(); m != nil {
		grown = maps.Clone(*m)
	}
	if !room(len(grown)) {
		return nil
	}
	v := make()
	grown[k] = v
	t.m.Store(&grown)
	return v
}

// all returns the map as it is now. It must not be changed.
func (t *table[K, V]) all() map[K]*V {
	if m := t.m.Load(); m != nil {
		return *m
	}
	return nil
}
