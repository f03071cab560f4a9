package coalesce

const (
	minChunk = 4 << 10
	maxChunk = 64 << 10
)

// buffer is the bytes between a fetch and its readers, in chunks that are
// written once and never moved. Readers get slices of them: nothing is copied
// for a reader. All but the bytes themselves is guarded by the flight's lock; the
// writer fills what isn't published yet without it.
type buffer struct {
	chunks [][]byte // what is published of each; all but the last are complete
	counts []int    // how many readers are at each chunk, and at the next one
	first  int      // the number of chunks[0], counted from the body's first
	size   int64    // published in all
	held   int64    // capacity of chunks
}

func newBuffer() buffer { return buffer{counts: []int{0}} }

// tail is the room in the last chunk.
func (b *buffer) tail() []byte {
	if len(b.chunks) == 0 {
		return nil
	}
	last := b.chunks[len(b.chunks)-1]
	return last[len(last):cap(last)]
}

// next is how large the next chunk is to be: what is left of a body of this
// size, or twice the last one, at most the given number.
func (b *buffer) next(size int64, most int) int {
	most = max(1, min(most, maxChunk))
	if size >= 0 {
		return int(max(1, min(size-b.size, int64(most))))
	}
	n := minChunk
	if len(b.chunks) > 0 {
		n = 2 * cap(b.chunks[len(b.chunks)-1])
	}
	return min(n, most)
}

// grow adds a chunk and returns it.
func (b *buffer) grow(n int) []byte {
	c := make([]byte, n)
	b.chunks = append(b.chunks, c[:0])
	b.counts = append(b.counts, 0)
	b.held += int64(n)
	return c
}

func (b *buffer) publish(n int) {
	if n == 0 {
		return
	}
	last := &b.chunks[len(b.chunks)-1]
	*last = (*last)[:len(*last)+n]
	b.size += int64(n)
}

// trim lets go of chunks that all readers are past, but never of the last.
func (b *buffer) trim() {
	for len(b.chunks) > 1 && b.counts[0] == 0 {
		b.held -= int64(cap(b.chunks[0]))
		b.chunks[0] = nil // the array behind lives on
		b.chunks, b.counts = b.chunks[1:], b.counts[1:]
		b.first++
	}
}

// whole is the chunks with no room to spare that is worth a copy.
func (b *buffer) whole() [][]byte {
	var all [][]byte
	for _, c := range b.chunks {
		switch {
		case len(c) == 0:
		case cap(c)-len(c) > cap(c)/8:
			all = append(all, append(make([]byte, 0, len(c)), c...))
		default:
			all = append(all, c)
		}
	}
	return all
}

// signal wakes all who wait, without a goroutine for each. Both methods are
// called with the flight's lock held.
type signal struct{ ch chan struct{} }

func (s *signal) wait() <-chan struct{} {
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

func (s *signal) tell() {
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}
