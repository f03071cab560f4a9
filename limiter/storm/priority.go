package storm

import "time"

// priorities is how many there are; a limiter has as many.
const priorities = 8

const (
	pressShare  = 0.1 // of first attempts are shed: less than that is no reason to hold retries back, as they wait behind first attempts anyway
	pressLately = recoverAfter
	pressBefore = int64(30 * time.Second) // while it recovers from that
)

// pressure is where first attempts suffer: which priorities some were shed of
// lately. Retries give way to first attempts of their own priority and of
// higher ones. That a backlog of background work is shed is no reason to refuse
// anything else; nor is it that only retries are, as they already wait behind
// first attempts.
type pressure struct {
	seen [priorities]uint32
	ring [inSecond][priorities]uint32
	at   [priorities]int64 // when it last was on a priority or a higher one; 0: never
}

// look takes in the slot of time that ended, after which some more may have
// passed; firsts is how many first attempts came in the last second.
func (p *pressure) look(now int64, c *counts, steps int64, firsts float64) {
	slot := c.slot - steps // that ended
	for i := range min(steps, int64(inSecond)) {
		p.ring[(slot+i)%int64(inSecond)] = [priorities]uint32{}
	}
	var room [stripes]*stripe
	used := c.used(&room)
	for i := range p.seen {
		n := uint32(0)
		for _, s := range used {
			n += s.first[i].Load()
		}
		if steps <= int64(inSecond) {
			p.ring[slot%int64(inSecond)][i] = n - p.seen[i]
		}
		p.seen[i] = n
	}
	sum := 0.0
	for i := range p.at {
		for s := range p.ring {
			sum += float64(p.ring[s][i])
		}
		if sum >= max(1, pressShare*firsts) {
			p.at[i] = now
		}
	}
}

// relief is how much less a retry of each priority costs, in doublings, by how
// long ago it was on it or a higher one, or much failed; easeMost: nothing.
func (p *pressure) relief(now, lately, failedAt int64) (r relief) {
	for i, at := range p.at {
		if at == 0 {
			at = failedAt // of which there may have been none for ever
		}
		at = max(at, failedAt)
		r |= relief(min(max((now-at-lately)/slotSpan, 0), easeMost)) << (8 * i)
	}
	return r
}

// relief has a byte for each priority. Those that retries were held back of have
// gathered meanwhile: all at once would bring the pressure back.
type relief uint64

func (r relief) of(priority uint8) int {
	return int(r >> (8 * min(priority, priorities-1)) & 0xff)
}
