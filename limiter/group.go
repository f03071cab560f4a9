package limiter

// group is what is limited together: all classes in common or, while one is
// apart, that class alone.
type group struct {
	id       uint32 // 0: the common one; otherwise no two ever have the same
	inflight int
	queue    queue
	left     abandoned
	ctl      controller
	alone    alone // of one that isn't the common one

	tuned  bool // the queue's times are those of the latest answer,
	tuneBy int  // which was of this class
}

// room is the limit as a number of requests.
func (g *group) room() int { return int(g.ctl.limit + 1e-9) }

// held is how many requests the service is at work on, as far as is known.
func (g *group) held() int { return g.inflight + g.left.n }

// free says whether a request would get a permit at once: there is room, and
// nobody waits for it.
func (g *group) free() bool { return g.queue.n == 0 && g.held() < g.room() }

// queued is how many wait in all groups.
func (l *Limiter) queued() int {
	n := l.queue.n
	for _, g := range l.apart.groups[:l.apart.n] {
		n += g.queue.n
	}
	return n
}

// grantAll lets every group give out its free permits.
func (l *Limiter) grantAll(now int64, out *notices) {
	l.grant(now, &l.group, out)
	for _, g := range l.apart.groups[:l.apart.n] {
		l.grant(now, g, out)
	}
}

// share is a group's part of what may wait in all: a class that is apart gets
// little, since most of what waits for it waits in vain, and the others the rest.
func (l *Limiter) share(g *group, whole int) int {
	part := max(whole, 0) / apartShare
	if g.id != 0 {
		return min(whole, part)
	}
	return whole - l.apart.n*part
}

// apartShare is the reciprocal of the share of what may wait, and of what the
// limit may become, that one class apart may have.
const apartShare = 8
