package telemetry

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
)

// simpleRing is the ring written in the obvious way: the oracle.
type simpleRing struct {
	mu      sync.Mutex
	values  []int
	size    int
	dropped uint64
}

func (r *simpleRing) Put(v *int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.values) == r.size {
		r.dropped++
		return false
	}
	r.values = append(r.values, *v)
	return true
}

func (r *simpleRing) Take(v *int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.values) == 0 {
		return false
	}
	*v, r.values = r.values[0], r.values[1:]
	return true
}

func (r *simpleRing) Len() int        { return len(r.values) }
func (r *simpleRing) Cap() int        { return r.size }
func (r *simpleRing) Dropped() uint64 { return r.dropped }

func TestNewRingRoundsUp(t *testing.T) {
	for _, tt := range []struct{ size, want int }{{-1, 2}, {0, 2}, {2, 2}, {3, 4}, {1000, 1024}, {1024, 1024}} {
		if got := NewRing[int](tt.size, nil).Cap(); got != tt.want {
			t.Errorf("NewRing(%d).Cap() = %d, want %d", tt.size, got, tt.want)
		}
	}
}

// compareWithOracle does what each byte of ops says to both rings: an even one
// puts, an odd one takes.
func compareWithOracle(t *testing.T, ops []byte) {
	t.Helper()
	type ring interface {
		Put(v *int) bool
		Take(v *int) bool
		Len() int
		Cap() int
		Dropped() uint64
	}
	var got, want ring = NewRing[int](4, nil), &simpleRing{size: 4}
	for i, op := range ops {
		var a, b int
		var okA, okB bool
		if op%2 == 0 {
			v := i
			okA, okB = got.Put(&v), want.Put(&v)
		} else {
			okA, okB = got.Take(&a), want.Take(&b)
		}
		if okA != okB || a != b || got.Len() != want.Len() || got.Dropped() != want.Dropped() {
			t.Fatalf("step %d (op %d): got %v %d, len %d, dropped %d; want %v %d, len %d, dropped %d",
				i, op%2, okA, a, got.Len(), got.Dropped(), okB, b, want.Len(), want.Dropped())
		}
	}
}

func TestRingBehavesLikeTheSimpleOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		ops := make([]byte, 200)
		for i := range ops {
			ops[i] = byte(rng.Uint32())
		}
		compareWithOracle(t, ops)
	}
}

func FuzzRing(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 1})
	f.Fuzz(compareWithOracle)
}

// Many producers and one consumer, who sleeps whenever there is nothing: no
// value is lost, doubled or overtaken by a later one of the same producer, and
// no wake-up is missed (the test would hang).
func TestRingConcurrently(t *testing.T) {
	const producers, each = 8, 5000
	type value struct{ producer, n int }
	r := NewRing[value](64, nil)

	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			for n := range each {
				for !r.Put(&value{p, n}) {
					runtime.Gosched()
				}
			}
		})
	}

	var next [producers]int
	for taken := 0; taken < producers*each; {
		var v value
		if !r.Take(&v) {
			<-r.Wait()
			continue
		}
		if v.n != next[v.producer] {
			t.Fatalf("producer %d: got value %d, want %d", v.producer, v.n, next[v.producer])
		}
		next[v.producer]++
		taken++
	}
	wg.Wait()
	if r.Len() != 0 {
		t.Errorf("Len() = %d at the end, want 0", r.Len())
	}
}

// A producer that was suspended between Claim and Commit stops the consumer,
// but no other producer.
func TestRingSuspendedProducer(t *testing.T) {
	r := NewRing[int](4, nil)
	pos, v, ok := r.Claim()
	if !ok {
		t.Fatal("Claim() on an empty ring failed")
	}
	for i := range 3 {
		if !r.Put(&i) {
			t.Fatalf("Put %d failed behind a suspended producer", i)
		}
	}
	if r.Put(new(int)) {
		t.Error("Put succeeded on a full ring")
	}
	if _, ok := r.Next(); ok {
		t.Error("Next returned a value that isn't filled")
	}
	*v = 42
	r.Commit(pos)
	for i, want := range []int{42, 0, 1, 2} {
		var got int
		if !r.Take(&got) || got != want {
			t.Errorf("value %d = %d, want %d", i, got, want)
		}
	}
}

func TestRingKeepsNothingAlive(t *testing.T) {
	r := NewRing[*int](2, nil)
	v := new(int)
	r.Put(&v)
	var got *int
	r.Take(&got)
	if held := r.slots[0].value; held != nil {
		t.Error("the slot still holds the value that was taken")
	}
}

func TestRingAllocatesNothing(t *testing.T) {
	r := NewRing[packed](64, nil)
	var v packed
	if n := testing.AllocsPerRun(1000, func() {
		r.Put(&v)
		r.Take(&v)
	}); n != 0 {
		t.Errorf("a value through the ring allocates %v times, want 0", n)
	}
}

func BenchmarkRingPut(b *testing.B) {
	r := NewRing[[4]uint64](1024, nil)
	var v [4]uint64
	b.ReportAllocs()
	for b.Loop() {
		r.Put(&v)
		r.Take(&v)
	}
}

func BenchmarkRingPutFull(b *testing.B) {
	r := NewRing[[4]uint64](2, nil)
	var v [4]uint64
	b.ReportAllocs()
	for b.Loop() {
		r.Put(&v)
	}
}
