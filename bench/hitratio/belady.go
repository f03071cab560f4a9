package main

import "container/heap"

// use is a key in the cache, and when it is used again.
type use struct {
	key  uint32
	next int
}

// uses is a heap, the one used again last on top.
type uses []use

func (u uses) Len() int           { return len(u) }
func (u uses) Less(i, j int) bool { return u[i].next > u[j].next }
func (u uses) Swap(i, j int)      { u[i], u[j] = u[j], u[i] }
func (u *uses) Push(x any)        { *u = append(*u, x.(use)) }

func (u *uses) Pop() any {
	last := (*u)[len(*u)-1]
	*u = (*u)[:len(*u)-1]
	return last
}

// nextUses is, for each request, where the same key is asked for next; the
// trace's length if never.
func nextUses(keys []uint32) []int {
	next, last := make([]int, len(keys)), map[uint32]int{}
	for i := len(keys) - 1; i >= 0; i-- {
		later, ok := last[keys[i]]
		if !ok {
			later = len(keys)
		}
		next[i], last[keys[i]] = later, i
	}
	return next
}

// belady plays a trace to the cache that knows the future and forgets what is
// used again last (Bélády 1966). Where all answers are of one size no cache
// does better; where they differ some could, and [bound] says how much at most.
func belady(t *trace, budget int64) (c count) {
	next, stored, order, used := nextUses(t.keys), map[uint32]int{}, &uses{}, int64(0)
	for i, k := range t.keys {
		w := t.weight(k)
		_, hit := stored[k]
		c.add(w, hit)
		if !hit {
			used += w
		}
		stored[k] = next[i]
		heap.Push(order, use{k, next[i]})
		for used > budget {
			// What was used since it was pushed has been pushed again.
			if top := heap.Pop(order).(use); stored[top.key] == top.next {
				delete(stored, top.key)
				used -= t.weight(top.key)
			}
		}
	}
	return c
}
