package storm

// prints are r's two fingerprints: the one that only a retry repeats, and the
// one that others may; 0: none.
func (r *Request) prints() (exact, like uint64) {
	if r.Exact {
		return r.Print, r.Also
	}
	return 0, r.Print
}

// claimed is the fingerprint by which r's return is recognised: the one that
// lasts, if the other is made anew on the way.
func (r *Request) claimed() uint64 {
	if r.Also != 0 {
		return r.Also
	}
	return r.Print
}

// beat takes note of an arrival while nothing is remembered.
func (d *Detector) beat(t int64, r *Request) {
	if _, like := r.prints(); like != 0 && d.rules.rhythm {
		d.rhythms.beat(t, like, learnAll)
	}
}

// recall says what an arrival is, by what is remembered of its fingerprints.
func (d *Detector) recall(t int64, r *Request) recalled {
	was := recalled{attempt: 1}
	exact, like := r.prints()
	if exact != 0 {
		was = d.memory.arrive(t, exact)
	}
	if like == 0 {
		return was
	}
	also := d.memory.arrive(t, like)
	if was.attempt > 1 && !also.usual {
		return was // it is known whose retry it is
	}
	// Whoever does all its work within one trace repeats its id, too.
	if also.learn != learnNothing && d.rules.rhythm {
		d.rhythms.beat(t, like, also.learn)
	}
	also.known = also.known || was.known
	return also
}

// remember keeps both of r's fingerprints, as it did not succeed; left says that
// its client left, and waited that it had waited for long. Of those that leave
// soon most have had enough, and others who look the same are no retries.
func (d *Detector) remember(t int64, r *Request, left, waited bool) {
	exact, like := r.prints()
	if exact != 0 {
		d.memory.fail(t, r, exact, false, true, rhythm{})
	}
	if like != 0 && waited {
		var usual rhythm
		if d.rules.rhythm {
			usual = d.rhythms.of(like)
		}
		d.memory.fail(t, r, like, left, false, usual)
	}
}

// forget drops them, as r did succeed.
func (d *Detector) forget(t int64, r *Request) {
	exact, like := r.prints()
	if exact != 0 {
		d.memory.succeed(t, exact)
	}
	if like != 0 {
		d.memory.succeed(t, like)
	}
}
