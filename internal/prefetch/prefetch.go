//go:build amd64 || arm64

package prefetch

import "unsafe"

// Lines has the processor load lines of memory from p on, and waits for none of
// them. Lines behind what p points to do no harm, nor would any address: nothing
// is read. The compiler has no means to say this, hence the assembly.
//
//go:noescape
func Lines(p unsafe.Pointer, lines int)
