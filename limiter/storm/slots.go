package storm

import (
	"math"
	"time"
)

const (
	promiseRing  = 128 // seconds that are told apart: the farthest, and those until a claim lapses
	farthest     = 120 * time.Second
	leastPromise = 1 // a second, whatever the forecast

	// Who comes back so much before or after the promised time has kept its slot;
	// as promises are filed by the second, up to a second more.
	keepEarly = 500 * int64(time.Millisecond)
	keepLate  = 2 * int64(time.Second)
	lapse     = 4 // seconds after which nobody can claim

	// Seconds that have one to give in which a place for the claim is looked for.
	// Farther ones would fill the table for longer, and leave none for the next.
	promiseTries = 4

	// Of the slots of a second a client gets one as long as it has fewer than are
	// left: half of them if it asks first, and whoever asks next half of the rest,
	// without a need to know how many there are (dynamic thresholds, Choudhury and
	// Hahne, 1998). What is left over isn't lost, as other retries are let in
	// instead.
	shareClients = 128 // clients told apart; those that share a slot share a share

	claimWays = 8
	claimBits = 9
	claimSets = 1 << claimBits
)

// returns is a virtual queue over the seconds to come: how many refused
// requests were told to come back in each. It drains at the rate at which
// retries can be admitted: no second is promised to more than the forecast says
// can be admitted in it.
type returns struct {
	reach    int64 // seconds
	second   int64 // the current one
	promised [promiseRing]uint32
	unkept   [promiseRing]uint32 // of those, claims not made yet
	claims   *claims             // nil: nothing is promised, or nobody would be known
	shares   *shares             // as claims
	drawn    uint64
	farthest int64 // second that was promised
}

// shares is how many slots of each second clients have.
type shares [promiseRing][shareClients]uint16

// claims is a table; when a set is full, nothing more is promised in it.
type claims [claimSets][claimWays]claim

// claim is how many requests with a fingerprint were promised a second.
type claim struct {
	tag    uint32
	second uint32
	n      uint32
}

// pass moves on to now's second. Claims that fall due in the seconds that began
// are to be paid for, those that lapsed are given back.
func (q *returns) pass(now int64) (due, lapsed float64) {
	s := now / int64(time.Second)
	for i := max(q.second, s-promiseRing-lapse) + 1; i <= s; i++ {
		due += float64(q.unkept[i%promiseRing])
		if old := i - lapse; old >= 0 {
			lapsed += float64(q.unkept[old%promiseRing])
			q.unkept[old%promiseRing], q.promised[old%promiseRing] = 0, 0
			if q.shares != nil {
				q.shares[old%promiseRing] = [shareClients]uint16{}
			}
		}
	}
	q.second = max(q.second, s)
	if q.second > q.farthest+lapse {
		q.claims, q.shares = nil, nil
	}
	return due, lapsed
}

// promise reserves a slot for a request with a fingerprint, among the first two
// seconds that have one to give to its client, so that those refused together
// don't return together.
func (q *returns) promise(now int64, forecast float64, print, client uint64) (seconds int64, ok bool) {
	room := uint32(max(forecast, leastPromise))
	here := max(q.second, now/int64(time.Second))
	if q.claims == nil {
		q.claims, q.shares = new(claims), new(shares)
	}
	var free [2]int64
	n, tried := uint64(0), 0
	for s := int64(1); s <= q.reach && n < uint64(len(free)) && tried < promiseTries; s++ {
		if had := q.promised[(here+s)%promiseRing]; had >= room || q.unfair(here+s, client, room-had) {
			continue
		}
		if tried++; print == 0 || q.place(here, here+s, print) != nil {
			free[n] = s
			n++
		}
	}
	if n == 0 {
		return 0, false
	}
	q.drawn++
	seconds = free[mix(print+q.drawn)%n]
	q.promised[(here+seconds)%promiseRing]++
	q.farthest = max(q.farthest, here+seconds)
	if client != 0 {
		q.shares[(here+seconds)%promiseRing][shareSlot(client)]++
	}
	if print != 0 {
		c := q.place(here, here+seconds, print)
		_, tag := claimPlace(print, here+seconds)
		if c.n == 0 || c.tag != tag || int64(c.second) != here+seconds {
			*c = claim{tag: tag, second: uint32(here + seconds)}
		}
		c.n++
		q.unkept[(here+seconds)%promiseRing]++
	}
	return seconds, true
}

func shareSlot(client uint64) int { return clientSlot(client) % shareClients }

// unfair says whether a client has as much of a second as it may, while so many
// of its slots are left. Nobody in particular may have all.
func (q *returns) unfair(second int64, client uint64, left uint32) bool {
	if client == 0 {
		return false
	}
	has := q.shares[second%promiseRing][shareSlot(client)]
	return has == math.MaxUint16 || uint32(has) >= left
}

func claimPlace(print uint64, second int64) (set int, tag uint32) {
	h := mix(print ^ uint64(second)<<32)
	return int(h >> (64 - claimBits)), uint32(h) | 1
}

// place is where a claim is noted, or would be; nil: there is no room. What
// can't be noted isn't promised, as nobody would know it when it comes: under
// so many refusals that the table is full, promises reach less far.
func (q *returns) place(here, second int64, print uint64) (free *claim) {
	set, tag := claimPlace(print, second)
	for i := range q.claims[set] {
		c := &q.claims[set][i]
		if c.n > 0 && c.tag == tag && int64(c.second) == second {
			return c
		}
		if c.n == 0 || int64(c.second)+lapse <= here {
			free = c
		}
	}
	return free
}

// keep says whether a retry has kept its slot, which then is used up, and
// whether it came before its second began, so that it isn't paid for yet. The
// time may lie a little back, where a request is told of long after it came:
// what has lapsed by then is lost.
func (q *returns) keep(now int64, print uint64) (ok, unpaid bool) {
	if q.claims == nil {
		return false, false
	}
	from := max(q.second-lapse+1, max(0, now-keepLate)/int64(time.Second))
	for s := from; s <= (now+keepEarly)/int64(time.Second); s++ {
		set, tag := claimPlace(print, s)
		for i := range q.claims[set] {
			if c := &q.claims[set][i]; c.tag == tag && int64(c.second) == s && c.n > 0 {
				c.n--
				q.unkept[s%promiseRing]--
				return true, s > q.second
			}
		}
	}
	return false, false
}

// mix spreads a number's bits (the finalizer of splitmix64), so that draws
// need no source of randomness and repeat in a simulation.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
