package limiter

// fairSlots is how many groups of clients are told apart. Clients share a slot
// by chance; a slot is only judged when it holds far more than its share, so
// who shares one with a heavy client waits behind others while that lasts.
const (
	fairBits  = 9
	fairSlots = 1 << fairBits
)

// unfairly is how many times its even share a client may hold, in quarters:
// equals differ by chance, and two of them may not count as one that takes all.
const unfairly = 5

// fairness counts what each client holds, inflight and waiting, in fixed memory.
type fairness struct {
	held   [fairSlots]uint32
	active int // slots that hold something
	total  int
}

// slot spreads clients by Fibonacci hashing.
func slot(client uint64) int {
	return int((client * 0x9e3779b97f4a7c15) >> (64 - fairBits))
}

func (f *fairness) begin(client uint64) {
	if client == 0 {
		return
	}
	s := slot(client)
	if f.held[s] == 0 {
		f.active++
	}
	f.held[s]++
	f.total++
}

func (f *fairness) end(client uint64) {
	if client == 0 {
		return
	}
	s := slot(client)
	f.held[s]--
	f.total--
	if f.held[s] == 0 {
		f.active--
	}
}

// heavy says whether a client holds more than its share, by far. Where a
// single client is active, nobody is heavy.
func (f *fairness) heavy(client uint64) bool {
	if client == 0 || f.active < 2 {
		return false
	}
	return int(f.held[slot(client)])*4*f.active > max(4*f.active, unfairly*f.total)
}

// heavier says whether a holds so much more than b that it should give way.
func (f *fairness) heavier(a, b uint64) bool {
	if a == 0 || b == 0 {
		return false
	}
	return f.held[slot(a)] > 2*(f.held[slot(b)]+1)
}
