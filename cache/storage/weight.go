package storage

import "unsafe"

// What an entry costs besides its own allocations, in bytes. The sum is held to
// what the heap grows by, in TestWeightIsWhatTheHeapGrowsBy.
const (
	// costOfEntry is what finds it and decides whether it stays: 28 to 57 bytes of
	// index, 8 to 10 of the eviction's list, 16 to 32 of its sketch.
	costOfEntry = 40 + 9 + 16
	// costOfURL is its slot in the index of URLs: a string, a pointer and a
	// control byte, in tables that are 44 to 88% full.
	costOfURL = 40
	// spare is the share of each entry, one part in this many, that is left to
	// the garbage collector: spans that aren't full, its own books, and what
	// is garbage but not yet collected. With less of it the collector spends
	// half of the processor near the memory limit, and misses it all the same.
	spare = 8
)

// classes are the sizes in which the runtime allocates small objects. They are
// asked of the runtime, not assumed.
var classes = func() (sizes []int) {
	for n := 1; n <= maxSmall; {
		c := cap(append([]byte(nil), make([]byte, n)...))
		sizes = append(sizes, c)
		n = c + 1
	}
	return sizes
}()

const (
	maxSmall = 32 << 10
	page     = 8 << 10
)

// allocated is how many bytes the runtime takes for an object of n bytes.
func allocated(n int) int {
	if n > maxSmall {
		return (n + page - 1) &^ (page - 1)
	}
	low, high := 0, len(classes)-1
	if n == 0 {
		return 0
	}
	for low < high {
		if mid := (low + high) / 2; classes[mid] < n {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return classes[low]
}

// scanned is like allocated, for objects with pointers: those above 512 bytes
// carry a header.
func scanned(n int) int {
	if n > 512 {
		n += 8
	}
	return allocated(n)
}

// weigh sums up what e takes, when extra is what its policy holds.
func weigh[P any](e *Entry[P], l Labels, extra int) int64 {
	text, values := e.Header.size()
	sum := int64(costOfEntry + costOfURL + sizeWith[P](len(e.Header)) + scanned(values*int(unsafe.Sizeof(""))) + extra)
	sum += int64(scanned(int(unsafe.Sizeof(tag{}))) + allocated(len(l.URL)))
	sum += int64(scanned(len(l.Groups) * int(unsafe.Sizeof((*tag)(nil)))))
	if v := e.list; v != nil {
		sum += int64(scanned(int(unsafe.Sizeof(*v))) + allocated(len(v.keys)*len(Key{})))
		if v.mark != nil {
			sum += int64(scanned(int(unsafe.Sizeof(*v.mark))))
		}
	}
	if e.Body.joins() {
		return grossed(sum + int64(allocated(text+int(e.Body.size))))
	}
	sum += int64(allocated(text))
	if len(e.Body.chunks) > 1 {
		sum += int64(scanned(cap(e.Body.chunks) * int(unsafe.Sizeof([]byte(nil)))))
	}
	for _, c := range e.Body.chunks {
		sum += int64(allocated(cap(c)))
	}
	return grossed(sum)
}

// grossed is a sum with what is left to the garbage collector.
func grossed(sum int64) int64 { return sum + sum/spare }

// weighTag is what a group takes once, whatever is in it.
func weighTag(name string) int64 {
	sum := int64(scanned(int(unsafe.Sizeof(tag{}))) + allocated(len(name)) + costOfURL)
	return grossed(sum)
}
