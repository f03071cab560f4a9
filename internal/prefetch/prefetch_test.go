package prefetch

import (
	"testing"
	"unsafe"
)

// TestNoAddressDoesHarm, not even one behind the end of all memory: nothing is read.
func TestNoAddressDoesHarm(t *testing.T) {
	var some [3]uint64
	for _, p := range []unsafe.Pointer{nil, unsafe.Pointer(&some), unsafe.Pointer(&some[2])} {
		Lines(p, 1)
		Lines(p, 1<<10)
	}
	if n := testing.AllocsPerRun(100, func() { Lines(unsafe.Pointer(&some), 1) }); n != 0 {
		t.Errorf("it allocates %v times", n)
	}
}
