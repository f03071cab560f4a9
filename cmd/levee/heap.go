package main

import "runtime/metrics"

// heapUsage is what the pacer, the headroom and the tidier go by, in bytes.
type heapUsage struct {
	allocs uint64 // that were allocated since the start
	alive  uint64 // that the last collection left
	held   uint64 // that the heap holds of the system's memory
	beside uint64 // that the runtime takes beside the heap: stacks, and its own books
	roots  uint64 // of stacks and globals, that a collection goes through
}

// readHeap reads it from the runtime.
func readHeap() heapUsage {
	s := []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/gc/heap/live:bytes"},
		{Name: "/gc/scan/stack:bytes"},
		{Name: "/gc/scan/globals:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(s)
	total, released, held := s[4].Value.Uint64(), s[5].Value.Uint64(), uint64(0)
	for _, class := range s[6:] {
		held += class.Value.Uint64()
	}
	return heapUsage{
		allocs: s[0].Value.Uint64(), alive: s[1].Value.Uint64(), held: held,
		beside: total - min(total, held+released), roots: s[2].Value.Uint64() + s[3].Value.Uint64(),
	}
}
