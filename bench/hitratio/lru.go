package main

import "container/list"

// lru plays a trace to a cache that forgets what was used least recently.
func lru(t *trace, budget int64) (c count) {
	order, at, used := list.New(), map[uint32]*list.Element{}, int64(0)
	for _, k := range t.keys {
		w := t.weight(k)
		e, hit := at[k]
		c.add(w, hit)
		if hit {
			order.MoveToFront(e)
			continue
		}
		at[k] = order.PushFront(k)
		for used += w; used > budget; {
			oldest := order.Remove(order.Back()).(uint32)
			used -= t.weight(oldest)
			delete(at, oldest)
		}
	}
	return c
}
