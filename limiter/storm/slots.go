package storm

import "time"

const (
	promiseRing  = 128 // seconds that are told apart; above the farthest slot
	farthest     = 120 * time.Second
	leastPromise = 1
)

// returns is a virtual queue over the seconds to come: how many refused
// requests were told to come back in each.
type returns struct {
	reach    int64 // seconds
	second   int64 // the current one
	promised [promiseRing]uint32
	drawn    uint64
}

// pass forgets the seconds that are over.
func (q *returns) pass(now int64) {
	s := now / int64(time.Second)
	for i := q.second; i < min(s, q.second+promiseRing); i++ {
		q.promised[i%promiseRing] = 0
	}
	q.second = max(q.second, s)
}

// promise reserves a slot, among the first two seconds that have one to give.
func (q *returns) promise(now int64, forecast float64, seed uint64) (seconds int64, ok bool) {
	q.pass(now)
	room := uint32(max(forecast, leastPromise))
	var free [2]int64
	n := 0
	for s := int64(1); s <= q.reach && n < len(free); s++ {
		if q.promised[(q.second+s)%promiseRing] < room {
			free[n] = s
			n++
		}
	}
	if n == 0 {
		return 0, false
	}
	q.drawn++
	seconds = free[mix(seed^q.drawn)%uint64(n)]
	q.promised[(q.second+seconds)%promiseRing]++
	return seconds, true
}

// mix spreads a number's bits (the finalizer of splitmix64), so that draws
// need no source of randomness and repeat in a simulation.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
