package storage

import (
	"math/rand/v2"
	"testing"
	"unsafe"
)

func TestUsesAge(t *testing.T) {
	const last = 1<<(32-usesBits) - 1 // the age before the first again
	for _, c := range []struct{ uses, counted, now, want uint32 }{
		{0, 0, 0, 0},
		{15, 0, 0, 15},
		{15, 0, 1, 7},
		{15, 3, 5, 3},
		{15, 0, 4, 0},
		{15, 0, 1000, 0},
		{9, last, last, 9},
		{9, last, 0, 4},
		{9, last - 1, 0, 2},
	} {
		if got := usesAt(useOf(c.uses, c.counted), c.now); got != c.want {
			t.Errorf("%d uses of age %d are %d in age %d, want %d", c.uses, c.counted, got, c.now, c.want)
		}
	}
	e := &Entry[int]{use: useOf(13, 7)}
	if first, second, third := e.count(7), e.count(7), e.count(7); !first || !second || third || e.uses(7) != usesMost {
		t.Errorf("counted up to %d", e.uses(7))
	}
	if !e.count(8) || e.uses(8) != 8 {
		t.Errorf("an age later it is %d", e.uses(8))
	}
}

// TestSketch: it never says less than what it learned, and seldom more.
func TestSketch(t *testing.T) {
	var s sketch
	s.learn(1, 9)
	s.halve()
	if s.uses(1) != 0 {
		t.Error("without room something is known")
	}
	const n = 1000
	s.fit(2 * n)
	s.fit(n)
	if len(s) != 2048 {
		t.Errorf("it has room for %d", len(s))
	}
	r := rand.New(rand.NewPCG(1, 5))
	want := map[uint64]uint32{}
	for range n {
		hash := r.Uint64()
		want[hash] = r.Uint32N(usesMost + 1)
		s.learn(hash, want[hash])
		s.learn(hash, want[hash]/2)
	}
	for halvings := range 3 {
		more := 0
		for hash, uses := range want {
			switch got := s.uses(hash); {
			case got < uses>>halvings:
				t.Fatalf("%d, learned %d", got, uses)
			case got > uses>>halvings:
				more++
			}
		}
		if more > n/50 {
			t.Errorf("%d of %d are said to be more", more, n)
		}
		s.halve()
	}
}

// TestEvictionKeepsBooks: whatever is added, replaced, removed and bounded, each
// entry stands where the books say, and their sums are right.
func TestEvictionKeepsBooks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 6))
	var v eviction[int]
	v.bound(100_000)
	all := map[*Entry[int]]uint64{}
	remove := func(e *Entry[int]) {
		if _, there := all[e]; !there {
			t.Fatal("what isn't there is dropped")
		}
		v.remove(all[e], e)
		delete(all, e)
	}
	one := func() *Entry[int] {
		for e := range all {
			return e
		}
		return nil
	}
	for i := range 20_000 {
		weight := uint32(1 + r.IntN(3000))
		if r.IntN(200) == 0 {
			weight = 99_999
		}
		switch e := one(); {
		case r.IntN(10) == 0 && e != nil:
			remove(e)
		case r.IntN(10) == 0 && e != nil:
			by := &Entry[int]{key: e.key, weight: weight}
			v.replace(e, by)
			all[by] = all[e]
			delete(all, e)
		case r.IntN(100) == 0:
			v.bound(int64(50_000 + r.IntN(100_000)))
		default:
			e := &Entry[int]{weight: weight}
			all[e] = r.Uint64N(500)
			v.add(all[e], e)
			for range r.IntN(4) {
				v.use(e)
			}
		}
		v.fit(remove)
		young, settled, youngers := int64(0), int64(0), 0
		for e := range all {
			if e.young {
				young, youngers = young+int64(e.weight), youngers+1
				if v.young[e.place-v.first] != e {
					t.Fatalf("step %d: a new entry isn't in its place", i)
				}
			} else if settled += int64(e.weight); v.settled[e.place] != e {
				t.Fatalf("step %d: an entry isn't in its place", i)
			}
		}
		if young != v.youngBytes || settled != v.settledBytes || young+settled > v.budget || youngers != v.youngers || len(all) != youngers+len(v.settled) {
			t.Fatalf("step %d: %d and %d bytes, %d and %d in the books, of %d", i, young, settled, v.youngBytes, v.settledBytes, v.budget)
		}
	}
}

// TestScansDontEvict: what is asked for again and again stays, however much is
// asked for once.
func TestScansDontEvict(t *testing.T) {
	s := newStore(t, Options[int]{Budget: 1 << 20})
	const popular = 200
	for n := range uint64(popular) {
		put(t, s, testKey(n), testURL(n), int(n))
	}
	for n := range uint64(50_000) {
		is(s, testKey(n%popular))
		put(t, s, testKey(popular+n), testURL(popular+n), 0)
	}
	left := 0
	for n := range uint64(popular) {
		if is(s, testKey(n)) >= 0 {
			left++
		}
	}
	if left < popular*9/10 {
		t.Errorf("%d of %d are left", left, popular)
	}
	if st := s.Stats(); st.Evicted == 0 || st.Bytes > 1<<20 {
		t.Errorf("%+v", st)
	}
}

// TestStripesHaveLines: processors count beside each other, not in one line.
func TestStripesHaveLines(t *testing.T) {
	var s stripes
	if size := unsafe.Sizeof(s[0]); size != line {
		t.Errorf("a stripe takes %d bytes", size)
	}
	s[0].n.Add(3)
	s[63].n.Add(4)
	if s.sum() != 7 {
		t.Errorf("the sum is %d", s.sum())
	}
	var set indexSet[int]
	if size := unsafe.Sizeof(set); size != 2*line {
		t.Errorf("a set takes %d bytes", size)
	}
}
