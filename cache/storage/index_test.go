package storage

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

// indexed is an entry that was joined, as those in an index are.
func indexed(n uint64, policy int) *Entry[int] {
	e := join(&Entry[int]{Policy: policy, Body: NewBody(make([]byte, 300))})
	e.key = testKey(n)
	return e
}

// TestIndexIsAMap: whatever is put and removed, it holds what a map holds.
func TestIndexIsAMap(t *testing.T) {
	for _, keys := range []uint64{1, 5, 300, 20_000} {
		t.Run(fmt.Sprint(keys, " keys"), func(t *testing.T) {
			var ix index[int]
			ix.init()
			oracle, r := map[Key]*Entry[int]{}, rand.New(rand.NewPCG(keys, 1))
			for i := range 4 * int(keys) {
				e := indexed(r.Uint64N(keys), i)
				hash := ix.hash(&e.key)
				if there := oracle[e.key]; there != nil && r.IntN(3) == 0 {
					ix.remove(hash, there)
					delete(oracle, e.key)
					continue
				}
				if old := ix.put(hash, e); old != oracle[e.key] {
					t.Fatalf("it replaced %p, not %p", old, oracle[e.key])
				}
				oracle[e.key] = e
			}
			seen := map[Key]bool{}
			for e := range ix.all() {
				if oracle[e.key] != e || seen[e.key] {
					t.Fatalf("%x is listed twice, or wrongly", e.key)
				}
				seen[e.key] = true
			}
			if len(seen) != len(oracle) || int(ix.count.Load()) != len(oracle) {
				t.Errorf("%d are listed, %d counted, %d there", len(seen), ix.count.Load(), len(oracle))
			}
			for n := range 2 * keys {
				k := testKey(n)
				if got := ix.get(&k); got != oracle[k] {
					t.Fatalf("%x: %p, want %p", k, got, oracle[k])
				}
			}
			for range ix.all() { // leaving early is fine
				break
			}
		})
	}
}

// TestIndexIsReadMeanwhile: while others are put, replaced and removed around
// them, and shards grow, those that stay are found, and none under another's key.
func TestIndexIsReadMeanwhile(t *testing.T) {
	var ix index[int]
	ix.init()
	const stay = 50
	for n := range uint64(stay) {
		e := indexed(n, int(n))
		ix.put(ix.hash(&e.key), e)
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	for w := range uint64(2) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(w, 2))
			for {
				select {
				case <-done:
					return
				default:
				}
				n := r.Uint64N(5 * stay)
				k := testKey(n)
				if e := ix.get(&k); e == nil && n < stay || e != nil && e.Policy != int(n) {
					t.Errorf("key %d has %+v", n, e)
					return
				}
				seen := 0
				for e := range ix.all() {
					if e.Policy < stay {
						seen++
					}
				}
				if seen != stay {
					t.Errorf("%d of those that stay are listed", seen)
					return
				}
			}
		})
	}
	r := rand.New(rand.NewPCG(1, 3))
	for range 20_000 {
		n := r.Uint64N(2000)
		e := indexed(n, int(n))
		hash := ix.hash(&e.key)
		if there := ix.get(&e.key); there != nil && n >= stay && r.IntN(3) == 0 {
			ix.remove(hash, there)
		} else {
			ix.put(hash, e)
		}
	}
	close(done)
	wg.Wait()
}

// TestMarkedTags: the right slot is always among those that are marked.
func TestMarkedTags(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 4))
	for range 10_000 {
		tags := r.Uint64() & (1<<56 - 1)
		for at := range setSlots {
			tag := byte(tags>>(8*at)) | 0x80
			with := tags | uint64(tag)<<(8*at)
			if marked(with, tag)&(0x80<<(8*at)) == 0 {
				t.Fatalf("tags %014x: slot %d, %02x, isn't marked", with, at, tag)
			}
		}
		if m := marked(tags, 0x80); m&^tagHigh != 0 {
			t.Fatalf("more than slots are marked: %x", m)
		}
	}
	if m := marked(0, 0x80); m != 0 {
		t.Errorf("empty slots are marked: %x", m)
	}
}

// TestIndexIsDense: chains stay short, and memory is what entries are charged.
func TestIndexIsDense(t *testing.T) {
	var ix index[int]
	ix.init()
	const n = 100_000
	for i := range uint64(n) {
		e := &Entry[int]{key: testKey(i)}
		ix.put(ix.hash(&e.key), e)
	}
	sets, behind := 0, 0
	for i := range ix.shards {
		list := *ix.shards[i].sets.Load()
		sets += len(list)
		for j := range list {
			for next := list[j].next.Load(); next != nil; next = next.next.Load() {
				sets++
				for at := range next.slots {
					if next.slots[at].entry.Load() != nil {
						behind++
					}
				}
			}
		}
	}
	if each := 128 * sets / n; each > 60 || behind > n/20 {
		t.Errorf("%d bytes for each entry, %d of %d stand in a set behind", each, behind, n)
	}
}

// TestExpect: what is expected is what is found, or not; nothing else comes of it.
func TestExpect(t *testing.T) {
	s := small(t)
	there, gone := testKey(1), testKey(2)
	s.Expect(&there) // of an empty store
	put(t, s, there, "u", 7)
	e := Entry[int]{Policy: 8, Body: NewBody(make([]byte, 5000))}
	if err := s.Put(gone, s.Mark(), Labels{}, e); err != nil {
		t.Fatal(err)
	}
	uses := func() uint32 {
		e, _ := s.Get(there, nil)
		return e.uses(s.space.Load().eviction.age.Load())
	}
	before := uses()
	for range 3 {
		s.Expect(&there)
		s.Expect(&gone)
	}
	take(s, gone, nil)
	s.Expect(&gone)
	if n := uses(); n != before+1 || is(s, there) != 7 || is(s, gone) != -1 {
		t.Errorf("%d uses after %d, %d and %d", n, before, is(s, there), is(s, gone))
	}
	if n := testing.AllocsPerRun(100, func() { s.Expect(&there) }); n != 0 {
		t.Errorf("it allocates %v times", n)
	}
}
